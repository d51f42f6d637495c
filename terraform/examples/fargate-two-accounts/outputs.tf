output "deploy_function" {
  description = "For INFRA_DEPLOYER_SERVER."
  value       = "lambda:${module.infra_deployer.deploy_function}"
}

output "ci_role_arn" {
  description = "For the role that CI jobs take on."
  value       = module.infra_deployer.ci_role_arn
}

output "registry_url" {
  description = "Where the worker image is pushed to."
  value       = module.infra_deployer.registry_url
}
