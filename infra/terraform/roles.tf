locals {
  uploaders = { for uploader in var.uploaders : uploader.id => uploader.type }
  operators = { for operator in var.operators : operator.id => operator.type }
}

# The host account: the owner's role for the host's locks and the code's package, queues for the messages into which
# the host turns events, tables for the host's diagnostic events.
resource "azurerm_role_assignment" "app_on_host" {
  for_each = toset(["Storage Blob Data Owner", "Storage Queue Data Contributor", "Storage Table Data Contributor"])

  scope                            = azurerm_storage_account.host.id
  role_definition_name             = each.key
  principal_id                     = azurerm_user_assigned_identity.app.principal_id
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true # it was just created
}

# The pictures account: the blob trigger asks for the owner's role, and for queues because it writes poison messages
# there; the app moves originals and keeps its records.
resource "azurerm_role_assignment" "app_on_pictures" {
  for_each = toset(["Storage Blob Data Owner", "Storage Queue Data Contributor"])

  scope                            = azurerm_storage_account.pictures.id
  role_definition_name             = each.key
  principal_id                     = azurerm_user_assigned_identity.app.principal_id
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
}

# Host and worker send telemetry by identity.
resource "azurerm_role_assignment" "app_on_insights" {
  scope                            = azurerm_application_insights.main.id
  role_definition_name             = "Monitoring Metrics Publisher"
  principal_id                     = azurerm_user_assigned_identity.app.principal_id
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
}

# Event Grid writes what it could not deliver.
resource "azurerm_role_assignment" "topic_on_dead_letter" {
  scope                            = azurerm_storage_container.pictures["dead-letter"].id
  role_definition_name             = "Storage Blob Data Contributor"
  principal_id                     = azurerm_eventgrid_system_topic.pictures.identity[0].principal_id
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
}

# No role of Azure's own can write without reading and deleting.
resource "azurerm_role_definition" "only_write" {
  count = var.uploaders_only_write ? 1 : 0

  role_definition_id = uuidv5(local.guids, "${local.resource_group_id}-only-write")
  name               = "Item picture uploader (${local.names.pictures_account})"
  description        = "Writes blobs; cannot read, list or delete them."
  scope              = azurerm_resource_group.main.id
  assignable_scopes  = [azurerm_resource_group.main.id]

  permissions {
    actions = []
    data_actions = [
      "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action",
      "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write",
    ]
  }
}

# Uploaders put pictures into product-images.
resource "azurerm_role_assignment" "uploaders_on_incoming" {
  for_each = local.uploaders

  scope                = azurerm_storage_container.pictures["product-images"].id
  role_definition_name = var.uploaders_only_write ? null : "Storage Blob Data Contributor"
  role_definition_id   = one(azurerm_role_definition.only_write[*].role_definition_resource_id)
  principal_id         = each.key
  principal_type       = each.value
}

# Uploaders read in quarantine why a file could not become a picture.
resource "azurerm_role_assignment" "uploaders_on_quarantine" {
  for_each = var.uploaders_read_notes ? local.uploaders : {}

  scope                = azurerm_storage_container.pictures["quarantine"].id
  role_definition_name = "Storage Blob Data Reader"
  principal_id         = each.key
  principal_type       = each.value
}

# Operators replay originals: they copy them from archive and quarantine back to product-images.
resource "azurerm_role_assignment" "operators_on_pictures" {
  for_each = local.operators

  scope                = azurerm_storage_account.pictures.id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = each.key
  principal_type       = each.value
}

# Operators query the logs. Whose an existing workspace is decides who reads it.
resource "azurerm_role_assignment" "operators_on_workspace" {
  for_each = var.existing_workspace_id == "" ? local.operators : {}

  scope                = local.workspace_id
  role_definition_name = "Log Analytics Reader"
  principal_id         = each.key
  principal_type       = each.value
}

# Operators see the alerts, the workbook and the topic's metrics.
resource "azurerm_role_assignment" "operators_on_group" {
  for_each = local.operators

  scope                = azurerm_resource_group.main.id
  role_definition_name = "Monitoring Reader"
  principal_id         = each.key
  principal_type       = each.value
}
