# The registry of the worker image. Tags cannot be moved, and workers are named by digest anyway.

locals {
  image = local.has_workers ? "${aws_ecr_repository.workers.repository_url}@${var.image_digest}" : null
}

resource "aws_ecr_repository" "workers" {
  name                 = "${var.name}-worker"
  image_tag_mutability = "IMMUTABLE"
  force_delete         = !var.deletion_protection
  tags                 = local.tags

  image_scanning_configuration {
    scan_on_push = true
  }
}

resource "aws_ecr_repository_policy" "workers" {
  repository = aws_ecr_repository.workers.name
  policy     = data.aws_iam_policy_document.registry.json
}

# https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#gettingstarted-images-permissions
data "aws_iam_policy_document" "registry" {
  statement {
    sid     = "LambdaPulls"
    actions = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = [for kind in local.workers : local.function_arns["worker-${kind}"]]
    }
  }
}
