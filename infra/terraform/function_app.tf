locals {
  picture_settings = {
    BLOB_PATH_TEMPLATE = var.pictures.path_template
    PICTURE_MAX_SIDE   = tostring(var.pictures.max_side)
    PICTURE_MAX_BYTES  = tostring(var.pictures.max_bytes)
    PICTURE_QUALITY    = tostring(var.pictures.quality)
    PICTURE_FIT        = var.pictures.fit
    PICTURE_BACKGROUND = var.pictures.background
    SOURCE_MAX_BYTES   = tostring(var.pictures.source_max_bytes)
    SOURCE_MAX_PIXELS  = tostring(var.pictures.source_max_pixels)
    RENDER_MEMORY      = tostring(var.pictures.render_memory)
    ITEM_WAIT          = "P${var.pictures.item_wait_days}D"
    UNFINISHED_WAIT    = "PT${var.pictures.unfinished_wait_minutes}M"
    SWEEP_SCHEDULE     = var.pictures.sweep_schedule
    SWEEP_MIN_AGE      = "PT${var.pictures.sweep_min_age_minutes}M"
    KEEP_EXISTING      = tostring(var.pictures.keep_existing)
  }

  # Each deployment replaces all settings, so all of them are here.
  settings = merge(
    {
      AzureWebJobsStorage__accountName = azurerm_storage_account.host.name
      AzureWebJobsStorage__credential  = "managedidentity"
      AzureWebJobsStorage__clientId    = azurerm_user_assigned_identity.app.client_id
    },
    {
      PICTURE_STORAGE__blobServiceUri  = azurerm_storage_account.pictures.primary_blob_endpoint
      PICTURE_STORAGE__queueServiceUri = azurerm_storage_account.pictures.primary_queue_endpoint
      PICTURE_STORAGE__credential      = "managedidentity"
      PICTURE_STORAGE__clientId        = azurerm_user_assigned_identity.app.client_id
      PICTURE_TRIGGER_SOURCE           = "EventGrid"
    },
    {
      BC_TENANT_ID    = var.business_central.tenant_id
      BC_ENVIRONMENT  = var.business_central.environment
      BC_COMPANY      = var.business_central.company
      BC_API_VERSION  = var.business_central.api_version
      AZURE_CLIENT_ID = azurerm_user_assigned_identity.app.client_id
    },
    var.business_central.base_url == null ? {} : { BC_BASE_URL = var.business_central.base_url },
    var.business_central.client_id == null ? {} : { BC_CLIENT_ID = var.business_central.client_id },
    local.picture_settings,
    {
      APPLICATIONINSIGHTS_CONNECTION_STRING                      = azurerm_application_insights.main.connection_string
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING                  = "ClientId=${azurerm_user_assigned_identity.app.client_id};Authorization=AAD"
      PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY                = "true"
      PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME                     = "item_picture_sync"
      OTEL_TRACES_SAMPLER                                        = "microsoft.fixed_percentage"
      OTEL_TRACES_SAMPLER_ARG                                    = "1.0"
      OTEL_METRICS_EXPORTER                                      = "none"
      OTEL_BSP_SCHEDULE_DELAY                                    = "1000"
      OTEL_PYTHON_DISABLED_INSTRUMENTATIONS                      = "azure_sdk"
      APPLICATIONINSIGHTS_SDKSTATS_DISABLED                      = "true"
      APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL                 = "true"
      APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED                  = "true"
      APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED = "true"
    },
  )
}

resource "azurerm_service_plan" "app" {
  name                = local.names.plan
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  tags                = local.tags
  os_type             = "Linux"
  sku_name            = "FC1"
}

# azapi, because azurerm_function_app_flex_consumption always adds an empty AzureWebJobsStorage, with which the host may
# not start, and hides it on reading, so that no plan ever settles (hashicorp/terraform-provider-azurerm #29693, #33211).
# An empty value of one's own does harm, too (Azure/azure-functions-host #11796). The settings are part of the app: as a
# child they would differ from Azure's answer in each plan (Azure/terraform-provider-azapi #1167).
resource "azapi_resource" "app" {
  type      = "Microsoft.Web/sites@2024-11-01"
  name      = local.names.function_app
  parent_id = azurerm_resource_group.main.id
  location  = var.location
  tags      = merge(local.tags, { azd-service-name = "sync" })

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.app.id]
  }

  body = {
    kind = "functionapp,linux"
    properties = {
      serverFarmId           = azurerm_service_plan.app.id
      httpsOnly              = true
      publicNetworkAccess    = "Enabled" # Event Grid calls from outside
      virtualNetworkSubnetId = one(azurerm_subnet.app[*].id)
      siteConfig = {
        minTlsVersion = "1.2"
        appSettings   = [for name, value in local.settings : { name = name, value = value }]
      }
      functionAppConfig = {
        deployment = {
          storage = {
            type  = "blobContainer"
            value = "${azurerm_storage_account.host.primary_blob_endpoint}${azurerm_storage_container.package.name}"
            authentication = {
              type                           = "UserAssignedIdentity"
              userAssignedIdentityResourceId = azurerm_user_assigned_identity.app.id
            }
          }
        }
        scaleAndConcurrency = {
          maximumInstanceCount = var.scale.maximum_instance_count
          instanceMemoryMB     = var.scale.instance_memory_mb
          # Blob triggers are a scaling group of their own; it may never start without this.
          alwaysReady = [{ name = "blob", instanceCount = var.scale.always_ready_instances }]
        }
        runtime = { name = "python", version = "3.13" }
      }
    }
  }

  response_export_values = ["properties.defaultHostName"]

  # The host reads its storage as soon as it starts: roles and private addresses come first.
  depends_on = [
    azurerm_private_endpoint.blob,
    azurerm_private_endpoint.queue,
    azurerm_private_endpoint.table,
    azurerm_role_assignment.app_on_host,
    azurerm_role_assignment.app_on_insights,
    azurerm_role_assignment.app_on_pictures,
  ]
}

# Publishing by password is off; the Azure CLI publishes by token. Azure makes both policies with the app.
resource "azapi_update_resource" "publishing" {
  for_each = toset(["ftp", "scm"])

  type      = "Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01"
  name      = each.key
  parent_id = azapi_resource.app.id
  body      = { properties = { allow = false } }
}
