import { namesType, principalType } from '../types.bicep'

param names namesType
param uploaders principalType[]
param uploadersOnlyWrite bool
param uploadersReadNotes bool
param operators principalType[]
param hasOwnWorkspace bool

var ids = {
  blobContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  blobOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  blobReader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
  logAnalyticsReader: '73c42c96-874c-492b-b04d-ab87d138a893'
  metricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
  monitoringReader: '43d0d8ad-25c7-4714-9337-8ba259a9fe05'
  queueContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  tableContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = { name: names.identity }
resource insights 'Microsoft.Insights/components@2020-02-02' existing = { name: names.applicationInsights }
resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = { name: names.workspace }
resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = { name: names.systemTopic }
resource host 'Microsoft.Storage/storageAccounts@2025-06-01' existing = { name: names.hostAccount }
resource pictures 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: names.picturesAccount

  resource blobs 'blobServices' existing = {
    name: 'default'

    resource incoming 'containers' existing = { name: 'product-images' }
    resource quarantine 'containers' existing = { name: 'quarantine' }
    resource deadLetter 'containers' existing = { name: 'dead-letter' }
  }
}

// The host account: the owner's role for the host's locks and the code's package, queues for the messages into which
// the host turns events, tables for the host's diagnostic events.
resource appOnHost 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in [ids.blobOwner, ids.queueContributor, ids.tableContributor]: {
    scope: host
    name: guid(host.id, identity.id, role)
    properties: {
      principalId: identity.properties.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    }
  }
]

// The pictures account: the blob trigger asks for the owner's role, and for queues because it writes poison messages
// there; the app moves originals and keeps its records.
resource appOnPictures 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in [ids.blobOwner, ids.queueContributor]: {
    scope: pictures
    name: guid(pictures.id, identity.id, role)
    properties: {
      principalId: identity.properties.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    }
  }
]

// Host and worker send telemetry by identity.
resource appOnInsights 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: insights
  name: guid(insights.id, identity.id, ids.metricsPublisher)
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids.metricsPublisher)
  }
}

// Event Grid writes what it could not deliver.
resource topicOnDeadLetter 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: pictures::blobs::deadLetter
  name: guid(pictures::blobs::deadLetter.id, topic.id, ids.blobContributor)
  properties: {
    principalId: topic.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids.blobContributor)
  }
}

// No role of Azure's own can write without reading and deleting.
resource onlyWrite 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (uploadersOnlyWrite) {
  name: guid(resourceGroup().id, 'only-write')
  properties: {
    roleName: 'Item picture uploader (${names.picturesAccount})'
    description: 'Writes blobs; cannot read, list or delete them.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: [
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action'
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write'
        ]
        notDataActions: []
      }
    ]
  }
}

// Uploaders put pictures into product-images.
resource uploadersOnIncoming 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for uploader in uploaders: {
    scope: pictures::blobs::incoming
    name: guid(pictures::blobs::incoming.id, uploader.id, uploadersOnlyWrite ? 'only-write' : ids.blobContributor)
    properties: {
      principalId: uploader.id
      principalType: uploader.type
      roleDefinitionId: uploadersOnlyWrite
        ? onlyWrite.id
        : subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids.blobContributor)
    }
  }
]

// Uploaders read in quarantine why a file could not become a picture.
resource uploadersOnQuarantine 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for uploader in (uploadersReadNotes ? uploaders : []): {
    scope: pictures::blobs::quarantine
    name: guid(pictures::blobs::quarantine.id, uploader.id, ids.blobReader)
    properties: {
      principalId: uploader.id
      principalType: uploader.type
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids.blobReader)
    }
  }
]

// Operators replay originals: they copy them from archive and quarantine back to product-images.
resource operatorsOnPictures 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for operator in operators: {
    scope: pictures
    name: guid(pictures.id, operator.id, ids.blobContributor)
    properties: {
      principalId: operator.id
      principalType: operator.type
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids.blobContributor)
    }
  }
]

// Operators query the logs. Whose an existing workspace is decides who reads it.
resource operatorsOnWorkspace 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for operator in (hasOwnWorkspace ? operators : []): {
    scope: workspace
    name: guid(workspace.id, operator.id, ids.logAnalyticsReader)
    properties: {
      principalId: operator.id
      principalType: operator.type
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids.logAnalyticsReader)
    }
  }
]

// Operators see the alerts, the workbook and the topic's metrics.
resource operatorsOnGroup 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for operator in operators: {
    name: guid(resourceGroup().id, operator.id, ids.monitoringReader)
    properties: {
      principalId: operator.id
      principalType: operator.type
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ids.monitoringReader)
    }
  }
]
