# Puts pictures from a blob container onto the items of Business Central.

locals {
  # Unlike Bicep's uniqueString, so an installation stays with the tool that made it.
  token  = substr(sha256(join("-", [var.subscription_id, local.resource_group_name, var.environment_name, var.location])), 0, 13)
  suffix = "itempic-${var.environment_name}-${substr(local.token, 0, 6)}"

  resource_group_name = coalesce(var.resource_group_name, "rg-itempic-${var.environment_name}")
  # Known before the group is there, as names have to be.
  resource_group_id = "/subscriptions/${var.subscription_id}/resourceGroups/${local.resource_group_name}"

  # Abbreviations of the Cloud Adoption Framework.
  names = {
    action_group         = "ag-${local.suffix}"
    application_insights = "appi-${local.suffix}"
    function_app         = "func-${local.suffix}"
    host_account         = "sthost${local.token}"
    identity             = "id-${local.suffix}"
    pictures_account     = "stpics${local.token}"
    plan                 = "asp-${local.suffix}"
    system_topic         = "egst-${local.suffix}"
    virtual_network      = "vnet-${local.suffix}"
    workspace            = "log-${local.suffix}"
  }

  # azd finds the installation by the second one.
  tags = merge(var.tags, { workload = "item-picture-sync", azd-env-name = var.environment_name })

  # The namespace of Resource Manager's guid(): Bicep gives the same names.
  guids = "11fb06fb-712d-4ddd-98c7-e71bbd588830"

  # BC works on five requests of an identity at a time and queues the others. When the line lasts longer than a read's
  # time-out, BC works for callers who have gone.
  uploads_per_instance = jsondecode(file("${path.module}/../../host.json")).extensions.blobs.maxDegreeOfParallelism
  uploads_of_the_sweep = 4
}

resource "azurerm_resource_group" "main" {
  name     = local.resource_group_name
  location = var.location
  tags     = local.tags
}
