import { appSettingsType, businessCentralType, namesType, picturesType, scaleType, tagsType } from '../types.bicep'

param location string
param names namesType
param tags tagsType
param businessCentral businessCentralType
param pictures picturesType
param scale scaleType
param isInVirtualNetwork bool

var pathTemplate = pictures.?pathTemplate ?? '{company}/{item}.{extension}|{item}.{extension}'

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = { name: names.identity }
resource insights 'Microsoft.Insights/components@2020-02-02' existing = { name: names.applicationInsights }
resource hostAccount 'Microsoft.Storage/storageAccounts@2025-06-01' existing = { name: names.hostAccount }
resource picturesAccount 'Microsoft.Storage/storageAccounts@2025-06-01' existing = { name: names.picturesAccount }

// Each deployment replaces all settings, so all of them are here.
var hostSettings = {
  AzureWebJobsStorage__accountName: names.hostAccount
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.properties.clientId
}
var storageSettings = {
  PICTURE_STORAGE__blobServiceUri: picturesAccount.properties.primaryEndpoints.blob
  PICTURE_STORAGE__queueServiceUri: picturesAccount.properties.primaryEndpoints.queue
  PICTURE_STORAGE__credential: 'managedidentity'
  PICTURE_STORAGE__clientId: identity.properties.clientId
  PICTURE_TRIGGER_SOURCE: 'EventGrid'
}
var businessCentralSettings = {
  BC_TENANT_ID: businessCentral.tenantId
  BC_ENVIRONMENT: businessCentral.environment
  BC_COMPANY: businessCentral.company
  BC_API_VERSION: businessCentral.apiVersion
  AZURE_CLIENT_ID: identity.properties.clientId
}
var optionalSettings = union(
  empty(businessCentral.?baseUrl) ? {} : { BC_BASE_URL: businessCentral.?baseUrl },
  empty(businessCentral.?clientId) ? {} : { BC_CLIENT_ID: businessCentral.?clientId }
)
var pictureSettings = {
  BLOB_PATH_TEMPLATE: pathTemplate
  PICTURE_MAX_SIDE: string(pictures.?maxSide ?? 1024)
  PICTURE_MAX_BYTES: string(pictures.?maxBytes ?? 262144)
  PICTURE_QUALITY: string(pictures.?quality ?? 85)
  PICTURE_FIT: pictures.?fit ?? 'inside'
  PICTURE_BACKGROUND: pictures.?background ?? '#FFFFFF'
  SOURCE_MAX_BYTES: string(pictures.?sourceMaxBytes ?? 67108864)
  SOURCE_MAX_PIXELS: string(pictures.?sourceMaxPixels ?? 120000000)
  RENDER_MEMORY: string(pictures.?renderMemory ?? 943718400)
  ITEM_WAIT: 'P${pictures.?itemWaitDays ?? 7}D'
  UNFINISHED_WAIT: 'PT${pictures.?unfinishedWaitMinutes ?? 10}M'
  SWEEP_SCHEDULE: pictures.?sweepSchedule ?? '0 */5 * * * *'
  SWEEP_MIN_AGE: 'PT${pictures.?sweepMinAgeMinutes ?? 2}M'
  KEEP_EXISTING: toLower(string(pictures.?keepExisting ?? true))
}
var telemetrySettings = {
  APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
  PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME: 'item_picture_sync'
  OTEL_TRACES_SAMPLER: 'microsoft.fixed_percentage'
  OTEL_TRACES_SAMPLER_ARG: '1.0'
  OTEL_METRICS_EXPORTER: 'none'
  OTEL_BSP_SCHEDULE_DELAY: '1000'
  OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: 'azure_sdk'
  APPLICATIONINSIGHTS_SDKSTATS_DISABLED: 'true'
  APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL: 'true'
  APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED: 'true'
  APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED: 'true'
}
var settings = union(
  hostSettings,
  storageSettings,
  businessCentralSettings,
  optionalSettings,
  pictureSettings,
  telemetrySettings
)

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: names.plan
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true } // Linux
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: names.functionApp
  location: location
  tags: union(tags, { 'azd-service-name': 'sync' })
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identity.id}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled' // Event Grid calls from outside
    virtualNetworkSubnetId: isInVirtualNetwork
      ? resourceId('Microsoft.Network/virtualNetworks/subnets', names.virtualNetwork, 'snet-app')
      : null
    siteConfig: {
      minTlsVersion: '1.2'
      appSettings: map(items(settings), setting => { name: setting.key, value: setting.value })
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostAccount.properties.primaryEndpoints.blob}app-package'
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identity.id }
        }
      }
      scaleAndConcurrency: {
        maximumInstanceCount: scale.maximumInstanceCount
        instanceMemoryMB: scale.instanceMemoryMB
        // Blob triggers are a scaling group of their own; it may never start without this.
        alwaysReady: [{ name: 'blob', instanceCount: scale.alwaysReadyInstances }]
      }
      runtime: { name: 'python', version: '3.13' }
    }
  }

  // Publishing by password is off; azd and the Azure CLI publish by token.
  resource ftp 'basicPublishingCredentialsPolicies' = { name: 'ftp', properties: { allow: false } }
  resource scm 'basicPublishingCredentialsPolicies' = { name: 'scm', properties: { allow: false } }
}

output pathTemplate string = pathTemplate

output pictureSettings appSettingsType = pictureSettings
