variable "subscription_id" {
  description = "The subscription that everything is in."
  type        = string
  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", lower(var.subscription_id)))
    error_message = "subscription_id: \"${var.subscription_id}\" is not a GUID. `az account show --query id` prints it."
  }
}

variable "environment_name" {
  description = "Name of this installation, part of the resources' names: letters, digits and hyphens."
  type        = string
  validation {
    condition     = can(regex("^[A-Za-z0-9-]{1,20}$", var.environment_name))
    error_message = "environment_name: \"${var.environment_name}\" must be 1 to 20 letters, digits and hyphens."
  }
}

variable "location" {
  description = "Azure region of all resources, as Azure writes it: westeurope."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9]+$", var.location))
    error_message = "location: \"${var.location}\" must be a region's short name, like westeurope."
  }
}

variable "resource_group_name" {
  description = "The resource group, which is created; rg-itempic-ENVIRONMENT if not given."
  type        = string
  default     = null
  validation {
    condition     = var.resource_group_name == null || try(length(var.resource_group_name) >= 1 && length(var.resource_group_name) <= 90, false)
    error_message = "resource_group_name: must have 1 to 90 characters."
  }
}

variable "tags" {
  description = "Tags on every resource, beside the two that are always there."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "business_central" {
  description = "Which Business Central the app writes to."
  type = object({
    tenant_id   = string           # the tenant of Business Central (BC_TENANT_ID)
    environment = string           # the environment (BC_ENVIRONMENT)
    company     = string           # id, name or display name of the company for paths that name none (BC_COMPANY)
    api_version = string           # v1.0 up to BC 27, v2.0 from BC 28 on (BC_API_VERSION)
    base_url    = optional(string) # another address than that of BC online (BC_BASE_URL)
    client_id   = optional(string) # for a BC in another tenant: the app registration there (BC_CLIENT_ID)
  })
  nullable = false
  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", lower(var.business_central.tenant_id)))
    error_message = "business_central.tenant_id: \"${var.business_central.tenant_id}\" is not a GUID."
  }
  validation {
    condition     = length(var.business_central.environment) > 0
    error_message = "business_central.environment: is empty; give the name of BC's environment."
  }
  validation {
    condition     = length(var.business_central.company) > 0
    error_message = "business_central.company: is empty; give the id, the name or the display name of a company."
  }
  validation {
    condition     = contains(["v1.0", "v2.0"], var.business_central.api_version)
    error_message = "business_central.api_version: \"${var.business_central.api_version}\" must be v1.0 or v2.0."
  }
  validation {
    condition     = var.business_central.base_url == null || try(length(var.business_central.base_url) > 0, false)
    error_message = "business_central.base_url: is empty; leave it out for BC online."
  }
  validation {
    condition     = var.business_central.client_id == null || can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", lower(var.business_central.client_id)))
    error_message = "business_central.client_id: is not a GUID."
  }
}

variable "pictures" {
  description = "What the app does with pictures. What is not given has the app's default."
  type = object({
    path_template           = optional(string, "{company}/{item}.{extension}|{item}.{extension}") # BLOB_PATH_TEMPLATE
    max_side                = optional(number, 1024)                                              # pixels (PICTURE_MAX_SIDE)
    max_bytes               = optional(number, 262144)                                            # PICTURE_MAX_BYTES
    quality                 = optional(number, 85)                                                # of the JPEG (PICTURE_QUALITY)
    fit                     = optional(string, "inside")                                          # or pad, to a square (PICTURE_FIT)
    background              = optional(string, "#FFFFFF")                                         # PICTURE_BACKGROUND
    source_max_bytes        = optional(number, 67108864)                                          # SOURCE_MAX_BYTES
    source_max_pixels       = optional(number, 120000000)                                         # SOURCE_MAX_PIXELS
    render_memory           = optional(number, 943718400)                                         # bytes, for all at a time (RENDER_MEMORY)
    item_wait_days          = optional(number, 7)                                                 # for an item (ITEM_WAIT)
    unfinished_wait_minutes = optional(number, 10)                                                # UNFINISHED_WAIT
    sweep_schedule          = optional(string, "0 */5 * * * *")                                   # seconds first, UTC (SWEEP_SCHEDULE)
    sweep_min_age_minutes   = optional(number, 2)                                                 # SWEEP_MIN_AGE
    keep_existing           = optional(bool, true)                                                # KEEP_EXISTING
  })
  default  = {}
  nullable = false
  validation {
    condition     = length(var.pictures.path_template) > 0
    error_message = "pictures.path_template: is empty."
  }
  validation {
    condition     = contains(["inside", "pad"], var.pictures.fit)
    error_message = "pictures.fit: \"${var.pictures.fit}\" must be inside or pad."
  }
  validation {
    condition     = can(regex("^#[0-9A-Fa-f]{6}$", var.pictures.background))
    error_message = "pictures.background: \"${var.pictures.background}\" must be #RRGGBB."
  }
  validation {
    condition = alltrue([
      for name, range in local.picture_ranges :
      var.pictures[name] >= range[0] && var.pictures[name] <= range[1] && floor(var.pictures[name]) == var.pictures[name]
    ])
    error_message = join("\n", [
      for name, range in local.picture_ranges : "pictures.${name}: ${var.pictures[name]} must be a whole number from ${range[0]} to ${range[1]}."
      if var.pictures[name] < range[0] || var.pictures[name] > range[1] || floor(var.pictures[name]) != var.pictures[name]
    ])
  }
}

