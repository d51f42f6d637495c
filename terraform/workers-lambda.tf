# Workers as functions: one for plans, one for applies, so that unreviewed code never runs where an apply runs.

locals {
  worker_concurrency = { plan = var.lambda_worker.plan_concurrency, apply = var.lambda_worker.apply_concurrency }

  lambda_settings = {
    for name, settings in {
      lambda = {
        plan      = local.alias_arns["worker-plan"]
        apply     = local.alias_arns["worker-apply"]
        perTenant = var.lambda_worker.isolate
        # What takes from the account's pool has no number.
        concurrency = { for pool, most in local.worker_concurrency : pool => most if most > 0 }
      }
    } : name => settings if local.has_workers
  }
}

resource "aws_lambda_function" "worker" {
  for_each = local.has_workers ? local.workers : []

  function_name                  = local.function_names["worker-${each.key}"]
  description                    = "infra-deployer: works a run (${each.key})"
  role                           = aws_iam_role.worker_lambda[each.key].arn
  package_type                   = "Image"
  image_uri                      = local.image
  architectures                  = [var.architecture]
  timeout                        = 900
  memory_size                    = var.lambda_worker.memory_mb
  reserved_concurrent_executions = local.worker_concurrency[each.key]
  publish                        = true
  tags                           = local.tags

  environment {
    variables = local.worker_environment
  }

  ephemeral_storage {
    size = var.lambda_worker.tmp_mb
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation.html: the tenant is the run.
  dynamic "tenancy_config" {
    for_each = var.lambda_worker.isolate ? [1] : []

    content {
      tenant_isolation_mode = "PER_TENANT"
    }
  }

  dynamic "vpc_config" {
    for_each = local.has_network ? [1] : []

    content {
      subnet_ids         = local.subnet_ids
      security_group_ids = [aws_security_group.workers[0].id]
    }
  }

  # Lambda makes its network interfaces with the role's permissions, and gives it the image by the registry's.
  depends_on = [aws_iam_role_policy.worker_lambda, aws_ecr_repository_policy.workers]
}

resource "aws_lambda_alias" "worker" {
  for_each = aws_lambda_function.worker

  name             = local.alias
  function_name    = each.value.function_name
  function_version = each.value.version
}

# A ticket is good once: an event is not tried again. No destination either, since the worker's own role would need to
# be allowed to invoke it; the keeper sees by the ledger what did not start.
resource "aws_lambda_function_event_invoke_config" "worker" {
  for_each = aws_lambda_alias.worker

  function_name                = each.value.function_name
  qualifier                    = each.value.name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 60
}
