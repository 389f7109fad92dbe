import { namesType, networkType, retentionType, tagsType } from '../types.bicep'

param location string
param names namesType
param tags tagsType
param retention retentionType
param network networkType
param picturesAccountSku string
param lockPictures bool

var security = {
  accessTier: 'Hot'
  allowBlobPublicAccess: false
  allowCrossTenantReplication: false
  allowSharedKeyAccess: false
  defaultToOAuthAuthentication: true
  isLocalUserEnabled: false
  minimumTlsVersion: 'TLS1_2'
  supportsHttpsTrafficOnly: true
  // A closed account denies; it is not disabled: Event Grid writes dead letters through the exception for Azure's services.
  publicNetworkAccess: 'Enabled'
}

resource host 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: names.hostAccount
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    ...security
    networkAcls: { bypass: 'AzureServices', defaultAction: network.hostAccountIsPublic ? 'Allow' : 'Deny' }
  }

  resource blobs 'blobServices' = {
    name: 'default'

    resource package 'containers' = { name: 'app-package' }
  }
}

resource pictures 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: names.picturesAccount
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: picturesAccountSku }
  properties: {
    ...security
    networkAcls: { bypass: 'AzureServices', defaultAction: network.picturesAccountIsPublic ? 'Allow' : 'Deny' }
    isHnsEnabled: false // a hierarchical account raises events on empty files
  }

  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      deleteRetentionPolicy: { enabled: true, days: retention.softDeleteDays }
      containerDeleteRetentionPolicy: { enabled: true, days: retention.softDeleteDays }
    }

    resource containers 'containers' = [
      for name in ['product-images', 'archive', 'quarantine', 'records', 'dead-letter']: { name: name }
    ]
  }

  resource queues 'queueServices' = {
    name: 'default'

    // The host makes it only when it needs it, and a trigger on a queue that does not exist says nothing.
    resource poison 'queues' = { name: 'webjobs-blobtrigger-poison' }
  }

  resource lifecycle 'managementPolicies' = {
    name: 'default'
    properties: {
      policy: {
        rules: [
          {
            name: 'archive'
            enabled: true
            type: 'Lifecycle'
            definition: {
              filters: { blobTypes: ['blockBlob'], prefixMatch: ['archive/'] }
              actions: {
                baseBlob: {
                  tierToCool: { daysAfterModificationGreaterThan: retention.archiveCoolDays }
                  delete: retention.archiveDeleteDays == 0
                    ? null
                    : { daysAfterModificationGreaterThan: retention.archiveDeleteDays }
                }
              }
            }
          }
          {
            name: 'quarantine'
            enabled: true
            type: 'Lifecycle'
            definition: {
              filters: { blobTypes: ['blockBlob', 'appendBlob'], prefixMatch: ['quarantine/', 'dead-letter/'] }
              actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: retention.quarantineDeleteDays } } }
            }
          }
        ]
      }
    }
    dependsOn: [blobs]
  }
}

// It also keeps roles on the account, and in it, from being taken away.
resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (lockPictures) {
  scope: pictures
  name: 'keep-pictures'
  properties: { level: 'CanNotDelete', notes: 'Holds all originals.' }
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: names.systemTopic
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' } // writes the dead letters
  properties: { source: pictures.id, topicType: 'Microsoft.Storage.StorageAccounts' }
}

output picturesBlobUrl string = pictures.properties.primaryEndpoints.blob
output picturesQueueUrl string = pictures.properties.primaryEndpoints.queue
