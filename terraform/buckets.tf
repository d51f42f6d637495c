# Four buckets: plans (with cached providers), the policy, the mirror of the audit trail, and states that their backends did not take.

locals {
  policy_key = "allowlist.yaml"

  # Global names: account and region keep them from clashing.
  buckets = { for kind in ["plans", "policy", "audit", "errored"] : kind => "${var.name}-${kind}-${local.account}-${local.region}" }
}

resource "aws_s3_bucket" "this" {
  for_each = local.buckets

  bucket              = each.value
  object_lock_enabled = each.key == "audit"
  force_destroy       = !var.deletion_protection
  tags                = local.tags
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    bucket_key_enabled = each.key == "plans"

    apply_server_side_encryption_by_default {
      sse_algorithm     = each.key == "plans" ? "aws:kms" : "AES256"
      kms_master_key_id = each.key == "plans" ? aws_kms_key.plans.arn : null
    }
  }
}

# Not of plans: what is deleted there, since it holds secrets, is to be gone.
resource "aws_s3_bucket_versioning" "this" {
  for_each = toset(["policy", "audit", "errored"])

  bucket = aws_s3_bucket.this[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_object_lock_configuration" "audit" {
  bucket = aws_s3_bucket_versioning.this["audit"].bucket

  rule {
    default_retention {
      mode = var.audit_lock.mode
      days = var.audit_lock.days
    }
  }
}

locals {
  # Of plans it is the second net: the keeper removes those that nobody can apply any more.
  expiry_days = {
    plans = var.plan_expiry_days
    # Where none are kept any more, those that are left go.
    provider-cache = coalesce(var.cache_expiration_days, 1)
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "plans" {
  bucket = aws_s3_bucket.this["plans"].id

  dynamic "rule" {
    # 0 is never.
    for_each = { for prefix, days in local.expiry_days : prefix => days if days > 0 }

    content {
      id     = rule.key
      status = "Enabled"

      filter {
        prefix = "${rule.key}/"
      }

      expiration {
        days = rule.value
      }
    }
  }

  rule {
    id     = "unfinished"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

# An errored state is the only record of what an apply has made: it stays until an administrator has pushed and removed
# it. Since it holds secrets, what was removed is gone a month later.
resource "aws_s3_bucket_lifecycle_configuration" "errored" {
  bucket = aws_s3_bucket_versioning.this["errored"].bucket

  rule {
    id     = "removed"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 30
    }
  }
}

resource "aws_s3_object" "policy" {
  bucket       = aws_s3_bucket_versioning.this["policy"].bucket
  key          = local.policy_key
  content      = file(var.policy_file)
  content_type = "application/yaml"
  # Of what lies there: a change that was not made here is seen, and undone.
  etag = filemd5(var.policy_file)
  tags = local.tags

  # A policy may use what only the doors and workers that come with it know; they know what an older one uses.
  depends_on = [aws_lambda_alias.door, aws_lambda_alias.worker]
}
