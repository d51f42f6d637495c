# The workers' own roles: they may invoke the worker door, and nothing else. Whatever planned code finds, it is this.

resource "aws_iam_role" "worker_lambda" {
  for_each = local.has_workers ? local.workers : []

  name               = "${var.name}-worker-lambda-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.lambda_trust.json
  tags               = local.tags
}

resource "aws_iam_role_policy" "worker_lambda" {
  for_each = aws_iam_role.worker_lambda

  name   = "own"
  role   = each.value.name
  policy = data.aws_iam_policy_document.worker_lambda[each.key].json
}

# No log: Lambda would write it with this role, and then so could planned code. Workers tell the door instead.
data "aws_iam_policy_document" "worker_lambda" {
  for_each = aws_iam_role.worker_lambda

  statement {
    sid       = "WorkerDoor"
    actions   = ["lambda:InvokeFunction"]
    resources = [local.alias_arns["worker"]]
  }

  # Lambda itself attaches a function to a VPC with the function's role …
  dynamic "statement" {
    for_each = local.has_network ? [1] : []

    content {
      sid     = "LambdaAttachesToTheVpc"
      actions = local.network_interface_actions
      # Interfaces are named by EC2, and describing knows no resource.
      resources = ["*"]
    }
  }

  # … and marks what the function's own code asks for: https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
  dynamic "statement" {
    for_each = local.has_network ? [1] : []

    content {
      sid     = "ItsCodeDoesNot"
      effect  = "Deny"
      actions = local.network_interface_actions
      # As above.
      resources = ["*"]

      condition {
        test     = "ArnEquals"
        variable = "lambda:SourceFunctionArn"
        values   = [local.function_arns["worker-${each.key}"]]
      }
    }
  }
}

locals {
  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
  network_interface_actions = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
  ]
}

resource "aws_iam_role" "worker_task" {
  for_each = local.has_fargate ? local.workers : []

  name               = "${var.name}-worker-task-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.task_trust.json
  tags               = local.tags
}

resource "aws_iam_role_policy" "worker_task" {
  for_each = aws_iam_role.worker_task

  name   = "own"
  role   = each.value.name
  policy = data.aws_iam_policy_document.worker_task.json
}

data "aws_iam_policy_document" "worker_task" {
  statement {
    sid       = "WorkerDoor"
    actions   = ["lambda:InvokeFunction"]
    resources = [local.alias_arns["worker"]]
  }
}

# With this one ECS pulls the image and writes the container's log; the container never has it.
resource "aws_iam_role" "task_execution" {
  count = local.has_fargate ? 1 : 0

  name               = "${var.name}-task-execution"
  assume_role_policy = data.aws_iam_policy_document.task_trust.json
  tags               = local.tags
}

resource "aws_iam_role_policy" "task_execution" {
  count = local.has_fargate ? 1 : 0

  name   = "own"
  role   = aws_iam_role.task_execution[0].name
  policy = data.aws_iam_policy_document.task_execution[0].json
}

data "aws_iam_policy_document" "task_execution" {
  count = local.has_fargate ? 1 : 0

  statement {
    sid       = "Image"
    actions   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [aws_ecr_repository.workers.arn]
  }

  statement {
    sid     = "RegistryToken"
    actions = ["ecr:GetAuthorizationToken"]
    # A token is for the registry; this action knows no resource.
    resources = ["*"]
  }

  # `*`: a stream per task.
  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.tasks[0].arn}:*"]
  }
}

# The conditions keep ECS from acting for somebody else: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
data "aws_iam_policy_document" "task_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    # `*`: tasks, services and clusters of this account and region.
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:ecs:${local.here}:*"]
    }
  }
}
