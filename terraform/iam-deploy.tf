# The deploy door, which CI talks to: writes runs, wakes the keeper. It reaches no plan, no secret and no worker.

data "aws_iam_policy_document" "deploy" {
  statement {
    sid       = "Ledger"
    actions   = concat(local.ledger_reading, local.ledger_writing)
    resources = [aws_dynamodb_table.ledger.arn]
  }

  statement {
    sid       = "Macs"
    actions   = ["kms:GenerateMac", "kms:VerifyMac"]
    resources = [for key in aws_kms_key.hmac : key.arn]
  }

  statement {
    sid       = "Policy"
    actions   = ["s3:GetObject"]
    resources = [local.policy_arn]
  }

  statement {
    sid       = "WakeTheKeeper"
    actions   = ["lambda:InvokeFunction"]
    resources = [local.alias_arns["keeper"]]
  }

  statement {
    sid       = "OwnLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [local.own_log["deploy"]]
  }
}
