# Workers as functions alone, in no VPC: nothing to pay while nothing runs, and nothing to set up.
#
# What that gives up:
# - Egress: planned code reaches all of the internet, and can carry out what a plan role may read.
# - Endpoints: AWS's APIs are reached over the internet, so no policy of an endpoint refuses credentials of strangers.
# - Time and room: a run ends after 15 minutes less the grace period, with 10 GB of disk at most.
# - Uids: Lambda knows one. What keeps planned code from the worker's memory and environment is that the image's Node may be
#   run and not be read; what it can do is end the worker, and change the files of its own run. Applies, which run reviewed
#   code, have a function of their own.

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

  lambda_worker = { memory_mb = 3072, tmp_mb = 10240 }
}

output "deploy_function" {
  description = "For INFRA_DEPLOYER_SERVER."
  value       = "lambda:${module.infra_deployer.deploy_function}"
}

output "registry_url" {
  description = "Where the worker image is pushed to."
  value       = module.infra_deployer.registry_url
}
