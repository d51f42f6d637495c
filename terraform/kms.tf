# Keys: one encrypts plans, two make MACs. Table, policy, audit mirror and logs are encrypted with AWS's own keys.

locals {
  hmac_keys = {
    records  = "Signs receipts and audit entries"
    run-keys = "Makes the keys by which a run's starter reads and cancels it"
  }
  # Who may use a key, whatever else the account's policies say.
  key_users = {
    plans    = [aws_iam_role.door["worker"].arn]
    records  = [for door in local.doors : aws_iam_role.door[door].arn]
    run-keys = [aws_iam_role.door["deploy"].arn]
  }
}

resource "aws_kms_key" "plans" {
  description             = "${var.name}: encrypts plans"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key["plans"].json
  tags                    = local.tags
}

resource "aws_kms_key" "hmac" {
  for_each = local.hmac_keys

  description              = "${var.name}: ${each.value}"
  key_usage                = "GENERATE_VERIFY_MAC"
  customer_master_key_spec = "HMAC_256"
  deletion_window_in_days  = 30
  policy                   = data.aws_iam_policy_document.key[each.key].json
  tags                     = local.tags
}

resource "aws_kms_alias" "key" {
  for_each = merge({ plans = aws_kms_key.plans.key_id }, { for name, key in aws_kms_key.hmac : name => key.key_id })

  name          = "alias/${var.name}-${each.key}"
  target_key_id = each.value
}

data "aws_iam_policy_document" "key" {
  for_each = local.key_users

  statement {
    sid = "ByPoliciesOfTheAccount"
    # As AWS has it for new keys: what else may be done with it say policies of the account.
    actions = ["kms:*"]
    # In a key's policy `*` is the key itself.
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account}:root"]
    }
  }

  # An administrator can change this policy, which CloudTrail shows, but cannot use the key by the way.
  statement {
    sid    = "UsedByNobodyElse"
    effect = "Deny"
    actions = [
      "kms:Decrypt",
      "kms:Encrypt",
      # Of both kinds, with and without the plain text.
      "kms:GenerateDataKey*",
      "kms:GenerateMac",
      # From and to.
      "kms:ReEncrypt*",
      "kms:VerifyMac",
    ]
    # As above: the key itself.
    resources = ["*"]

    # Everybody, but whom the condition names.
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "ArnNotEquals"
      variable = "aws:PrincipalArn"
      values   = each.value
    }
  }
}
