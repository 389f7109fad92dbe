metadata name = 'Item Picture Sync'
metadata description = 'Puts pictures from a blob container onto the items of Business Central.'

targetScope = 'subscription'

import {
  businessCentralType
  installationType
  namesType
  networkType
  picturesType
  principalType
  retentionType
  scaleType
  tagsType
} from 'types.bicep'

@description('Name of this installation, part of the resources\' names: letters, digits and hyphens.')
@minLength(1)
@maxLength(20)
param environmentName string

@description('Azure region of all resources.')
@minLength(1)
param location string

@description('The resource group, which is created.')
@minLength(1)
@maxLength(90)
param resourceGroupName string = 'rg-itempic-${environmentName}'

@description('Tags on every resource, beside the two that are always there.')
param tags tagsType = {}

@description('Which Business Central the app writes to.')
param businessCentral businessCentralType

@description('What the app does with pictures.')
param pictures picturesType = {}

@description('How many uploads there are at a time.')
param scale scaleType = { maximumInstanceCount: 3, alwaysReadyInstances: 1, instanceMemoryMB: 2048 }

@description('Replication of the pictures account.')
param picturesAccountSku 'Standard_LRS' | 'Standard_ZRS' | 'Standard_GRS' | 'Standard_GZRS' = 'Standard_ZRS'

@description('How long blobs stay.')
param retention retentionType = {
  softDeleteDays: 7
  archiveCoolDays: 30
  archiveDeleteDays: 0
  quarantineDeleteDays: 90
}

@description('Who may upload.')
param uploaders principalType[] = []

@description('Give uploaders a role of their own that can only write, instead of Storage Blob Data Contributor, which also reads and deletes.')
param uploadersOnlyWrite bool = false

@description('Let uploaders read quarantine, where a note beside each file says what is wrong with it.')
param uploadersReadNotes bool = true

@description('Who looks after the installation: reads logs, replays originals.')
param operators principalType[] = []

@description('E-mail addresses that alerts go to.')
param alertEmails string[] = []

@description('Where your colleagues read the project\'s documents, up to the project\'s folder and with a slash at the end: alerts lead there. Empty: they name the file.')
param documentsUrl string = ''

@description('Resource id of an existing Log Analytics workspace; empty for a new one.')
param existingWorkspaceId string = ''

@description('GB of telemetry that the new workspace takes in a day; -1 for any amount.')
@minValue(-1)
param dailyCapGb int = 1

@description('The network, and who reaches the accounts from outside of it.')
param network networkType = {
  useVirtualNetwork: false
  addressPrefix: '10.72.0.0/24'
  hostAccountIsPublic: true
  picturesAccountIsPublic: true
}

@description('Protect the pictures account, and the roles on it, from being deleted.')
param lockPictures bool = false

@description('The second stage: subscribe the app to uploads. Azure makes the key for that when the code has been deployed.')
param createEventSubscription bool = false

// BC works on five requests of an identity at a time and queues the others. When the line lasts longer than a read's
// time-out, BC works for callers who have gone.
var uploadsPerInstance = loadJsonContent('../../host.json', 'extensions.blobs.maxDegreeOfParallelism')
var uploadsOfTheSweep = 4
var slots = (scale.maximumInstanceCount + scale.alwaysReadyInstances) * uploadsPerInstance + uploadsOfTheSweep
// Some regions insist on 40 instances; their line is short enough while each has one upload at a time.
var isFortySingles = scale.maximumInstanceCount == 40 && scale.alwaysReadyInstances == 1 && uploadsPerInstance == 1
var isReachable = network.useVirtualNetwork || network.hostAccountIsPublic && network.picturesAccountIsPublic
var background = pictures.?background ?? '#FFFFFF'

// What types cannot say. Azure would notice some of it halfway, the app the rest at each start.
var problems = filter(
  [
    consistsOf(environmentName, 'abcdefghijklmnopqrstuvwxyz0123456789-')
      ? ''
      : 'environmentName: "${environmentName}" must be letters, digits and hyphens.'
    isGuid(businessCentral.tenantId) ? '' : 'businessCentral.tenantId: "${businessCentral.tenantId}" is not a GUID.'
    empty(businessCentral.?clientId) || isGuid(businessCentral.?clientId ?? '')
      ? ''
      : 'businessCentral.clientId: is not a GUID.'
    startsWith(background, '#') && consistsOf(skip(background, 1), '0123456789abcdef')
      ? ''
      : 'pictures.background: "${background}" must be #RRGGBB.'
    slots <= 20 || isFortySingles
      ? ''
      : 'scale: ${slots} uploads at a time; at most 20. Lower maximumInstanceCount; where the region insists on 40, set maxDegreeOfParallelism in host.json to 1 and alwaysReadyInstances to 1.'
    empty(filter(uploaders, each => !isGuid(each.id))) ? '' : 'uploaders: each needs an id that is a GUID.'
    empty(filter(operators, each => !isGuid(each.id))) ? '' : 'operators: each needs an id that is a GUID.'
    isReachable ? '' : 'network: the app cannot reach an account that is not public; set useVirtualNetwork.'
  ],
  problem => problem != ''
)

