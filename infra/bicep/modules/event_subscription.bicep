metadata description = 'Subscribes the app to uploads. The app\'s code must have been deployed: Azure makes the key then.'

param functionAppName string
param picturesAccountName string
param systemTopicName string

resource app 'Microsoft.Web/sites@2024-11-01' existing = { name: functionAppName }
resource pictures 'Microsoft.Storage/storageAccounts@2025-06-01' existing = { name: picturesAccountName }
resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = { name: systemTopicName }

var key = listKeys('${app.id}/host/default', '2024-11-01').systemKeys.blobs_extension

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'item-picture-uploaded'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    destination: {
      endpointType: 'WebHook'
      properties: {
        endpointUrl: 'https://${app.properties.defaultHostName}/runtime/webhooks/blobs?functionName=Host.Functions.item_picture_uploaded&code=${key}'
        maxEventsPerBatch: 1
        preferredBatchSizeInKilobytes: 64
      }
    }
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      // Without the last slash, product-images-2 would match too.
      subjectBeginsWith: '/blobServices/default/containers/product-images/'
      isSubjectCaseSensitive: true
      // Should the account ever be a hierarchical one: these events come before the file's content.
      advancedFilters: [{ operatorType: 'StringNotIn', key: 'data.api', values: ['CreateFile', 'SftpCreate'] }]
    }
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
    deadLetterWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: { resourceId: pictures.id, blobContainerName: 'dead-letter' }
      }
    }
  }
}
