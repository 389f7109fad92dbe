using 'main.bicep'

// What `azd env set NAME VALUE` has set. The compiler refuses a value that is missing here and needed.
param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', '')
param location = readEnvironmentVariable('AZURE_LOCATION', '')
param businessCentral = {
  tenantId: readEnvironmentVariable('BC_TENANT_ID', '')
  environment: readEnvironmentVariable('BC_ENVIRONMENT', '')
  company: readEnvironmentVariable('BC_COMPANY', '')
  apiVersion: readEnvironmentVariable('BC_API_VERSION', 'v2.0')
}
param uploaders = json(readEnvironmentVariable('UPLOADERS', '[]'))
param operators = json(readEnvironmentVariable('OPERATORS', '[]'))
param alertEmails = json(readEnvironmentVariable('ALERT_EMAILS', '[]'))
param documentsUrl = readEnvironmentVariable('DOCUMENTS_URL', '')
