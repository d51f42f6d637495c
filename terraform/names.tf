# Names and ARNs that several files use. Functions call each other both ways, so ARNs are said here instead of read from resources.

data "aws_partition" "current" {}
data "aws_region" "current" {}
data "aws_caller_identity" "current" {}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region
  account   = data.aws_caller_identity.current.account_id
  # `service:region:account` of this installation, as most ARNs go on after `arn:aws:`.
  here = "${local.region}:${local.account}"

  doors   = toset(["deploy", "worker", "audit", "keeper"])
  workers = toset(["plan", "apply"])

  function_names = {
    for function in ["deploy", "worker", "audit", "keeper", "worker-plan", "worker-apply"] : function => "${var.name}-${function}"
  }
  function_arns = {
    for function, name in local.function_names : function => "arn:${local.partition}:lambda:${local.here}:function:${name}"
  }
  # Everybody invokes this alias of a published version, so that a version in the making is never called.
  alias      = "live"
  alias_arns = { for function, arn in local.function_arns : function => "${arn}:${local.alias}" }

  has_workers = var.image_digest != null
  has_network = var.network != null
  has_fargate = local.has_workers && local.has_network
  # All that a worker is told beforehand.
  worker_environment = merge({ INFRA_DEPLOYER_DOOR = "lambda:${local.alias_arns["worker"]}" }, local.proxy_environment)

  # `infra-deployer` marks what belongs to the installation; the permissions boundary goes by it too.
  tags = merge(var.tags, { infra-deployer = var.name })
}
