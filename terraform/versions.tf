terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # The first that know Lambda's tenant isolation and Node 24; 7 may rename what is used here.
      version = ">= 6.25, < 7.0"
    }
  }
}
