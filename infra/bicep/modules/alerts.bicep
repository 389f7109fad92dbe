import { namesType, tagsType } from '../types.bicep'

param location string
param names namesType
param tags tagsType
param alertEmails string[]
param documentsUrl string
param itemWaitDays int

var file = loadJsonContent('../../monitoring/alerts.json')
// The compiler reads only files that are named here.
var queries = {
  'failing.kql': loadTextContent('../../monitoring/queries/failing.kql')
  'last-sweep.kql': loadTextContent('../../monitoring/queries/last-sweep.kql')
  'quarantined.kql': loadTextContent('../../monitoring/queries/quarantined.kql')
  'refused.kql': loadTextContent('../../monitoring/queries/refused.kql')
  'sweeps.kql': loadTextContent('../../monitoring/queries/sweeps.kql')
  'throttled.kql': loadTextContent('../../monitoring/queries/throttled.kql')
  'time-to-item.kql': loadTextContent('../../monitoring/queries/time-to-item.kql')
  'unknown-companies.kql': loadTextContent('../../monitoring/queries/unknown-companies.kql')
}
var settings = { item_wait_s: itemWaitDays * 86400 }

resource insights 'Microsoft.Insights/components@2020-02-02' existing = { name: names.applicationInsights }
resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = { name: names.systemTopic }

resource actions 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: names.actionGroup
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'itempic'
    enabled: true
    emailReceivers: [for email in alertEmails: { name: email, emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource logAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in filter(file.alerts, alert => contains(alert, 'query')): {
    name: alertName(alert.name)
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: alert.name
      description: alertText(alert.means, alert.first, '${documentsUrl}${alert.help}')
      severity: alert.severity
      enabled: true
      scopes: [insights.id]
      evaluationFrequency: alert.frequency
      windowSize: alert.window
      autoMitigate: true
      skipQueryValidation: true // of tables that exist only once the first rows have come
      criteria: {
        allOf: [
          {
            query: queries[alert.query]
            timeAggregation: alert.aggregation
            operator: alert.operator
            threshold: contains(alert, 'percentOf')
              ? alert.threshold * settings[alert.percentOf] / 100
              : alert.threshold
            failingPeriods: {
              numberOfEvaluationPeriods: alert.?periods ?? 1
              minFailingPeriodsToAlert: alert.?failing ?? 1
            }
            dimensions: map(alert.?by ?? [], column => { name: column, operator: 'Include', values: ['*'] })
            metricMeasureColumn: alert.?column
          }
        ]
      }
      actions: { actionGroups: [actions.id] }
    }
  }
]

resource metricAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for alert in filter(file.alerts, alert => contains(alert, 'metric')): {
    name: alertName(alert.name)
    location: 'global'
    tags: tags
    properties: {
      description: alertText(alert.means, alert.first, '${documentsUrl}${alert.help}')
      severity: alert.severity
      enabled: true
      scopes: [topic.id]
      evaluationFrequency: alert.frequency
      windowSize: alert.window
      autoMitigate: true
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: alert.metric.name
            metricName: alert.metric.name
            metricNamespace: alert.metric.namespace
            timeAggregation: alert.aggregation
            operator: alert.operator
            threshold: alert.threshold
          }
        ]
      }
      actions: [{ actionGroupId: actions.id }]
    }
  }
]

func alertName(name string) string => 'alert-${toLower(replace(name, ' ', '-'))}'

func alertText(means string, first string, help string) string => '${means} ${first} (${help})'
