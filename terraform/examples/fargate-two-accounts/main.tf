# The deployer in an account of its own, which is what keeps it from whoever has power where Terraform is applied; workers in
# a VPC that is there already; plan and apply roles in the account they act in.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.25, < 7.0"
    }
  }
}

provider "aws" {
  region = "eu-west-1"
}

provider "aws" {
  alias  = "target"
  region = "eu-west-1"

  assume_role {
    role_arn = "arn:aws:iam::222222222222:role/admin"
  }
}

module "infra_deployer" {
  source = "../.."

  policy_file  = "${path.module}/../allowlist.yaml"
  secret_arns  = ["arn:aws:secretsmanager:eu-west-1:111111111111:secret:infra-live-deploy-key-*"]
  role_arns    = [aws_iam_role.plan.arn, aws_iam_role.apply.arn]
  image_digest = var.image_digest

  network = {
    vpc_id          = var.vpc_id
    subnet_ids      = var.subnet_ids
    route_table_ids = var.route_table_ids
    # The VPC is the deployer's alone: in one that others use, theirs would go through these endpoints too.
    endpoints = true
    # The git server, and a proxy for the registries.
    egress_cidrs = ["198.51.100.7/32"]
    proxy        = { host = "proxy.example.internal", port = 3128, cidr = "10.0.12.8/32" }
  }

  fargate_worker = { cpu = 2048, memory = 4096, spot = true }

  gitlab = {
    url      = "https://gitlab.example.com"
    subjects = ["project_path:acme/infra-live:ref_type:*:ref:*"]
  }
}
