# Three buckets: plans, the policy, and the mirror of the audit trail.

locals {
  # Global names: account and region keep them from clashing.
  buckets = { for kind in ["plans", "policy", "audit"] : kind => "${var.name}-${kind}-${local.account}-${local.region}" }
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
  for_each = toset(["policy", "audit"])

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

# The second net: the keeper removes plans that nobody can apply any more.
resource "aws_s3_bucket_lifecycle_configuration" "plans" {
  bucket = aws_s3_bucket.this["plans"].id

  rule {
    id     = "expire"
    status = "Enabled"

    filter {
      prefix = "plans/"
    }

    expiration {
      days = var.plan_expiry_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_object" "policy" {
  bucket       = aws_s3_bucket_versioning.this["policy"].bucket
  key          = "allowlist.yaml"
  content      = file(var.policy_file)
  content_type = "application/yaml"
  tags         = local.tags
}
