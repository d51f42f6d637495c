# What is made of which inputs. Nothing of AWS is asked: `terraform test` in the module's directory is enough.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-west-1" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111111111111" }
  }
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-west-1a", "eu-west-1b", "eu-west-1c"] }
  }
  # Providers that are not mocked look whether a policy is one.
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
}

variables {
  policy_file = "examples/allowlist.yaml"
  # Any file: Terraform takes its digest.
  lambda_zip  = "versions.tf"
  secret_arns = ["arn:aws:secretsmanager:eu-west-1:111111111111:secret:infra-deployer/*"]
}

run "has_no_workers_before_the_image" {
  command = apply

  assert {
    condition     = length(aws_lambda_function.door) == 4
    error_message = "The doors are there at once."
  }

  assert {
    condition     = length(aws_lambda_function.worker) == 0 && length(aws_ecs_task_definition.worker) == 0
    error_message = "Workers are of an image, and there is none."
  }

  assert {
    condition     = !can(jsondecode(aws_lambda_function.door["keeper"].environment[0].variables.INFRA_DEPLOYER_SETTINGS).lambda)
    error_message = "The keeper is not told of workers that are not there."
  }
}

run "has_functions_once_the_image_is_pushed" {
  command = apply

  variables {
    image_digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  }

  assert {
    condition     = toset(keys(aws_lambda_function.worker)) == toset(["plan", "apply"])
    error_message = "Plans and applies have a function each."
  }

  assert {
    condition     = alltrue([for worker in aws_lambda_function.worker : worker.tenancy_config[0].tenant_isolation_mode == "PER_TENANT"])
    error_message = "Each run has an environment of its own."
  }

  assert {
    condition     = alltrue([for config in aws_lambda_function_event_invoke_config.worker : config.maximum_retry_attempts == 0])
    error_message = "A ticket is good once."
  }

  assert {
    condition     = length(aws_vpc.this) == 0 && length(aws_ecs_cluster.workers) == 0
    error_message = "Without `network` there is none, and so no task."
  }
}

run "tells_the_keeper_how_many_functions_may_work_at_once" {
  command = apply

  variables {
    image_digest  = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    lambda_worker = { plan_concurrency = 7, apply_concurrency = -1 }
  }

  assert {
    condition     = jsondecode(aws_lambda_function.door["keeper"].environment[0].variables.INFRA_DEPLOYER_SETTINGS).lambda.concurrency == { plan = 7 }
    error_message = "What takes from the account's pool has no number."
  }
}

run "refuses_a_pool_without_room" {
  command = plan

  variables {
    lambda_worker = { apply_concurrency = 0 }
  }

  expect_failures = [var.lambda_worker]
}

run "counts_refused_tickets_and_no_other_refusal_of_workers" {
  command = plan

  assert {
    condition     = strcontains(aws_cloudwatch_log_metric_filter.event["bad-ticket/worker"].pattern, "$.event = \"denied\" && $.code = \"E_UNAUTHENTICATED\"")
    error_message = "A worker whose run has ended is refused too, and that is ordinary."
  }

  assert {
    condition     = aws_cloudwatch_log_metric_filter.event["denied/deploy"].pattern == "{ $.event = \"denied\" }"
    error_message = "Every refusal of the deploy door counts."
  }
}

run "has_tasks_with_a_network" {
  command = apply

  variables {
    image_digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    network      = { egress_cidrs = ["203.0.113.0/24"] }
  }

  assert {
    condition     = length(aws_ecs_task_definition.worker) == 2 && length(aws_subnet.private) == 2
    error_message = "Two kinds of tasks, two private subnets."
  }

  assert {
    condition     = jsondecode(aws_lambda_function.door["keeper"].environment[0].variables.INFRA_DEPLOYER_SETTINGS).fargate.assignPublicIp == false
    error_message = "No task has a public address."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_egress_rule.workers : rule.from_port]) == toset([22, 443])
    error_message = "Workers leave on 22 and 443."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.worker["plan"].container_definitions)[0].stopTimeout == 120
    error_message = "Terraform has two minutes to save its state."
  }
}

run "takes_a_network_that_is_there" {
  command = apply

  variables {
    image_digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    network      = { egress_cidrs = ["10.0.4.0/24"], vpc_id = "vpc-1", subnet_ids = ["subnet-1"], route_table_ids = ["rtb-1"] }
  }

  assert {
    condition     = length(aws_vpc.this) == 0 && length(aws_vpc_endpoint.interface) == 0 && length(aws_vpc_endpoint.gateway) == 0
    error_message = "Nothing is made of what is there, and what others there reach stays as it is."
  }

  assert {
    condition     = toset(keys(aws_vpc_security_group_egress_rule.gateways)) == toset(["dynamodb", "s3"])
    error_message = "Workers reach S3 whose ever the endpoint is."
  }

  assert {
    condition     = contains([for rule in aws_vpc_security_group_egress_rule.workers : "${rule.cidr_ipv4} ${rule.from_port}"], "10.0.4.0/24 443")
    error_message = "Workers reach the endpoints that are there."
  }

  assert {
    condition     = jsondecode(aws_lambda_function.door["keeper"].environment[0].variables.INFRA_DEPLOYER_SETTINGS).fargate.subnets == ["subnet-1"]
    error_message = "Tasks run where it was said."
  }
}