// All names depend on it, so nothing is made where there is a problem.
var token = empty(problems)
  ? uniqueString(subscription().id, resourceGroupName, environmentName, location)
  : fail(join(problems, ' '))
var suffix = 'itempic-${environmentName}-${take(token, 6)}'
// Abbreviations of the Cloud Adoption Framework.
var names namesType = {
  actionGroup: 'ag-${suffix}'
  applicationInsights: 'appi-${suffix}'
  functionApp: 'func-${suffix}'
  hostAccount: 'sthost${token}'
  identity: 'id-${suffix}'
  picturesAccount: 'stpics${token}'
  plan: 'asp-${suffix}'
  systemTopic: 'egst-${suffix}'
  virtualNetwork: 'vnet-${suffix}'
  workspace: 'log-${suffix}'
}
// azd finds the installation by the second one.
var allTags tagsType = union(tags, { workload: 'item-picture-sync', 'azd-env-name': environmentName })
var itemWaitDays = pictures.?itemWaitDays ?? 7

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: resourceGroupName
  location: location
  tags: allTags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: { location: location, names: names, tags: allTags }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    location: location
    names: names
    tags: allTags
    retention: retention
    network: network
    picturesAccountSku: picturesAccountSku
    lockPictures: lockPictures
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    location: location
    names: names
    tags: allTags
    existingWorkspaceId: existingWorkspaceId
    dailyCapGb: dailyCapGb
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    names: names
    tags: allTags
    alertEmails: alertEmails
    documentsUrl: documentsUrl
    itemWaitDays: itemWaitDays
  }
  dependsOn: [monitoring, storage]
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    names: names
    uploaders: uploaders
    uploadersOnlyWrite: uploadersOnlyWrite
    uploadersReadNotes: uploadersReadNotes
    operators: operators
    hasOwnWorkspace: empty(existingWorkspaceId)
  }
  dependsOn: [identity, storage, monitoring]
}

module privateNetwork 'modules/network.bicep' = if (network.useVirtualNetwork) {
  name: 'network'
  scope: group
  params: { location: location, names: names, tags: allTags, addressPrefix: network.addressPrefix }
  dependsOn: [storage]
}

module functionApp 'modules/function_app.bicep' = {
  name: 'function-app'
  scope: group
  params: {
    location: location
    names: names
    tags: allTags
    businessCentral: businessCentral
    pictures: union(pictures, { itemWaitDays: itemWaitDays })
    scale: scale
    isInVirtualNetwork: network.useVirtualNetwork
  }
  // The host reads its storage as soon as it starts: roles and private addresses come first.
  dependsOn: [identity, storage, monitoring, roles, privateNetwork]
}

// A module, not a condition on the resource: Azure asks for the key of a conditional resource even when it skips it.
module eventSubscription 'modules/event_subscription.bicep' = if (createEventSubscription) {
  name: 'event-subscription'
  scope: group
  params: {
    functionAppName: names.functionApp
    picturesAccountName: names.picturesAccount
    systemTopicName: names.systemTopic
  }
  dependsOn: [functionApp, roles]
}

func consistsOf(text string, characters string) bool =>
  empty(filter(range(0, length(text)), index => !contains(characters, toLower(substring(text, index, 1)))))

func isGuid(text string) bool =>
  consistsOf(text, '0123456789abcdef-') && join(map(split(text, '-'), part => string(length(part))), '-') == '8-4-4-4-12'

output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FUNCTION_APP_NAME string = names.functionApp
output AZURE_SYSTEM_TOPIC_NAME string = names.systemTopic
output AZURE_PICTURES_ACCOUNT_NAME string = names.picturesAccount
output IDENTITY_CLIENT_ID string = identity.outputs.clientId
output IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId

@description('All that the operator\'s commands need to know about this installation.')
output INSTALLATION installationType = {
  subscription: subscription().subscriptionId
  resourceGroup: group.name
  functionApp: names.functionApp
  workspace: monitoring.outputs.workspaceId
  accounts: {
    host: names.hostAccount
    pictures: names.picturesAccount
    picturesBlobUrl: storage.outputs.picturesBlobUrl
    picturesQueueUrl: storage.outputs.picturesQueueUrl
  }
  containers: {
    incoming: 'product-images'
    archive: 'archive'
    quarantine: 'quarantine'
    records: 'records'
    deadLetter: 'dead-letter'
  }
  businessCentral: businessCentral
  pathTemplate: functionApp.outputs.pathTemplate
  settings: functionApp.outputs.pictureSettings
}
