# The control plane: four functions of one bundle, each told in one variable what it is and where things are.

locals {
  lambda_zip = coalesce(var.lambda_zip, "${path.module}/../dist/lambda.zip")

  policy_arn    = "${aws_s3_bucket.this["policy"].arn}/${local.policy_key}"
  policy_object = { bucket = aws_s3_bucket.this["policy"].bucket, key = local.policy_key }
  plans_bucket  = { bucket = aws_s3_bucket.this["plans"].bucket, key = aws_kms_key.plans.arn }

  door_settings = {
    deploy = {
      policy     = local.policy_object
      runKeysKey = aws_kms_key.hmac["run-keys"].arn
      keeper     = local.alias_arns["keeper"]
    }
    worker = merge(
      {
        policy        = local.policy_object
        plans         = local.plans_bucket
        erroredStates = { bucket = aws_s3_bucket.this["errored"].bucket }
        runRole       = aws_iam_role.run.arn
        keeper        = local.alias_arns["keeper"]
      },
      # Beside the plans: what keeps everybody from those keeps them from these.
      var.cache_expiration_days == null ? {} : { providerCache = { bucket = aws_s3_bucket.this["plans"].bucket } },
    )
    audit = {}
    keeper = merge(
      {
        policy      = local.policy_object
        plans       = local.plans_bucket
        auditBucket = aws_s3_bucket.this["audit"].bucket
        logGroup    = aws_cloudwatch_log_group.runs.name
      },
      local.lambda_settings,
      local.fargate_settings,
    )
  }

  door_limits = {
    deploy = { timeout = 30, memory = 512 }
    worker = { timeout = 30, memory = 512 }
    audit  = { timeout = 30, memory = 512 }
    # Goes through every live run; the next minute's takes over what this one leaves.
    keeper = { timeout = 120, memory = 512 }
  }
}

resource "aws_lambda_function" "door" {
  for_each = local.doors

  function_name                  = local.function_names[each.key]
  description                    = "infra-deployer: ${each.key == "keeper" ? "the keeper" : "the ${each.key} door"}"
  role                           = aws_iam_role.door[each.key].arn
  filename                       = local.lambda_zip
  source_code_hash               = filebase64sha256(local.lambda_zip)
  runtime                        = "nodejs24.x"
  handler                        = "index.handler"
  architectures                  = [var.architecture]
  timeout                        = local.door_limits[each.key].timeout
  memory_size                    = local.door_limits[each.key].memory
  reserved_concurrent_executions = var.concurrency[each.key]
  publish                        = true
  tags                           = local.tags

  environment {
    variables = {
      INFRA_DEPLOYER_SETTINGS = jsonencode(merge(
        { function = each.key, table = aws_dynamodb_table.ledger.name, recordsKey = aws_kms_key.hmac["records"].arn },
        local.door_settings[each.key],
      ))
    }
  }

  # Lines that are JSON already go through as they are, so that metric filters can read them.
  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.door[each.key].name
  }

  # A function without its policy would fail closed, but loudly.
  depends_on = [aws_iam_role_policy.door]
}

resource "aws_lambda_alias" "door" {
  for_each = local.doors

  name             = local.alias
  function_name    = aws_lambda_function.door[each.key].function_name
  function_version = aws_lambda_function.door[each.key].version
}

# A request that waited is a request nobody waits for: nothing is tried again, nothing lies around.
resource "aws_lambda_function_event_invoke_config" "door" {
  for_each = local.doors

  function_name                = aws_lambda_function.door[each.key].function_name
  qualifier                    = aws_lambda_alias.door[each.key].name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 60

  dynamic "destination_config" {
    for_each = each.key == "deploy" ? [1] : []

    content {
      on_failure {
        destination = aws_lambda_alias.door["keeper"].arn
      }
    }
  }

  # Lambda looks whether the function may invoke its destination.
  depends_on = [aws_iam_role_policy.door]
}

resource "aws_cloudwatch_log_group" "door" {
  for_each = local.doors

  name              = "/aws/lambda/${local.function_names[each.key]}"
  retention_in_days = var.log_retention_days
  tags              = local.tags
}

# What runs printed, a stream per run, copied here by the keeper when they end.
resource "aws_cloudwatch_log_group" "runs" {
  name              = "/${var.name}/runs"
  retention_in_days = var.log_retention_days
  tags              = local.tags
}
