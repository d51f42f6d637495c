# What is needed: the policy, and the secrets it names. Everything else has a default that holds.

variable "policy_file" {
  description = "Path of the policy (`allowlist.yaml`) that decides every request. Applying the module is what changes it."
  type        = string
  nullable    = false

  validation {
    condition     = fileexists(var.policy_file)
    error_message = "There is no such file."
  }
}

variable "secret_arns" {
  description = "Secrets that the policy names (deploy keys, `env_secrets`), as ARNs; a name may end in `*`, as in `arn:aws:secretsmanager:eu-west-1:111111111111:secret:infra-deployer/*`."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.secret_arns) > 0
    error_message = "Without a deploy key nothing can be cloned: name its secret."
  }

  validation {
    condition     = alltrue([for arn in var.secret_arns : can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+[*]?$", arn))])
    error_message = "Each is the ARN of a secret, with a `*` nowhere but at its end and after at least one character of its name."
  }

  validation {
    condition     = alltrue([for arn in var.secret_arns : can(regex("([*]|-[A-Za-z0-9]{6})$", arn))])
    error_message = "An ARN without `*` ends in `-` and the six characters that Secrets Manager adds to the name: take what `aws secretsmanager create-secret` prints."
  }
}

variable "role_arns" {
  description = "Plan and apply roles that the policy names, of any account. Each must trust the worker door: see the output `target_trust_policy`."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.role_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/[A-Za-z0-9/_+=,.@-]+$", arn))])
    error_message = "Each is the ARN of one role, without `*`."
  }
}

variable "further_role_arns" {
  description = "Roles that a provider takes on from those (`assume_role`), which the endpoints would not let pass otherwise; the worker door gives nobody these."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.further_role_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/[A-Za-z0-9/_+=,.@-]+$", arn))])
    error_message = "Each is the ARN of one role, without `*`."
  }
}

variable "name" {
  description = "Prefix of everything the module creates; a second installation in one account needs another."
  type        = string
  default     = "infra-deployer"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "3 to 20 lower-case letters, digits and hyphens: it becomes part of bucket names."
  }
}