locals {
  picture_ranges = {
    max_side                = [64, 8192]
    max_bytes               = [4096, 50000000]
    quality                 = [40, 95]
    source_max_bytes        = [1, 268435456]
    source_max_pixels       = [1, 178000000]
    render_memory           = [67108864, 68719476736]
    item_wait_days          = [1, 365]
    unfinished_wait_minutes = [1, 1440]
    sweep_min_age_minutes   = [1, 1440]
  }
}

variable "scale" {
  description = "How many uploads there are at a time: instances on demand, those that are always ready, and their memory in MB. 512 leaves no room for the pictures that the app accepts by default."
  type = object({
    maximum_instance_count = number
    always_ready_instances = number
    instance_memory_mb     = number
  })
  default  = { maximum_instance_count = 3, always_ready_instances = 1, instance_memory_mb = 2048 }
  nullable = false
  validation {
    condition     = contains(range(1, 41), var.scale.maximum_instance_count)
    error_message = "scale.maximum_instance_count: ${var.scale.maximum_instance_count} must be a whole number from 1 to 40."
  }
  validation {
    # Without one, the first deliveries may be refused.
    condition     = contains(range(1, 5), var.scale.always_ready_instances)
    error_message = "scale.always_ready_instances: ${var.scale.always_ready_instances} must be a whole number from 1 to 4."
  }
  validation {
    condition     = contains([2048, 4096], var.scale.instance_memory_mb)
    error_message = "scale.instance_memory_mb: ${var.scale.instance_memory_mb} must be 2048 or 4096."
  }
  validation {
    # Some regions insist on 40 instances; their line is short enough while each has one upload at a time.
    condition = (var.scale.maximum_instance_count + var.scale.always_ready_instances) * local.uploads_per_instance + local.uploads_of_the_sweep <= 20 || (
      var.scale.maximum_instance_count == 40 && var.scale.always_ready_instances == 1 && local.uploads_per_instance == 1
    )
    error_message = "scale: ${(var.scale.maximum_instance_count + var.scale.always_ready_instances) * local.uploads_per_instance + local.uploads_of_the_sweep} uploads at a time; at most 20. Lower maximum_instance_count; where the region insists on 40, set maxDegreeOfParallelism in host.json to 1 and always_ready_instances to 1."
  }
}

variable "pictures_account_sku" {
  description = "Replication of the pictures account."
  type        = string
  default     = "Standard_ZRS"
  nullable    = false
  validation {
    condition     = contains(["Standard_LRS", "Standard_ZRS", "Standard_GRS", "Standard_GZRS"], var.pictures_account_sku)
    error_message = "pictures_account_sku: \"${var.pictures_account_sku}\" must be Standard_LRS, Standard_ZRS, Standard_GRS or Standard_GZRS."
  }
}

variable "retention" {
  description = "How long blobs stay, in days: deleted ones, which cost as much as before; originals in archive until they move to the cool tier, and until they are deleted (0 keeps them); quarantine and dead-letter."
  type = object({
    soft_delete_days       = number
    archive_cool_days      = number
    archive_delete_days    = number
    quarantine_delete_days = number
  })
  default  = { soft_delete_days = 7, archive_cool_days = 30, archive_delete_days = 0, quarantine_delete_days = 90 }
  nullable = false
  validation {
    condition     = contains(range(1, 366), var.retention.soft_delete_days)
    error_message = "retention.soft_delete_days: ${var.retention.soft_delete_days} must be a whole number from 1 to 365."
  }
  validation {
    condition     = alltrue([for days in values(var.retention) : floor(days) == days])
    error_message = "retention: days must be whole numbers."
  }
  validation {
    condition     = var.retention.archive_cool_days >= 1 && var.retention.quarantine_delete_days >= 1 && var.retention.archive_delete_days >= 0
    error_message = "retention: archive_cool_days and quarantine_delete_days must be 1 or more, archive_delete_days 0 or more."
  }
}