run "makes_endpoints_in_a_network_that_is_there_when_told" {
  command = apply

  variables {
    network = { egress_cidrs = [], vpc_id = "vpc-1", subnet_ids = ["subnet-1"], route_table_ids = ["rtb-1"], endpoints = true }
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 6 && length(aws_vpc_endpoint.gateway) == 2
    error_message = "It was said."
  }
}

run "refuses_a_network_without_a_way_to_aws" {
  command = plan

  variables {
    network = { egress_cidrs = [], vpc_id = "vpc-1", subnet_ids = ["subnet-1"] }
  }

  expect_failures = [var.network]
}

run "lets_workers_reach_their_proxy" {
  command = apply

  variables {
    network = { egress_cidrs = [], proxy = { host = "proxy.example.com", port = 3128, cidr = "10.0.12.8/32" } }
  }

  assert {
    condition     = [for rule in aws_vpc_security_group_egress_rule.workers : [rule.cidr_ipv4, rule.from_port]] == [["10.0.12.8/32", 3128]]
    error_message = "Nothing but the proxy, and the endpoints."
  }
}

run "refuses_a_password_of_a_proxy" {
  command = plan

  variables {
    network = { egress_cidrs = [], proxy = { host = "user:secret@proxy.example.com", port = 3128, cidr = "10.0.12.8/32" } }
  }

  expect_failures = [var.network]
}

run "keeps_providers_for_a_month" {
  command = apply

  assert {
    condition     = jsondecode(aws_lambda_function.door["worker"].environment[0].variables.INFRA_DEPLOYER_SETTINGS).providerCache.bucket == aws_s3_bucket.this["plans"].bucket
    error_message = "The worker door is told where."
  }

  assert {
    condition     = { for rule in aws_s3_bucket_lifecycle_configuration.plans.rule : rule.id => rule.expiration[0].days if length(rule.expiration) > 0 } == { plans = 30, provider-cache = 30 }
    error_message = "Each kind of object goes in its own time."
  }
}

run "keeps_providers_for_ever" {
  command = apply

  variables {
    cache_expiration_days = 0
    plan_expiry_days      = 7
  }

  assert {
    condition     = { for rule in aws_s3_bucket_lifecycle_configuration.plans.rule : rule.id => rule.expiration[0].days if length(rule.expiration) > 0 } == { plans = 7 }
    error_message = "0 is never."
  }
}

run "keeps_no_providers" {
  command = apply

  variables {
    cache_expiration_days = null
  }

  assert {
    condition     = !can(jsondecode(aws_lambda_function.door["worker"].environment[0].variables.INFRA_DEPLOYER_SETTINGS).providerCache)
    error_message = "The worker door knows of no cache."
  }

  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.plans.rule : rule.expiration[0].days if rule.id == "provider-cache"] == [1]
    error_message = "What is left of it goes."
  }
}

run "refuses_half_a_day" {
  command = plan

  variables {
    cache_expiration_days = 0.5
  }

  expect_failures = [var.cache_expiration_days]
}

run "refuses_a_tag_for_a_digest" {
  command = plan

  variables {
    image_digest = "latest"
  }

  expect_failures = [var.image_digest]
}

run "refuses_roles_by_pattern" {
  command = plan

  variables {
    role_arns = ["arn:aws:iam::222222222222:role/*"]
  }

  expect_failures = [var.role_arns]
}

run "refuses_every_secret" {
  command = plan

  variables {
    secret_arns = ["arn:aws:secretsmanager:eu-west-1:111111111111:secret:*"]
  }

  expect_failures = [var.secret_arns]
}

run "refuses_a_secret_without_its_six_characters" {
  command = plan

  variables {
    secret_arns = ["arn:aws:secretsmanager:eu-west-1:111111111111:secret:infra-deployer/infra-live"]
  }

  expect_failures = [var.secret_arns]
}

run "refuses_everybody_on_that_gitlab" {
  command = plan

  variables {
    gitlab = { subjects = ["project_path:*:ref_type:branch:ref:main"] }
  }

  expect_failures = [var.gitlab]
}

run "refuses_subnets_without_their_vpc" {
  command = plan

  variables {
    network = { egress_cidrs = [], subnet_ids = ["subnet-1"] }
  }

  expect_failures = [var.network]
}
