# Workers as tasks: a definition for plans and one for applies.

locals {
  task_families  = { for kind in local.workers : kind => "${var.name}-${kind}" }
  cluster_arn    = "arn:${local.partition}:ecs:${local.here}:cluster/${var.name}"
  container_name = "worker"

  fargate_settings = {
    for name, definitions in { fargate = aws_ecs_task_definition.worker } : name => {
      cluster                          = local.cluster_arn
      plan                             = definitions["plan"].arn
      apply                            = definitions["apply"].arn
      container                        = local.container_name
      subnets                          = local.subnet_ids
      securityGroups                   = aws_security_group.workers[*].id
      assignPublicIp                   = false
      spot                             = var.fargate_worker.spot
    } if local.has_fargate
  }
}

resource "aws_ecs_cluster" "workers" {
  count = local.has_network ? 1 : 0

  name = var.name
  tags = local.tags
}

resource "aws_ecs_cluster_capacity_providers" "workers" {
  count = local.has_network ? 1 : 0

  cluster_name       = aws_ecs_cluster.workers[0].name
  capacity_providers = var.fargate_worker.spot ? ["FARGATE", "FARGATE_SPOT"] : ["FARGATE"]
}

resource "aws_ecs_task_definition" "worker" {
  for_each = local.has_fargate ? local.workers : []

  family                   = local.task_families[each.key]
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.fargate_worker.cpu
  memory                   = var.fargate_worker.memory
  task_role_arn            = aws_iam_role.worker_task[each.key].arn
  execution_role_arn       = aws_iam_role.task_execution[0].arn
  tags                     = local.tags

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture == "arm64" ? "ARM64" : "X86_64"
  }

  ephemeral_storage {
    size_in_gib = var.fargate_worker.disk_gb
  }

  # The one place that a task writes to.
  volume {
    name = "tmp"
  }

  container_definitions = jsonencode([{
    name      = local.container_name
    image     = local.image
    essential = true
    # The longest Fargate knows: Terraform saves its state in it.
    stopTimeout            = 120
    readonlyRootFilesystem = true
    # Root only to split the uids of worker and Terraform. What that takes is left: CHOWN, DAC_OVERRIDE, KILL, SETGID, SETUID.
    user = "0"
    linuxParameters = {
      initProcessEnabled = true
      capabilities = {
        drop = ["AUDIT_WRITE", "FOWNER", "FSETID", "MKNOD", "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETPCAP", "SYS_CHROOT"]
      }
    }
    mountPoints = [{ sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }]
    environment = [for name, value in local.worker_environment : { name = name, value = value }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.tasks[0].name
        awslogs-region        = local.region
        awslogs-stream-prefix = each.key
      }
    }
  }])

  # The keeper knows the next revision before this one goes.
  lifecycle {
    create_before_destroy = true
  }
}

# What the containers themselves say, which is little: runs' logs go through the door.
resource "aws_cloudwatch_log_group" "tasks" {
  count = local.has_fargate ? 1 : 0

  name              = "/${var.name}/tasks"
  retention_in_days = var.log_retention_days
  tags              = local.tags
}
