variable "image_digest" {
  description = "Digest of the worker image; nothing at first."
  type        = string
  default     = null
}

variable "vpc_id" {
  description = "The VPC that workers run in."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets of it."
  type        = list(string)
}

variable "route_table_ids" {
  description = "Their route tables, for the endpoints of S3 and DynamoDB."
  type        = list(string)
}
