# The run role: what the worker door takes on for a run to read its deploy key and `env_secrets`. A session policy
# leaves of it the secrets of that run.

resource "aws_iam_role" "run" {
  name               = "${var.name}-run"
  assume_role_policy = data.aws_iam_policy_document.worker_door_trust.json
  tags               = local.tags
}

# The roles that the policy names need the same; see the output `target_trust_policy`.
data "aws_iam_policy_document" "worker_door_trust" {
  statement {
    sid     = "OnlyTheWorkerDoor"
    actions = ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]

    principals {
      type        = "AWS"
      identifiers = [aws_iam_role.door["worker"].arn]
    }
  }
}

resource "aws_iam_role_policy" "run" {
  name   = "own"
  role   = aws_iam_role.run.name
  policy = data.aws_iam_policy_document.run.json
}

data "aws_iam_policy_document" "run" {
  # A `*` here is one at the end of a name, as the caller of the module wrote it.
  statement {
    sid       = "Secrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = var.secret_arns
  }

  dynamic "statement" {
    for_each = length(var.secret_key_arns) > 0 ? [1] : []

    content {
      sid       = "DecryptSecrets"
      actions   = ["kms:Decrypt"]
      resources = var.secret_key_arns

      # `*`: of whichever region the key is.
      condition {
        test     = "StringLike"
        variable = "kms:ViaService"
        values   = ["secretsmanager.*.${data.aws_partition.current.dns_suffix}"]
      }
    }
  }
}