variable "uploaders" {
  description = "Who may upload: object ids in Microsoft Entra ID, with User, Group or ServicePrincipal. The type spares Azure a look-up that fails for an identity that was just created."
  type        = list(object({ id = string, type = string }))
  default     = []
  nullable    = false
  validation {
    condition     = alltrue([for each in var.uploaders : can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", lower(each.id))) && contains(["Group", "ServicePrincipal", "User"], each.type)])
    error_message = "uploaders: each needs an id that is a GUID, and the type Group, ServicePrincipal or User."
  }
}

variable "uploaders_only_write" {
  description = "Give uploaders a role of their own that can only write, instead of Storage Blob Data Contributor, which also reads and deletes."
  type        = bool
  default     = false
  nullable    = false
}

variable "uploaders_read_notes" {
  description = "Let uploaders read quarantine, where a note beside each file says what is wrong with it."
  type        = bool
  default     = true
  nullable    = false
}

variable "operators" {
  description = "Who looks after the installation: reads logs, replays originals. As uploaders."
  type        = list(object({ id = string, type = string }))
  default     = []
  nullable    = false
  validation {
    condition     = alltrue([for each in var.operators : can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", lower(each.id))) && contains(["Group", "ServicePrincipal", "User"], each.type)])
    error_message = "operators: each needs an id that is a GUID, and the type Group, ServicePrincipal or User."
  }
}

variable "alert_emails" {
  description = "E-mail addresses that alerts go to."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "documents_url" {
  description = "Where your colleagues read the project's documents, up to the project's folder and with a slash at the end: alerts lead there. Empty: they name the file."
  type        = string
  default     = ""
  nullable    = false
}

variable "existing_workspace_id" {
  description = "Resource id of an existing Log Analytics workspace; empty for a new one."
  type        = string
  default     = ""
  nullable    = false
  validation {
    condition     = var.existing_workspace_id == "" || can(regex("(?i)^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft.OperationalInsights/workspaces/[^/]+$", var.existing_workspace_id))
    error_message = "existing_workspace_id: \"${var.existing_workspace_id}\" is not a workspace's resource id. `az monitor log-analytics workspace show --query id` prints it."
  }
}

variable "daily_cap_gb" {
  description = "GB of telemetry that the new workspace takes in a day; -1 for any amount."
  type        = number
  default     = 1
  nullable    = false
  validation {
    condition     = var.daily_cap_gb >= -1 && floor(var.daily_cap_gb) == var.daily_cap_gb
    error_message = "daily_cap_gb: ${var.daily_cap_gb} must be a whole number, or -1."
  }
}

variable "network" {
  description = "A virtual network for the app, with private endpoints for both accounts; its addresses, 64 or more; and whether the internet reaches each account (identities with a role only; uploaders come from outside)."
  type = object({
    use_virtual_network        = bool
    address_prefix             = string
    host_account_is_public     = bool
    pictures_account_is_public = bool
  })
  default = {
    use_virtual_network        = false
    address_prefix             = "10.72.0.0/24"
    host_account_is_public     = true
    pictures_account_is_public = true
  }
  nullable = false
  validation {
    condition     = can(cidrsubnet(var.network.address_prefix, 0, 0)) && try(tonumber(split("/", var.network.address_prefix)[1]) <= 26, false)
    error_message = "network.address_prefix: \"${var.network.address_prefix}\" must be a network of 64 addresses or more, like 10.72.0.0/24."
  }
  validation {
    condition     = var.network.use_virtual_network || (var.network.host_account_is_public && var.network.pictures_account_is_public)
    error_message = "network: the app cannot reach an account that is not public; set use_virtual_network."
  }
}

variable "lock_pictures" {
  description = "Protect the pictures account, and the roles on it, from being deleted."
  type        = bool
  default     = false
  nullable    = false
}

variable "create_event_subscription" {
  description = "The second stage: subscribe the app to uploads. Azure makes the key for that when the code has been deployed."
  type        = bool
  default     = false
  nullable    = false
}
