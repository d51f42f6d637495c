# Where workers run: private subnets that nothing from outside reaches, made here or given. What leaves goes to
# `egress_cidrs` on 443 and 22, the proxy, and AWS's endpoints.

locals {
  makes_vpc  = local.has_network && try(var.network.vpc_id, null) == null
  zones      = local.makes_vpc ? slice(sort(data.aws_availability_zones.current[0].names), 0, 2) : []
  makes_nat  = local.makes_vpc && try(var.network.nat, false)
  vpc_id     = local.makes_vpc ? aws_vpc.this[0].id : try(var.network.vpc_id, null)
  subnet_ids = local.makes_vpc ? [for zone in local.zones : aws_subnet.private[zone].id] : try(var.network.subnet_ids, [])
  # For the gateway endpoints, S3 and DynamoDB.
  route_table_ids = local.makes_vpc ? [aws_route_table.private[0].id] : try(var.network.route_table_ids, [])
}

# The way out of Terraform and its providers. `ecr.api` is a part of the name, the host is `api.ecr.…`; what is below a host
# goes with it, buckets of S3 for instance.
locals {
  proxy = try(var.network.proxy, null)
  proxy_environment = local.proxy == null ? {} : {
    INFRA_DEPLOYER_PROXY = "http://${local.proxy.host}:${local.proxy.port}"
    INFRA_DEPLOYER_NO_PROXY = join(",", [
      for service in(local.has_endpoints ? setunion(local.interfaces, local.gateways) : []) :
      join(".", concat(reverse(split(".", service)), [local.region, data.aws_partition.current.dns_suffix]))
    ])
  }
}

data "aws_availability_zones" "current" {
  count = local.makes_vpc ? 1 : 0
  state = "available"

  # None of the local zones: they have neither NAT gateways nor every endpoint.
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

resource "aws_vpc" "this" {
  count = local.makes_vpc ? 1 : 0

  cidr_block           = var.network.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = merge(local.tags, { Name = var.name })
}

# Without rules: what names no security group of its own reaches nothing.
resource "aws_default_security_group" "this" {
  count = local.makes_vpc ? 1 : 0

  vpc_id = aws_vpc.this[0].id
  tags   = local.tags
}

resource "aws_subnet" "private" {
  for_each = toset(local.zones)

  vpc_id            = aws_vpc.this[0].id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.network.cidr, 2, index(local.zones, each.key))
  tags              = merge(local.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_route_table" "private" {
  count = local.makes_vpc ? 1 : 0

  vpc_id = aws_vpc.this[0].id
  tags   = merge(local.tags, { Name = var.name })
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  subnet_id      = each.value.id
  route_table_id = aws_route_table.private[0].id
}

# The way out, if wanted: one NAT gateway, since a worker that lost its network is started again.

resource "aws_internet_gateway" "this" {
  count = local.makes_nat ? 1 : 0

  vpc_id = aws_vpc.this[0].id
  tags   = merge(local.tags, { Name = var.name })
}

resource "aws_subnet" "public" {
  count = local.makes_nat ? 1 : 0

  vpc_id            = aws_vpc.this[0].id
  availability_zone = local.zones[0]
  # The first sixteenth of the second half; the private ones have the first half.
  cidr_block = cidrsubnet(var.network.cidr, 4, 8)
  tags       = merge(local.tags, { Name = "${var.name}-public" })
}

resource "aws_route_table" "public" {
  count = local.makes_nat ? 1 : 0

  vpc_id = aws_vpc.this[0].id
  tags   = merge(local.tags, { Name = "${var.name}-public" })
}

resource "aws_route_table_association" "public" {
  count = local.makes_nat ? 1 : 0

  subnet_id      = aws_subnet.public[0].id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_route" "internet" {
  count = local.makes_nat ? 1 : 0

  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_eip" "nat" {
  count = local.makes_nat ? 1 : 0

  domain = "vpc"
  tags   = merge(local.tags, { Name = var.name })
}

resource "aws_nat_gateway" "this" {
  count = local.makes_nat ? 1 : 0

  subnet_id     = aws_subnet.public[0].id
  allocation_id = aws_eip.nat[0].id
  tags          = merge(local.tags, { Name = var.name })

  depends_on = [aws_route.internet]
}

resource "aws_route" "nat" {
  count = local.makes_nat ? 1 : 0

  route_table_id         = aws_route_table.private[0].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[0].id
}
