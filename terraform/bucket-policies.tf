# Who may not touch the buckets, whatever the account's other policies say.

locals {
  # Where nobody else puts anything; what is read there is read by policies of the account.
  bucket_writers = { audit = "keeper", errored = "worker" }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id
  policy = data.aws_iam_policy_document.bucket[each.key].json

  depends_on = [aws_s3_bucket_public_access_block.this]
}

data "aws_iam_policy_document" "bucket" {
  for_each = local.buckets

  statement {
    sid    = "OnlyOverTls"
    effect = "Deny"
    # Whatever it is, and whoever asks.
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.this[each.key].arn, "${aws_s3_bucket.this[each.key].arn}/*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  # Grants are presigned by the worker door; nobody else reads or writes a plan.
  dynamic "statement" {
    for_each = each.key == "plans" ? [1] : []

    content {
      sid    = "OnlyTheWorkerDoor"
      effect = "Deny"
      # Of every kind, tags and versions included.
      actions   = ["s3:GetObject*", "s3:PutObject*"]
      resources = ["${aws_s3_bucket.this[each.key].arn}/*"]

      # Everybody, but whom the condition names.
      principals {
        type        = "AWS"
        identifiers = ["*"]
      }

      condition {
        test     = "ArnNotEquals"
        variable = "aws:PrincipalArn"
        values   = [aws_iam_role.door["worker"].arn]
      }
    }
  }

  # What a worker has put is never replaced: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
  dynamic "statement" {
    for_each = contains(["plans", "errored"], each.key) ? [1] : []

    content {
      sid       = "CreateOnly"
      effect    = "Deny"
      actions   = ["s3:PutObject"]
      resources = ["${aws_s3_bucket.this[each.key].arn}/*"]

      # The worker door too.
      principals {
        type        = "AWS"
        identifiers = ["*"]
      }

      condition {
        test     = "Null"
        variable = "s3:if-none-match"
        values   = ["true"]
      }
    }
  }

  dynamic "statement" {
    for_each = [for bucket, door in local.bucket_writers : door if bucket == each.key]

    content {
      sid    = "WrittenByOneAlone"
      effect = "Deny"
      # With retention, legal hold and tags.
      actions   = ["s3:PutObject*"]
      resources = ["${aws_s3_bucket.this[each.key].arn}/*"]

      # Everybody, but whom the condition names.
      principals {
        type        = "AWS"
        identifiers = ["*"]
      }

      condition {
        test     = "ArnNotEquals"
        variable = "aws:PrincipalArn"
        values   = [aws_iam_role.door[statement.value].arn]
      }
    }
  }

  # Governance mode lets administrators go around a lock; with teardown in view that is given back.
  dynamic "statement" {
    for_each = each.key == "audit" && var.deletion_protection ? [1] : []

    content {
      sid       = "LocksHold"
      effect    = "Deny"
      actions   = ["s3:BypassGovernanceRetention"]
      resources = ["${aws_s3_bucket.this[each.key].arn}/*"]

      # Everybody, root included.
      principals {
        type        = "AWS"
        identifiers = ["*"]
      }
    }
  }
}
