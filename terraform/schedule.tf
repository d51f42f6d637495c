# What wakes the keeper besides the doors. Its events are hints: the input is empty, and the keeper reads the ledger.

locals {
  wakes = {
    for name, wake in {
      minute = { when = true, schedule = "rate(1 minute)", pattern = null }
      stopped = {
        when     = local.has_network
        schedule = null
        pattern = jsonencode({
          source      = ["aws.ecs"]
          detail-type = ["ECS Task State Change"]
          detail      = { clusterArn = [local.cluster_arn], lastStatus = ["STOPPED"] }
        })
      }
    } : name => wake if wake.when
  }
}

resource "aws_cloudwatch_event_rule" "keeper" {
  for_each = local.wakes

  name                = "${var.name}-${each.key}"
  description         = "Wakes the keeper of ${var.name}"
  schedule_expression = each.value.schedule
  event_pattern       = each.value.pattern
  tags                = local.tags
}

resource "aws_cloudwatch_event_target" "keeper" {
  for_each = local.wakes

  rule  = aws_cloudwatch_event_rule.keeper[each.key].name
  arn   = aws_lambda_alias.door["keeper"].arn
  input = "{}"
}

resource "aws_lambda_permission" "keeper" {
  for_each = local.wakes

  statement_id  = "wake-${each.key}"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.door["keeper"].function_name
  qualifier     = aws_lambda_alias.door["keeper"].name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.keeper[each.key].arn
}
