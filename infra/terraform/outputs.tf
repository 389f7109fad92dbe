output "AZURE_RESOURCE_GROUP" {
  value = azurerm_resource_group.main.name
}

output "AZURE_FUNCTION_APP_NAME" {
  value = azapi_resource.app.name
}

output "AZURE_SYSTEM_TOPIC_NAME" {
  value = azurerm_eventgrid_system_topic.pictures.name
}

output "AZURE_PICTURES_ACCOUNT_NAME" {
  value = azurerm_storage_account.pictures.name
}

output "IDENTITY_CLIENT_ID" {
  value = azurerm_user_assigned_identity.app.client_id
}

output "IDENTITY_PRINCIPAL_ID" {
  value = azurerm_user_assigned_identity.app.principal_id
}

output "INSTALLATION" {
  description = "All that the operator's commands need to know about this installation."
  value = {
    subscription  = var.subscription_id
    resourceGroup = azurerm_resource_group.main.name
    functionApp   = azapi_resource.app.name
    workspace     = local.workspace_id
    accounts = {
      host             = azurerm_storage_account.host.name
      pictures         = azurerm_storage_account.pictures.name
      picturesBlobUrl  = azurerm_storage_account.pictures.primary_blob_endpoint
      picturesQueueUrl = azurerm_storage_account.pictures.primary_queue_endpoint
    }
    containers = {
      incoming   = azurerm_storage_container.pictures["product-images"].name
      archive    = azurerm_storage_container.pictures["archive"].name
      quarantine = azurerm_storage_container.pictures["quarantine"].name
      records    = azurerm_storage_container.pictures["records"].name
      deadLetter = azurerm_storage_container.pictures["dead-letter"].name
    }
    businessCentral = { for name, value in {
      tenantId    = var.business_central.tenant_id
      environment = var.business_central.environment
      company     = var.business_central.company
      apiVersion  = var.business_central.api_version
      baseUrl     = var.business_central.base_url
      clientId    = var.business_central.client_id
    } : name => value if value != null }
    pathTemplate = var.pictures.path_template
    settings     = local.picture_settings
  }
}
