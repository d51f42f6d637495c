# AWS's APIs as workers reach them. Each endpoint says who may pass: credentials that somebody brings along, of an
# account of his own, are of no use here. What a role may do beyond that says the role.

locals {
  # In a VPC that is there already others would get them too, so only where that was said.
  has_endpoints  = local.has_network && try(coalesce(var.network.endpoints, local.makes_vpc), false)
  interfaces     = toset(["ecr.api", "ecr.dkr", "lambda", "logs", "secretsmanager", "sts"])
  gateways       = toset(["dynamodb", "s3"])
  execution_arns = [for role in aws_iam_role.task_execution : role.arn]
  own_role_arns  = concat([for role in aws_iam_role.worker_lambda : role.arn], [for role in aws_iam_role.worker_task : role.arn])

  # Accounts that sessions of the policy's roles may keep state and data in.
  accounts = distinct(concat([local.account], [for arn in local.passing_role_arns : split(":", arn)[4]]))

  passing_role_arns = concat(var.role_arns, var.further_role_arns)

  # What the installation itself does through an endpoint, beside what the policy's roles do.
  own_passages = {
    lambda = [{
      sid       = "WorkerDoor"
      principal = local.own_role_arns
      actions   = ["lambda:InvokeFunction"]
      resources = [local.alias_arns["worker"]]
    }]
    secretsmanager = [{
      sid       = "Secrets"
      principal = [aws_iam_role.run.arn]
      actions   = ["secretsmanager:GetSecretValue"]
      resources = var.secret_arns
    }]
    s3 = [{
      sid       = "PresignedByTheWorkerDoor"
      principal = [aws_iam_role.door["worker"].arn]
      actions   = ["s3:GetObject", "s3:PutObject"]
      # Plans and errored states are named by their run.
      resources = [for kind in ["plans", "errored"] : "${aws_s3_bucket.this[kind].arn}/*"]
    }]
    logs = [{
      sid       = "LogOfTasks"
      principal = local.execution_arns
      actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      # A stream per task.
      resources = [for group in aws_cloudwatch_log_group.tasks : "${group.arn}:*"]
    }]
    "ecr.api" = local.pulling
    "ecr.dkr" = local.pulling
    sts       = []
    dynamodb  = []
  }

  pulling = [
    {
      sid       = "Image"
      principal = local.execution_arns
      actions   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      resources = [aws_ecr_repository.workers.arn]
    },
    {
      sid       = "RegistryToken"
      principal = local.execution_arns
      actions   = ["ecr:GetAuthorizationToken"]
      # This action knows no resource.
      resources = ["*"]
    },
  ]
}

resource "aws_vpc_endpoint" "interface" {
  for_each = local.has_endpoints ? local.interfaces : []

  vpc_id              = local.vpc_id
  vpc_endpoint_type   = "Interface"
  service_name        = "com.amazonaws.${local.region}.${each.key}"
  subnet_ids          = local.subnet_ids
  security_group_ids  = [aws_security_group.endpoints[0].id]
  private_dns_enabled = true
  policy              = data.aws_iam_policy_document.endpoint[each.key].json
  tags                = merge(local.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_vpc_endpoint" "gateway" {
  for_each = local.has_endpoints ? local.gateways : []

  vpc_id            = local.vpc_id
  vpc_endpoint_type = "Gateway"
  service_name      = "com.amazonaws.${local.region}.${each.key}"
  route_table_ids   = local.route_table_ids
  policy            = data.aws_iam_policy_document.endpoint[each.key].json
  tags              = merge(local.tags, { Name = "${var.name}-${each.key}" })
}

data "aws_iam_policy_document" "endpoint" {
  for_each = local.has_endpoints ? setunion(local.interfaces, local.gateways) : []

  # Whoever may not invoke, read or pull anyway is not let through either: no policy of an endpoint is empty.
  dynamic "statement" {
    for_each = [for passage in local.own_passages[each.key] : passage if length(passage.principal) > 0 && length(passage.resources) > 0]

    content {
      sid       = statement.value.sid
      actions   = statement.value.actions
      resources = statement.value.resources

      # An endpoint's policy names sessions by the condition below.
      principals {
        type        = "AWS"
        identifiers = ["*"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:PrincipalArn"
        values   = statement.value.principal
      }
    }
  }

  # Terraform under test and the run role, which needs nothing more, but keeps the policy from being empty.
  statement {
    sid = "RolesOfThePolicy"
    # Whatever the role may do; whose it is says the condition.
    actions   = ["*"]
    resources = ["*"]

    # As above.
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = concat([aws_iam_role.run.arn], local.passing_role_arns)
    }

    # No way out for data: buckets and tables of strangers are not reached, whatever the role may do.
    dynamic "condition" {
      for_each = contains(local.gateways, each.key) ? [1] : []

      content {
        test     = "StringEquals"
        variable = "aws:ResourceAccount"
        values   = local.accounts
      }
    }
  }

  dynamic "statement" {
    for_each = each.key == "s3" && length(var.state_buckets) > 0 ? [1] : []

    content {
      sid     = "StateElsewhere"
      actions = ["s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"]
      # A state per stack.
      resources = flatten([for bucket in var.state_buckets : [bucket, "${bucket}/*"]])

      # As above.
      principals {
        type        = "AWS"
        identifiers = ["*"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:PrincipalArn"
        values   = var.role_arns
      }
    }
  }

  # The registry hands out its layers from a bucket of AWS, by presigned addresses:
  # https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-minimum-s3-perms
  dynamic "statement" {
    for_each = each.key == "s3" ? [1] : []

    content {
      sid       = "LayersOfImages"
      actions   = ["s3:GetObject"]
      resources = ["arn:${local.partition}:s3:::prod-${local.region}-starport-layer-bucket/*"]

      # Whoever has an address.
      principals {
        type        = "AWS"
        identifiers = ["*"]
      }
    }
  }
}
