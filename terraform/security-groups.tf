# What workers may reach, and that nothing reaches them.

locals {
  # Whether from the list or the proxy: `description` to CIDR and port.
  egress = local.has_network ? merge(
    { for pair in setproduct(var.network.egress_cidrs, [443, 22]) : "${pair[0]} on ${pair[1]}" => { cidr = pair[0], port = pair[1] } },
    var.network.proxy == null ? {} : { "the proxy" = { cidr = var.network.proxy.cidr, port = var.network.proxy.port } },
  ) : {}
}

resource "aws_security_group" "workers" {
  count = local.has_network ? 1 : 0

  name        = "${var.name}-workers"
  description = "Workers: nothing comes in"
  vpc_id      = local.vpc_id
  tags        = merge(local.tags, { Name = "${var.name}-workers" })
}

resource "aws_vpc_security_group_egress_rule" "workers" {
  for_each = local.egress

  security_group_id = aws_security_group.workers[0].id
  description       = each.key
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  tags              = local.tags
}

resource "aws_vpc_security_group_egress_rule" "endpoints" {
  count = local.has_endpoints ? 1 : 0

  security_group_id            = aws_security_group.workers[0].id
  description                  = "Endpoints of AWS"
  referenced_security_group_id = aws_security_group.endpoints[0].id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  tags                         = local.tags
}

# Named and not read from the endpoints, which may be the VPC's own: plans and images come from S3 either way.
data "aws_ec2_managed_prefix_list" "gateway" {
  for_each = local.has_network ? local.gateways : []

  name = "com.amazonaws.${local.region}.${each.key}"
}

resource "aws_vpc_security_group_egress_rule" "gateways" {
  for_each = data.aws_ec2_managed_prefix_list.gateway

  security_group_id = aws_security_group.workers[0].id
  description       = "${each.key} of AWS"
  prefix_list_id    = each.value.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  tags              = local.tags
}

resource "aws_security_group" "endpoints" {
  count = local.has_endpoints ? 1 : 0

  name        = "${var.name}-endpoints"
  description = "Endpoints of AWS: workers come in"
  vpc_id      = local.vpc_id
  tags        = merge(local.tags, { Name = "${var.name}-endpoints" })
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  count = local.has_endpoints ? 1 : 0

  security_group_id            = aws_security_group.endpoints[0].id
  description                  = "Workers"
  referenced_security_group_id = aws_security_group.workers[0].id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  tags                         = local.tags
}
