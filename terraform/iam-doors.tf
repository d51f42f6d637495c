# Roles of the four functions, and what each door's policy says that the others' say too.

resource "aws_iam_role" "door" {
  for_each = local.doors

  name               = local.function_names[each.key]
  assume_role_policy = data.aws_iam_policy_document.lambda_trust.json
  tags               = local.tags
}

data "aws_iam_policy_document" "lambda_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "door" {
  for_each = {
    deploy = data.aws_iam_policy_document.deploy.json
    worker = data.aws_iam_policy_document.worker_door.json
    audit  = data.aws_iam_policy_document.audit.json
    keeper = data.aws_iam_policy_document.keeper.json
  }

  name   = "own"
  role   = aws_iam_role.door[each.key].name
  policy = each.value
}

locals {
  ledger_reading = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"]
  # Transactions are these, asked for one by one.
  ledger_writing = ["dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]

  # `*` at the end: Lambda names the streams.
  own_log = { for door in local.doors : door => "${aws_cloudwatch_log_group.door[door].arn}:*" }
}
