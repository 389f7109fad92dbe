using 'main.bicep'

// A small installation for trying out: a BC sandbox, no network of its own.
param environmentName = 'test'
param location = 'westeurope'
param businessCentral = {
  tenantId: '7c1f0a52-3f0e-4e55-9d0a-6b1f6f0f3a11'
  environment: 'Sandbox'
  company: 'CRONUS USA, Inc.'
  apiVersion: 'v2.0'
}
param picturesAccountSku = 'Standard_LRS'
param uploaders = [{ id: '11111111-1111-4111-8111-111111111111', type: 'User' }]
param operators = [{ id: '22222222-2222-4222-8222-222222222222', type: 'User' }]
param alertEmails = ['operators@example.com']
param createEventSubscription = true
