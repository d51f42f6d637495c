# The permissions boundary for every role that a rule of the policy names: such a role may do to other things what its own
# policies say, but nothing to this installation, and it cannot make or free a principal that could.
# A boundary lies in the role's own account: for another account the output `boundary_policy` has the text.

locals {
  # By name in any account, so that the text is the same everywhere.
  boundary_arns = ["arn:${local.partition}:iam::*:policy/${var.name}-boundary"]
}

resource "aws_iam_policy" "boundary" {
  name        = "${var.name}-boundary"
  description = "For roles that the policy of ${var.name} names: nothing that touches the installation"
  policy      = data.aws_iam_policy_document.boundary.json
  tags        = local.tags
}

data "aws_iam_policy_document" "boundary" {
  # A boundary gives nothing: `*` leaves to the role's policies what is not denied below.
  statement {
    sid       = "WhatItsPoliciesSay"
    actions   = ["*"]
    resources = ["*"]
  }

  statement {
    sid    = "NotThisInstallation"
    effect = "Deny"
    # Reading too: plans, the ledger and deploy keys are nobody's business. In the resources `*` stands for what the
    # prefix makes ours: names that start with it, versions, streams, objects.
    actions = ["*"]
    resources = concat(
      [
        "${aws_dynamodb_table.ledger.arn}*",
        "arn:${local.partition}:ecr:${local.here}:repository/${aws_ecr_repository.workers.name}",
        "arn:${local.partition}:ecs:${local.here}:*/${var.name}",
        "arn:${local.partition}:ecs:${local.here}:*/${var.name}/*",
        "arn:${local.partition}:ecs:${local.here}:task-definition/${var.name}-*",
        "arn:${local.partition}:events:${local.here}:rule/${var.name}-*",
        "arn:${local.partition}:iam::${local.account}:role/${var.name}-*",
        "arn:${local.partition}:kms:${local.here}:alias/${var.name}-*",
        "arn:${local.partition}:lambda:${local.here}:function:${var.name}-*",
        "arn:${local.partition}:logs:${local.here}:log-group:/${var.name}/*",
        "arn:${local.partition}:logs:${local.here}:log-group:/aws/lambda/${var.name}-*",
        "arn:${local.partition}:cloudwatch:${local.here}:alarm:${var.name}-*",
        aws_kms_key.plans.arn,
      ],
      [for key in aws_kms_key.hmac : key.arn],
      [for bucket in aws_s3_bucket.this : "${bucket.arn}*"],
      var.secret_arns,
      aws_iam_openid_connect_provider.gitlab[*].arn,
    )
  }

  # A task of some other family is a resource of its own; where it is to run says the condition.
  statement {
    sid    = "NotInThisCluster"
    effect = "Deny"
    # Services and reading too.
    actions   = ["ecs:*"]
    resources = ["*"]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [local.cluster_arn]
    }
  }

  # Network, endpoints, security groups, and whatever else says by its tag that it belongs here.
  statement {
    sid    = "NotWhatIsTagged"
    effect = "Deny"
    # As above; the condition says what.
    actions   = ["*"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/infra-deployer"
      values   = [var.name]
    }
  }

  statement {
    sid    = "NotThisBoundary"
    effect = "Deny"
    actions = [
      "iam:CreatePolicyVersion",
      "iam:DeletePolicy",
      "iam:DeletePolicyVersion",
      "iam:SetDefaultPolicyVersion",
      "iam:TagPolicy",
      "iam:UntagPolicy",
    ]
    resources = local.boundary_arns
  }

  statement {
    sid     = "NobodyLosesABoundary"
    effect  = "Deny"
    actions = ["iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary"]
    # Every role and user.
    resources = ["*"]
  }

  # IAM has no condition for whether the user, or whoever is in the group, has a boundary. So users are made, with it, but
  # none gets credentials; nobody gets power through a group, and nobody another way to sign in.
  statement {
    sid    = "NobodyElsesCredentials"
    effect = "Deny"
    actions = [
      "iam:AddUserToGroup",
      "iam:AttachGroupPolicy",
      "iam:CreateAccessKey",
      "iam:CreateLoginProfile",
      "iam:CreateServiceSpecificCredential",
      "iam:PutGroupPolicy",
      "iam:ResetServiceSpecificCredential",
      "iam:UpdateAccessKey",
      "iam:UpdateLoginProfile",
      "iam:UpdateSAMLProvider",
    ]
    # Every user, group and provider.
    resources = ["*"]
  }

  # A role or user that it makes or gives power to has this boundary, or it would be the way around it.
  statement {
    sid    = "NobodyPowerfulWithoutIt"
    effect = "Deny"
    actions = [
      "iam:AttachRolePolicy",
      "iam:AttachUserPolicy",
      "iam:CreateRole",
      "iam:CreateUser",
      "iam:PutRolePermissionsBoundary",
      "iam:PutRolePolicy",
      "iam:PutUserPermissionsBoundary",
      "iam:PutUserPolicy",
    ]
    # Every role and user, but whom the condition names.
    resources = ["*"]

    condition {
      test     = "ArnNotLike"
      variable = "iam:PermissionsBoundary"
      values   = local.boundary_arns
    }
  }
}