variable "tags" {
  description = "Further tags of everything that takes tags."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "secret_key_arns" {
  description = "KMS keys that encrypt those secrets, where they are not AWS's own."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "state_buckets" {
  description = "ARNs of state buckets that are neither in this account nor in one of the roles' accounts; the S3 endpoint lets only these pass besides."
  type        = list(string)
  default     = []
  nullable    = false
}

# What runs.

variable "lambda_zip" {
  description = "The control plane, as `npm run build` makes it; `dist/lambda.zip` of the module's repository unless given."
  type        = string
  default     = null
}

variable "image_digest" {
  description = "Digest (`sha256:…`) of the worker image in the registry that the module creates. Workers exist only once it is set: apply, push, apply."
  type        = string
  default     = null

  validation {
    condition     = var.image_digest == null || can(regex("^sha256:[0-9a-f]{64}$", var.image_digest))
    error_message = "A digest is `sha256:` and 64 hexadecimal digits; tags can be moved and are not taken."
  }
}

variable "architecture" {
  description = "Of the worker image, `x86_64` or `arm64`; the doors take the same."
  type        = string
  default     = "x86_64"
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "Lambda and Fargate know x86_64 and arm64."
  }
}

variable "lambda_worker" {
  description = <<-EOT
    Workers as functions. `*_concurrency` are separate pools, -1 takes from the account's; `tmp_mb` is all the disk there is.
    `isolate` gives each run an environment of its own; AWS cannot in China and GovCloud, and it cannot be changed later
    without making the function anew. AWS keeps idle environments for a while, and of isolated ones 5 for 2 of concurrency
    at most, so a pool is wider than what works at a time.
  EOT
  type = object({
    memory_mb         = optional(number, 2048)
    tmp_mb            = optional(number, 4096)
    plan_concurrency  = optional(number, 40)
    apply_concurrency = optional(number, 20)
    isolate           = optional(bool, true)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.lambda_worker.tmp_mb >= 512 && var.lambda_worker.tmp_mb <= 10240
    error_message = "Lambda gives 512 to 10240 MB of /tmp."
  }
}

variable "fargate_worker" {
  description = "Workers as tasks; they need `network`. `spot` is for plans only: an apply is never taken back."
  type = object({
    cpu     = optional(number, 1024)
    memory  = optional(number, 2048)
    disk_gb = optional(number, 30)
    spot    = optional(bool, false)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.fargate_worker.disk_gb >= 21 && var.fargate_worker.disk_gb <= 200
    error_message = "Fargate gives 21 to 200 GB."
  }
}

variable "concurrency" {
  description = "Reserved concurrency of the doors and the keeper; -1 takes from the account's pool, as accounts with a quota of 10 must."
  type = object({
    deploy = optional(number, 20)
    worker = optional(number, 50)
    audit  = optional(number, 5)
    keeper = optional(number, 5)
  })
  default  = {}
  nullable = false
}

# Where workers run.

variable "network" {
  description = <<-EOT
    Where workers run: nothing means Lambda workers alone, outside of any VPC, with all of the internet in reach.
    `egress_cidrs` are what they reach on 443 and 22 (git, registries, APIs of other clouds) besides S3, DynamoDB and the
    endpoints made here. With `proxy` (its `cidr` is where it may be) Terraform and its providers speak https through it, but
    not to the services that have endpoints here, nor does git over SSH. A VPC of `cidr` is made with private subnets, endpoints
    unless `endpoints` is false, and one NAT gateway unless `nat` is false. With `vpc_id` and `subnet_ids` of your own nothing is
    made but security groups, and endpoints if `endpoints` is true. CAREFUL: their policies then hold for everybody in that VPC,
    since they take over the names of AWS's services, and the routes of `route_table_ids`: only where it is the deployer's alone.
    Without them `egress_cidrs` has the subnets of the VPC's own endpoints in it, or what AWS's addresses are in.
  EOT
  type = object({
    egress_cidrs    = list(string)
    proxy           = optional(object({ host = string, port = number, cidr = string }))
    vpc_id          = optional(string)
    subnet_ids      = optional(list(string), [])
    route_table_ids = optional(list(string), [])
    cidr            = optional(string, "10.71.0.0/24")
    nat             = optional(bool, true)
    endpoints       = optional(bool)
  })
  default = null

  validation {
    condition     = var.network == null || alltrue([for cidr in try(var.network.egress_cidrs, []) : can(cidrnetmask(cidr))])
    error_message = "`egress_cidrs` are IPv4 ranges like 203.0.113.0/24."
  }

  validation {
    condition     = try(var.network.proxy, null) == null || (can(regex("^[A-Za-z0-9.-]+$", var.network.proxy.host)) && can(cidrnetmask(var.network.proxy.cidr)))
    error_message = "A `proxy` has a host, by name or IPv4 address, and the IPv4 range where it is, like 10.0.12.8/32; workers have no password for it."
  }

  validation {
    condition     = try(var.network.vpc_id, null) == null ? length(try(var.network.subnet_ids, [])) == 0 : length(var.network.subnet_ids) > 0
    error_message = "`vpc_id` and `subnet_ids` come together."
  }

  validation {
    condition     = try(var.network.vpc_id, null) == null || !try(coalesce(var.network.endpoints, false), false) || length(try(var.network.route_table_ids, [])) > 0
    error_message = "Endpoints of S3 and DynamoDB need `route_table_ids`; where the VPC has them already, leave `endpoints` out."
  }

  validation {
    condition     = var.network == null || try(coalesce(var.network.endpoints, var.network.vpc_id == null), false) || length(try(var.network.egress_cidrs, [])) > 0
    error_message = "Without endpoints made here, workers reach AWS by `egress_cidrs` alone: name the subnets of the VPC's own endpoints, or what AWS's addresses are in."
  }

  validation {
    condition     = try(tonumber(split("/", var.network.cidr)[1]), 24) <= 24
    error_message = "`cidr` is a /24 or wider: it is divided into two private subnets and a public one."
  }
}

# How long things stay, and who hears of trouble.

variable "log_retention_days" {
  description = "How long CloudWatch Logs keeps the doors' and the runs' logs."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch Logs takes 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "audit_lock" {
  description = "Object Lock of the audit mirror. `COMPLIANCE` binds the account's root too: no teardown before the days are over."
  type = object({
    mode = optional(string, "GOVERNANCE")
    days = optional(number, 365)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["GOVERNANCE", "COMPLIANCE"], var.audit_lock.mode) && var.audit_lock.days >= 1
    error_message = "GOVERNANCE or COMPLIANCE, for a day at least."
  }
}

variable "plan_expiry_days" {
  description = "When S3 removes a plan that the keeper did not; longer than any receipt of the policy is good."
  type        = number
  default     = 30
  nullable    = false
}

variable "cache_expiration_days" {
  description = <<-EOT
    When S3 removes providers that a run has installed and left for the next with the same lock file; 0 is never, and with
    `null` none are kept. They are used only with the hashes of a committed lock file, where the policy names no mirror.
  EOT
  type        = number
  default     = 30

  validation {
    condition     = var.cache_expiration_days == null || try(var.cache_expiration_days >= 0 && floor(var.cache_expiration_days) == var.cache_expiration_days, false)
    error_message = "Whole days, 0 for never, or null for no cache."
  }
}

variable "deletion_protection" {
  description = "Keeps the ledger, the buckets and what they hold from `terraform destroy`. Teardown: set false, apply, destroy."
  type        = bool
  default     = true
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "SNS topics that the alarms tell."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "denials_per_five_minutes" {
  description = "From how many refused requests within five minutes on the alarm goes off."
  type        = number
  default     = 20
  nullable    = false
}

variable "gitlab" {
  description = <<-EOT
    The role that CI takes with its ID token, if it should be made: `url` of GitLab, the token's `audience`, and which jobs as
    `subjects`, like `project_path:acme/infra-live:ref_type:*:ref:*`. With `oidc_provider_arn` an existing provider is taken.
  EOT
  type = object({
    url               = optional(string, "https://gitlab.com")
    audience          = optional(string, "infra-deployer")
    subjects          = list(string)
    oidc_provider_arn = optional(string)
  })
  default = null

  validation {
    condition     = var.gitlab == null || can(regex("^https://[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9/_-]*[a-z0-9_-])?$", var.gitlab.url))
    error_message = "An https URL without a slash at its end."
  }

  validation {
    condition     = var.gitlab == null || (length(try(var.gitlab.subjects, [])) > 0 && alltrue([for subject in try(var.gitlab.subjects, []) : can(regex("^project_path:[^*:/]+/", subject))]))
    error_message = "Each subject starts with `project_path:` and the name of a group of yours: `*` there would let in everybody on that GitLab."
  }
}
