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
// Lists without quotes, which every shell would treat in its own way: User:ID,Group:ID and ADDRESS,ADDRESS.
var uploadersGiven = filter(split(replace(readEnvironmentVariable('UPLOADERS', ''), ' ', ''), ','), each => each != '')
var operatorsGiven = filter(split(replace(readEnvironmentVariable('OPERATORS', ''), ' ', ''), ','), each => each != '')
var emailsGiven = split(replace(readEnvironmentVariable('ALERT_EMAILS', ''), ' ', ''), ',')
// Resource Manager checks the types; to the compiler they are texts.
param uploaders = map(uploadersGiven, each => any({ type: first(split(each, ':')), id: last(split(each, ':')) }))
param operators = map(operatorsGiven, each => any({ type: first(split(each, ':')), id: last(split(each, ':')) }))
param alertEmails = filter(emailsGiven, each => each != '')
param documentsUrl = readEnvironmentVariable('DOCUMENTS_URL', '')
