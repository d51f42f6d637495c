# The account that Terraform acts in: two roles that trust the worker door alone, both within the boundary.

resource "aws_iam_policy" "boundary" {
  provider = aws.target

  name   = module.infra_deployer.boundary_name
  policy = module.infra_deployer.boundary_policy
}

resource "aws_iam_role" "plan" {
  provider = aws.target

  name                 = "tf-plan"
  assume_role_policy   = module.infra_deployer.target_trust_policy
  permissions_boundary = aws_iam_policy.boundary.arn
}

resource "aws_iam_role" "apply" {
  provider = aws.target

  name                 = "tf-apply"
  assume_role_policy   = module.infra_deployer.target_trust_policy
  permissions_boundary = aws_iam_policy.boundary.arn
}

# Planned code is not reviewed: it reads, and what it can read is as good as told.
resource "aws_iam_role_policy_attachment" "plan" {
  provider = aws.target

  role       = aws_iam_role.plan.name
  policy_arn = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
}

resource "aws_iam_role_policy_attachment" "apply" {
  provider = aws.target

  role       = aws_iam_role.apply.name
  policy_arn = "arn:aws:iam::aws:policy/PowerUserAccess"
}

# State, which ViewOnlyAccess does not read. What a run may reach of the bucket narrows the worker door further.
resource "aws_iam_role_policy" "state" {
  provider = aws.target

  name   = "state"
  role   = aws_iam_role.plan.name
  policy = data.aws_iam_policy_document.state.json
}

data "aws_iam_policy_document" "state" {
  statement {
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::acme-tfstate"]
  }

  # `*`: a state per stack.
  statement {
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::acme-tfstate/*"]
  }
}
