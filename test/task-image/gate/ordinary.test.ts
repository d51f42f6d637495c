import { expect, test } from 'vitest';
import { type Files, gated, rulesOf } from './gated.ts';

/** As deep as schemas of Kubernetes are. */
const deep = Array.from({ length: 60 }).reduce<object>(inner => ({ properties: inner }), {});

const ordinary: Readonly<Record<string, Files>> = {
  'a network': {
    'main.tf': `terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
      configuration_aliases = [aws.east]
    }
    random = { source = "registry.terraform.io/hashicorp/random" }
  }
  backend "s3" {
    bucket  = "state"
    encrypt = true
  }
}

provider "aws" {
  region                      = var.region
  skip_credentials_validation = true
  default_tags {
    tags = { token = "no-secret", owner = "team" }
  }
  ignore_tags { key_prefixes = ["kubernetes.io/"] }
}

provider "aws" {
  alias  = "east"
  region = "us-east-1"
}

resource "aws_vpc" "this" {
  cidr_block = cidrsubnet("10.0.0.0/8", 8, 1)
  tags       = merge(local.tags, { Name = "\${var.name}-vpc" })
  lifecycle {
    prevent_destroy = true
    precondition {
      condition     = can(regex("^[a-z/]+$", var.name))
      error_message = "name is /bad/"
    }
  }
}

resource "aws_subnet" "private" {
  for_each          = { for i, az in var.azs : az => i }
  provider          = aws.east
  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = cidrsubnet(aws_vpc.this.cidr_block, 8, each.value)
}

resource "aws_security_group" "web" {
  dynamic "ingress" {
    for_each = var.ports
    content {
      from_port   = ingress.value
      to_port     = ingress.value
      protocol    = "tcp"
      cidr_blocks = ["0.0.0.0/0"]
    }
  }
}`,
    'variables.tf': `variable "region" { default = "eu-west-1" }
variable "name" {
  type    = string
  default = "/service/path"
  validation {
    condition     = length(var.name) > 3
    error_message = "Too short: see file(1) and /etc/motd."
  }
}
variable "azs" { type = list(string) }
variable "ports" {
  type = list(number)
  default = []
}
locals {
  tags = { team = "x", path = "/a/b", home = "~" }
}`,
    'terraform.tfvars': 'azs = ["a", "b"]\n',
    '.terraform.lock.hcl':
      'provider "registry.terraform.io/hashicorp/aws" {\n  version = "5.0.0"\n  hashes = ["h1:x="]\n}\n',
  },
  'files, templates and heredocs': {
    'main.tf': `resource "aws_instance" "x" {
  user_data = templatefile("\${path.module}/init.tpl", { path = "/var/lib", proc = "/proc/self" })
  inline = <<-EOT
    #!/bin/sh
    cat /proc/self/status "$\${HOME}/x" > /etc/x # } not an end
    echo \${var.name} %{ if var.on }on%{ else }off%{ endif }
  EOT
}
resource "aws_s3_object" "f" {
  for_each = fileset(path.module, "files/**")
  source   = "\${path.module}/files/\${each.value}"
  etag     = filemd5("\${path.module}/files/\${each.value}")
  content  = file("\${path.root}/x.json")
  beside   = fileset(trimsuffix(path.module, "/vpc"), "common/*.txt")
  policy   = file("policies/x.json")
  other    = file("../shared/x.json")
  text     = jsonencode({ a = [for s in split("/", var.p) : trimprefix(s, "/")] })
  maybe    = fileexists(local.f) ? file(local.f) : file(join("/", [path.module, "x"]))
}
data "archive_file" "z" {
  type        = "zip"
  source_dir  = "\${path.module}/src"
  output_path = "\${path.module}/x.zip"
  excludes    = ["a/b"]
}
data "archive_file" "y" {
  type        = "zip"
  output_path = "y.zip"
  source {
    filename = "index.js"
    content  = "#!/usr/bin/env node"
  }
  source {
    filename = "run"
    content  = "/usr/bin/env node"
  }
}
resource "local_file" "c" {
  filename = "x"
  content  = "/etc/x"
}
locals {
  template = { linux = "\${path.module}/init.tpl", none = "/x" }
  suffix   = "/x.json"
}
resource "aws_launch_template" "t" {
  for_each  = toset(["a", "b"])
  user_data = templatefile("\${path.module}/templates/\${each.key}.tpl", { text = "${'x'.repeat(5000)}" })
  other     = templatefile(coalesce(var.template, local.template["linux"]), {})
  joined    = file("\${path.module}\${local.suffix}")
}
variable "template" { default = "" }
data "local_file" "f" { filename = "\${path.module}/x.txt" }
data "aws_iam_policy_document" "p" {
  statement {
    resources = ["arn:aws:s3:::x/home/$\${aws:username}/*"]
  }
}`,
    'prod/vpc/templates/a.tpl': '${x}',
    'init.tpl': '#!/bin/sh\n%{ for p in ["/a"] ~}\nls ${p} /etc/passwd\n%{ endfor ~}\n',
  },
  'modules of every allowed kind': {
    'main.tf': `module "own" {
  source    = "../../modules/own"
  providers = { aws = aws, aws.east = aws.east }
  for_each  = toset(["a"])
}
module "below" { source = "./below/" }
module "private" { source = "git@gitlab.example.com:acme/terraform-modules.git?ref=v1.2.3" }
module "private_ssh" { source = "git::ssh://git@gitlab.example.com/acme/terraform-modules.git//vpc/aws?ref=0123456789abcdef0123456789abcdef01234567" }
module "https" { source = "git::https://git.example.com/acme/group/x.git//sub?ref=vpc/v1.2.3" }
module "hub" { source = "github.com/acme/x?ref=v2.0.0" }
module "registry" {
  source  = "terraform-aws-modules/vpc/aws"
  version = "5.1.2"
}
module "sub" {
  source  = "registry.terraform.io/terraform-aws-modules/iam/aws//modules/role"
  version = "= 5.1.2"
}`,
    'modules/own/main.tf': 'terraform {\n  backend "local" {}\n}\nmodule "deeper" { source = "../deeper" }\n',
    'modules/deeper/main.tf': 'output "x" { value = file("${path.module}/../own/x") }\n',
    'prod/vpc/below/main.tf': 'variable "x" {}\n',
  },
  'what changes no resource': {
    'main.tf': `moved {
  from = aws_x.a
  to   = aws_x.b
}
import {
  to = aws_x.b
  id = "/a/b"
}
removed {
  from = aws_x.c
  lifecycle { destroy = false }
}
check "up" {
  data "aws_instance" "x" { id = "x" }
  assert {
    condition     = data.aws_instance.x.id != ""
    error_message = "down"
  }
}
resource "terraform_data" "x" { input = timestamp() }
resource "aws_glue_connection" "x" { connection_properties = { PASSWORD = var.p } }
ephemeral "random_password" "p" { length = 8 }
output "x" {
  value     = aws_x.b.token
  sensitive = true
}`,
    '.hidden.tf': 'data "external" "x" {}',
    'ignored.tofu': 'data "external" "x" {}',
    'notes.hcl': 'this is { not read',
  },
  'another stack that it may read': {
    'main.tf': `data "terraform_remote_state" "net" {
  backend   = "s3"
  workspace = "default"
  config = {
    bucket = "state"
    key    = "network/eu/terraform.tfstate"
  }
  defaults = { x = 1 }
}`,
  },
  'tests, and what they need': {
    'main.tf': '\ufeffterraform {\n  required_providers { acme = { source = "hashicorp/acme" } }\n}\n',
    'a.tftest.hcl': 'provider "acme" { access_key = "mock" }\nmock_provider "aws" {}\nvariables { x = "/etc" }\n',
    'prod/vpc/tests/b.tftest.hcl': 'run "setup" {\n  module { source = "./tests/setup" }\n}\n',
    'prod/vpc/tests/setup/main.tf': '',
    'terraform.tfvars': 'data = { external = { x = {} } }\n',
  },
  'a provider of what another makes': {
    'main.tf': `provider "helm" {
  kubernetes = {
    host                   = data.aws_eks_cluster.x.endpoint
    cluster_ca             = base64decode(data.aws_eks_cluster.x.ca[0].data)
  }
}
provider "kubernetes" {
  host = "https://\${var.name}.example"
}`,
  },
  'JSON syntax': {
    'main.tf.json': JSON.stringify({
      '//': 'a comment',
      terraform: [
        {
          required_providers: { '//': 'a comment', aws: { source: 'hashicorp/aws' } },
          backend: { s3: { encrypt: true } },
        },
      ],
      provider: { aws: [{ region: 'x' }, { alias: 'y', region: 'z' }] },
      resource: {
        aws_x: { a: { provider: 'aws.y', path: '/etc', text: "${file('x')}" } },
        null_resource: [{ b: { tags: { constructor: 'x' }, deep } }],
      },
      module: { m: { source: './m' } },
      variable: { x: { default: null } },
    }),
    'prod/vpc/m/main.tf': '',
  },
};

