# The smallest installation that keeps what it promises: workers in private subnets that are made for them.
#
# 1. Put the deploy key into Secrets Manager and its ARN into the policy (`deploy_key`).
# 2. terraform apply
# 3. Push the worker image to `registry_url`.
# 4. terraform apply -var image_digest=sha256:…

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

variable "image_digest" {
  description = "Digest of the worker image; nothing at first."
  type        = string
  default     = null
}

module "infra_deployer" {
  source = "../.."

  policy_file  = "${path.module}/../allowlist.yaml"
  secret_arns  = ["arn:aws:secretsmanager:eu-west-1:111111111111:secret:infra-live-deploy-key-*"]
  role_arns    = ["arn:aws:iam::222222222222:role/tf-plan", "arn:aws:iam::222222222222:role/tf-apply"]
  image_digest = var.image_digest

  # Your git server and the registries that Terraform asks. Everything, for a start.
  network = { egress_cidrs = ["0.0.0.0/0"] }
}

output "deploy_function" {
  description = "For INFRA_DEPLOYER_SERVER."
  value       = "lambda:${module.infra_deployer.deploy_function}"
}

output "registry_url" {
  description = "Where the worker image is pushed to."
  value       = module.infra_deployer.registry_url
}

output "target_trust_policy" {
  description = "Trust policy of tf-plan and tf-apply."
  value       = module.infra_deployer.target_trust_policy
}
