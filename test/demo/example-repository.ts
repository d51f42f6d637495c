/** A small infrastructure repository as a team might have it: three stacks, one local module, nothing that costs money. */
import { bareRepository, type Files, type Repository } from '../support/repository.ts';

/** `main` has three stacks; `feature/nat` adds a subnet to prod/vpc that nobody has reviewed. */
export function exampleRepository(dir: string): Repository {
  const repository = bareRepository(dir, exampleFiles);
  repository.commit(
    'feature/nat',
    { 'prod/vpc/main.tf': vpc('10.1.0.0/16', ['a', 'b', 'nat']) },
    { message: 'add nat subnet', from: 'main' },
  );
  return repository;
}

const network = `resource "terraform_data" "transit" {
  input = { cidr = "10.0.0.0/8" }
}

output "cidr" {
  value = terraform_data.transit.output.cidr
}
`;

const vpc = (cidr: string, subnets: readonly string[]) => `module "tags" {
  source = "../../modules/tags"
  owner  = "platform"
}

resource "terraform_data" "vpc" {
  input = { cidr = "${cidr}", tags = module.tags.all }
}

resource "terraform_data" "subnet" {
  for_each = toset(${JSON.stringify(subnets)})
  input    = { vpc = terraform_data.vpc.id, zone = each.key }
}

output "vpc_id" {
  value = terraform_data.vpc.id
}
`;

const tags = `variable "owner" {
  type = string
}

output "all" {
  value = { owner = var.owner, managed_by = "infra-deployer" }
}
`;

export const exampleFiles: Files = {
  'README.md': '# Infrastructure\n\nOne directory per stack; apply from main.\n',
  'modules/tags/main.tf': tags,
  'prod/network/main.tf': network,
  'prod/vpc/main.tf': vpc('10.1.0.0/16', ['a', 'b']),
  'staging/vpc/main.tf': vpc('10.2.0.0/16', ['a']),
};
