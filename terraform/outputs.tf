output "deploy_function" {
  description = "What CI invokes: `--server lambda:<this>`, or INFRA_DEPLOYER_SERVER."
  value       = aws_lambda_alias.door["deploy"].arn
}

output "audit_function" {
  description = "What auditors invoke."
  value       = aws_lambda_alias.door["audit"].arn
}

output "ci_role_arn" {
  description = "The role that CI takes with its ID token, where `gitlab` is set."
  value       = one(aws_iam_role.ci[*].arn)
}

output "registry_url" {
  description = "Where the worker image is pushed to; its digest is `image_digest`."
  value       = aws_ecr_repository.workers.repository_url
}

output "boundary_arn" {
  description = "Permissions boundary for the roles that the policy names, in this account."
  value       = aws_iam_policy.boundary.arn
}

output "boundary_policy" {
  description = "The boundary's text, for roles of other accounts: make it a policy there, of the same name."
  value       = data.aws_iam_policy_document.boundary.json
}

output "boundary_name" {
  description = "The boundary's name, the same in every account."
  value       = aws_iam_policy.boundary.name
}

output "target_trust_policy" {
  description = "Trust policy of the roles that the policy names: the worker door, with `sts:TagSession` and `sts:SetSourceIdentity`."
  value       = data.aws_iam_policy_document.worker_door_trust.json
}

output "worker_door_role_arn" {
  description = "Whom those roles trust."
  value       = aws_iam_role.door["worker"].arn
}

output "worker_security_group_id" {
  description = "Of the workers, where `network` is set."
  value       = one(aws_security_group.workers[*].id)
}

output "nat_address" {
  description = "Where workers come from, for the allowlist of a git server; where the module makes a NAT gateway."
  value       = one(aws_eip.nat[*].public_ip)
}

output "log_group" {
  description = "Logs of runs that have ended, a stream per run."
  value       = aws_cloudwatch_log_group.runs.name
}

output "errored_bucket" {
  description = "States that their backends did not take, named by their run."
  value       = aws_s3_bucket.this["errored"].bucket
}

output "audit_bucket" {
  description = "The mirror of the audit trail."
  value       = aws_s3_bucket.this["audit"].bucket
}
