# The role that CI takes with its ID token. It may ask: invoke the deploy door, and nothing else.

locals {
  has_gitlab = var.gitlab != null
  # Claims carry the issuer without its scheme: `gitlab.com:sub`.
  gitlab_issuer = local.has_gitlab ? trimprefix(var.gitlab.url, "https://") : null
}

resource "aws_iam_openid_connect_provider" "gitlab" {
  count = local.has_gitlab && try(var.gitlab.oidc_provider_arn, null) == null ? 1 : 0

  url            = var.gitlab.url
  client_id_list = [var.gitlab.audience]
  tags           = local.tags
}

resource "aws_iam_role" "ci" {
  count = local.has_gitlab ? 1 : 0

  name               = "${var.name}-ci"
  assume_role_policy = data.aws_iam_policy_document.ci_trust[0].json
  tags               = local.tags
}

data "aws_iam_policy_document" "ci_trust" {
  count = local.has_gitlab ? 1 : 0

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [coalesce(var.gitlab.oidc_provider_arn, one(aws_iam_openid_connect_provider.gitlab[*].arn))]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.gitlab_issuer}:aud"
      values   = [var.gitlab.audience]
    }

    # `*` as the caller of the module wrote it, never in the name of a project's first group.
    condition {
      test     = "StringLike"
      variable = "${local.gitlab_issuer}:sub"
      values   = var.gitlab.subjects
    }
  }
}

resource "aws_iam_role_policy" "ci" {
  count = local.has_gitlab ? 1 : 0

  name   = "own"
  role   = aws_iam_role.ci[0].name
  policy = data.aws_iam_policy_document.ci.json
}

data "aws_iam_policy_document" "ci" {
  statement {
    sid       = "DeployDoor"
    actions   = ["lambda:InvokeFunction"]
    resources = [local.alias_arns["deploy"]]
  }
}
