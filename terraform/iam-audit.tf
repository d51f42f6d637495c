# The audit door: reads, and checks MACs. It cannot make one.

data "aws_iam_policy_document" "audit" {
  statement {
    sid       = "Ledger"
    actions   = local.ledger_reading
    resources = [aws_dynamodb_table.ledger.arn]
  }

  statement {
    sid       = "Macs"
    actions   = ["kms:VerifyMac"]
    resources = [aws_kms_key.hmac["records"].arn]
  }

  statement {
    sid       = "OwnLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [local.own_log["audit"]]
  }
}
