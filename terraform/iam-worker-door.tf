# The worker door: the only one that can get credentials of runs and presign plans. It starts nothing.

data "aws_iam_policy_document" "worker_door" {
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

  # A presigned grant can do what its signer may. `*`: plans are named by their run, cached providers by their lock file.
  statement {
    sid       = "PlansAndProviders"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = [for prefix in ["plans", "provider-cache"] : "${aws_s3_bucket.this["plans"].arn}/${prefix}/*"]
  }

  # Without it S3 does not say that a plan is missing.
  statement {
    sid       = "SeeThatThereIsNoPlan"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.this["plans"].arn]
  }

  # `*`: likewise. Whoever reads them, it is not the door.
  statement {
    sid       = "ErroredStates"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.this["errored"].arn}/*"]
  }

  statement {
    sid       = "EncryptPlans"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.plans.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${local.region}.${data.aws_partition.current.dns_suffix}"]
    }
  }

  # For one run each time: the session's name, tags and policy say which.
  statement {
    sid       = "SessionsOfRuns"
    actions   = ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]
    resources = concat([aws_iam_role.run.arn], var.role_arns)
  }

  statement {
    sid       = "WakeTheKeeper"
    actions   = ["lambda:InvokeFunction"]
    resources = [local.alias_arns["keeper"]]
  }

  statement {
    sid       = "OwnLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [local.own_log["worker"]]
  }
}
