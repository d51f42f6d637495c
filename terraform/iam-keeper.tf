# The keeper: starts and stops workers, cleans up, mirrors the audit trail. It cannot read a plan, a secret or a run's credentials.

data "aws_iam_policy_document" "keeper" {
  statement {
    sid       = "Ledger"
    actions   = concat(local.ledger_reading, local.ledger_writing)
    resources = [aws_dynamodb_table.ledger.arn]
  }

  statement {
    sid       = "Macs"
    actions   = ["kms:GenerateMac", "kms:VerifyMac"]
    resources = [aws_kms_key.hmac["records"].arn]
  }

  statement {
    sid       = "Policy"
    actions   = ["s3:GetObject"]
    resources = [local.policy_arn]
  }

  statement {
    sid       = "ListPlansAndMirror"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.this["plans"].arn, aws_s3_bucket.this["audit"].arn]
  }

  # `*`: plans are named by their run.
  statement {
    sid       = "RemovePlans"
    actions   = ["s3:DeleteObject"]
    resources = ["${aws_s3_bucket.this["plans"].arn}/plans/*"]
  }

  # `*`: an object per stretch of the trail. Nothing is taken away, and no lock is gone around.
  statement {
    sid       = "MirrorTheTrail"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.this["audit"].arn}/*"]
  }

  # `*`: a stream per run.
  statement {
    sid       = "LogsOfRuns"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.runs.arn}:*"]
  }

  statement {
    sid       = "OwnLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [local.own_log["keeper"]]
  }

  dynamic "statement" {
    for_each = local.has_workers ? [1] : []

    content {
      sid       = "StartFunctions"
      actions   = ["lambda:InvokeFunction"]
      resources = [for kind in local.workers : local.alias_arns["worker-${kind}"]]
    }
  }

  dynamic "statement" {
    for_each = local.has_fargate ? [1] : []

    content {
      sid     = "StartTasks"
      actions = ["ecs:RunTask"]
      # `*`: the revision, since during an update there are two.
      resources = [for family in local.task_families : "arn:${local.partition}:ecs:${local.here}:task-definition/${family}:*"]

      condition {
        test     = "ArnEquals"
        variable = "ecs:cluster"
        values   = [local.cluster_arn]
      }
    }
  }

  dynamic "statement" {
    for_each = local.has_fargate ? [1] : []

    content {
      sid     = "WatchAndStopTasks"
      actions = ["ecs:DescribeTasks", "ecs:StopTask"]
      # `*`: tasks are named by ECS.
      resources = ["arn:${local.partition}:ecs:${local.here}:task/${var.name}/*"]

      condition {
        test     = "ArnEquals"
        variable = "ecs:cluster"
        values   = [local.cluster_arn]
      }
    }
  }

  dynamic "statement" {
    for_each = local.has_fargate ? [1] : []

    content {
      sid     = "ListTasks"
      actions = ["ecs:ListTasks"]
      # Fargate's tasks have no container instance, the only resource this action knows: the condition says where.
      resources = ["*"]

      condition {
        test     = "ArnEquals"
        variable = "ecs:cluster"
        values   = [local.cluster_arn]
      }
    }
  }

  dynamic "statement" {
    for_each = local.has_fargate ? [1] : []

    content {
      sid       = "GiveTasksTheirRoles"
      actions   = ["iam:PassRole"]
      resources = concat([for role in aws_iam_role.worker_task : role.arn], [for role in aws_iam_role.task_execution : role.arn])

      condition {
        test     = "StringEquals"
        variable = "iam:PassedToService"
        values   = ["ecs-tasks.amazonaws.com"]
      }
    }
  }
}
