# What is counted in the functions' logs, one JSON object a line, and when somebody is told.

locals {
  events = {
    denied        = { from = ["deploy"], threshold = var.denials_per_five_minutes, why = "Many requests are refused: a broken pipeline, or somebody trying" }
    start-failed  = { from = ["keeper"], threshold = 1, why = "A worker could not be started" }
    lost          = { from = ["keeper"], threshold = 1, why = "A worker vanished: its path is unknown until the next plan" }
    failed        = { from = ["deploy", "worker", "audit", "keeper"], threshold = 1, why = "A function could not answer, or the keeper not do its work" }
    policy-broken = { from = ["deploy", "worker", "keeper"], threshold = 1, why = "The policy cannot be used: every request is refused" }
    mirror-failed = { from = ["keeper"], threshold = 1, why = "The audit trail is not mirrored" }
    # A function that began too late, or twice, comes with a ticket that is spent: some are ordinary.
    bad-ticket = {
      from      = ["worker"]
      threshold = 5
      why       = "Tickets and tokens are tried at the worker door that are not good there"
      pattern   = "{ $.event = \"denied\" && $.code = \"E_UNAUTHENTICATED\" }"
    }
  }
  filters = merge([
    for event, counted in local.events : {
      for door in counted.from : "${event}/${door}" => {
        event   = event
        door    = door
        pattern = try(counted.pattern, "{ $.event = \"${event}\" }")
      }
    }
  ]...)
}

resource "aws_cloudwatch_log_metric_filter" "event" {
  for_each = local.filters

  name           = each.value.event
  log_group_name = aws_cloudwatch_log_group.door[each.value.door].name
  pattern        = each.value.pattern

  metric_transformation {
    name          = each.value.event
    namespace     = var.name
    value         = "1"
    default_value = "0"
  }
}

resource "aws_cloudwatch_metric_alarm" "event" {
  for_each = local.events

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.why
  namespace           = var.name
  metric_name         = each.key
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = each.value.threshold
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  tags                = local.tags
}

# Nothing moves without the keeper, and one that cannot run, or that nothing wakes any more, cannot say so in its log.
resource "aws_cloudwatch_metric_alarm" "keeper" {
  alarm_name          = "${var.name}-keeper"
  alarm_description   = "The keeper fails: runs neither start nor end"
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.door["keeper"].function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 3
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "keeper_silent" {
  alarm_name          = "${var.name}-keeper-silent"
  alarm_description   = "The keeper is not invoked: nothing ends runs that are lost"
  namespace           = "AWS/Lambda"
  metric_name         = "Invocations"
  dimensions          = { FunctionName = aws_lambda_function.door["keeper"].function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 2
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  # What is never invoked has no number either.
  treat_missing_data = "breaching"
  alarm_actions      = var.alarm_topic_arns
  tags               = local.tags
}
