using 'main.bicep'

// An installation with all options: a virtual network, a closed host account, a shared workspace, BC in another tenant.
param environmentName = 'prod'
param location = 'westeurope'
param tags = { costCenter: '4711' }
param businessCentral = {
  tenantId: '7c1f0a52-3f0e-4e55-9d0a-6b1f6f0f3a11'
  environment: 'Production'
  company: 'Nordwind Möbel GmbH'
  apiVersion: 'v2.0'
  clientId: '3c1f8f0e-2b7a-4f5e-9d7e-6a1d1c0f9b55'
}
param pictures = { maxSide: 1600, maxBytes: 524288, renderMemory: 2147483648, itemWaitDays: 14 }
param scale = { maximumInstanceCount: 3, alwaysReadyInstances: 1, instanceMemoryMB: 4096 }
param retention = { softDeleteDays: 14, archiveCoolDays: 30, archiveDeleteDays: 1095, quarantineDeleteDays: 90 }
param uploaders = [
  { id: '11111111-1111-4111-8111-111111111111', type: 'Group' }
  { id: '33333333-3333-4333-8333-333333333333', type: 'ServicePrincipal' }
]
param uploadersOnlyWrite = true
param operators = [{ id: '22222222-2222-4222-8222-222222222222', type: 'Group' }]
param alertEmails = ['operators@example.com']
param existingWorkspaceId = '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-logs/providers/Microsoft.OperationalInsights/workspaces/log-shared'
param network = {
  useVirtualNetwork: true
  addressPrefix: '10.72.0.0/24'
  hostAccountIsPublic: false
  picturesAccountIsPublic: true
}
param lockPictures = true
param createEventSubscription = true