const stacks = [
  {
    backend: { type: 's3', config: { bucket: 'state', key: '{path}/terraform.tfstate', encrypt: 'true' } },
    reads: ['network/**'],
    module_sources: [
      'git::https://git.example.com/acme/**',
      'git::https://github.com/acme/*',
      'registry.terraform.io/terraform-aws-modules/*/*',
    ],
  },
];
const knownHosts =
  'gitlab.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
const modules = [
  {
    url: 'git@gitlab.example.com:acme/terraform-modules.git',
    deploy_key: 'file:/etc/key2',
    known_hosts: knownHosts,
  },
];

for (const [what, files] of Object.entries(ordinary))
  test(`lets ${what} through`, async () => {
    expect(await gated(files, { stacks, modules })).toEqual([]);
  });

test('tells every finding with file, line of the header, rule and what to do, by place', async () => {
  const findings = await gated({
    'main.tf':
      '\n\ndata "external" "who" {\n  program = [\n    file("/etc/passwd")\n  ]\n}\n\ndata "http" "x" {}\ndata "http" "x" {}\n',
    'a.tf.json': '{\n "data": {\n  "external": {\n   "j": {\n    "program": ["id"]}}}}',
  });
  expect(findings.map(({ file, line, rule, what }) => `${file}:${line} ${rule} ${what}`)).toEqual([
    'prod/vpc/a.tf.json:4 external-data data "external" "j"',
    'prod/vpc/main.tf:3 external-data data "external" "who"',
    'prod/vpc/main.tf:3 file-path file(…)',
    'prod/vpc/main.tf:9 http-data data "http" "x"',
    'prod/vpc/main.tf:10 http-data data "http" "x"',
  ]);
  expect(findings[0]?.fix).toBe('remove it, or have an admin add `gate: {allow: [external-data]}` for this path');
});

test('does not count a rule that the policy switches off for the path, and no other', async () => {
  const files = { 'main.tf': 'data "external" "who" {}\ndata "http" "x" {}\nprovider "external" {}' };
  const given = { stacks: [{ gate: { allow: ['external-data'] } }] };
  expect(rulesOf(await gated(files, given))).toEqual(['http-data']);
});

test('reads a module that is called in a circle, or twice, once', async () => {
  const call = (name: string, source: string) => `module "${name}" {\n  source = "${source}"\n}\n`;
  const files = {
    'main.tf': call('a', './m') + call('b', '../vpc/m/'),
    'prod/vpc/m/main.tf': `${call('up', '..')}data "http" "x" {}`,
  };
  expect(rulesOf(await gated(files))).toEqual(['http-data']);
});
