resource "azurerm_log_analytics_workspace" "main" {
  count = var.existing_workspace_id == "" ? 1 : 0

  name                            = local.names.workspace
  resource_group_name             = azurerm_resource_group.main.name
  location                        = var.location
  tags                            = local.tags
  sku                             = "PerGB2018"
  retention_in_days               = 30
  daily_quota_gb                  = var.daily_cap_gb
  local_authentication_enabled    = false
  allow_resource_only_permissions = true
}

locals {
  workspace_id = var.existing_workspace_id == "" ? azurerm_log_analytics_workspace.main[0].id : var.existing_workspace_id
}

resource "azurerm_application_insights" "main" {
  name                         = local.names.application_insights
  resource_group_name          = azurerm_resource_group.main.name
  location                     = var.location
  tags                         = local.tags
  application_type             = "web"
  local_authentication_enabled = false
  workspace_id                 = local.workspace_id
}

resource "azurerm_application_insights_workbook" "main" {
  name                = uuidv5(local.guids, "${local.resource_group_id}-item-pictures")
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  tags                = local.tags
  category            = "workbook"
  display_name        = "Item pictures"
  source_id           = lower(azurerm_application_insights.main.id) # azurerm wants it so
  data_json = replace(
    file("${path.module}/../monitoring/workbook.json"),
    "__APPLICATION_INSIGHTS_ID__",
    azurerm_application_insights.main.id,
  )
}
