"""Says in Resource Manager's words what a plan makes of telemetry, workbook and alerts. Pure."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.support.terraform.planned import Planned

Resources = Iterator[dict[str, Any]]


def _workspace(workspace: Planned) -> Resources:
    features = {
        "disableLocalAuth": not workspace["local_authentication_enabled"],
        "enableLogAccessUsingOnlyResourcePermissions": workspace["allow_resource_only_permissions"],
    }
    properties = {
        "sku": {"name": workspace["sku"]},
        "retentionInDays": workspace["retention_in_days"],
        "features": features,
        "workspaceCapping": {"dailyQuotaGb": workspace["daily_quota_gb"]},
    }
    yield workspace.placed("OperationalInsights/workspaces", properties=properties)


def _insights(insights: Planned) -> Resources:
    properties = {
        "Application_Type": insights["application_type"],
        "DisableLocalAuth": not insights["local_authentication_enabled"],
        "WorkspaceResourceId": insights["workspace_id"],
    }
    kind = insights["application_type"]
    yield insights.placed("Insights/components", kind=kind, properties=properties)


def _workbook(workbook: Planned) -> Resources:
    properties = {
        "category": workbook["category"],
        "displayName": workbook["display_name"],
        "serializedData": workbook["data_json"],
        "sourceId": workbook["source_id"],
    }
    yield workbook.placed("Insights/workbooks", kind="shared", properties=properties)


def _actions(group: Planned) -> Resources:
    names = {"name": "name", "email_address": "emailAddress", "use_common_alert_schema": "useCommonAlertSchema"}
    receivers = [{arm: each[name] for name, arm in names.items()} for each in group.all("email_receiver")]
    properties = {
        "groupShortName": group["short_name"],
        "enabled": group["enabled"],
        "emailReceivers": receivers,
    }
    yield group.placed("Insights/actionGroups", properties=properties)


def _log_alert(alert: Planned) -> Resources:
    failing = "criteria.failing_periods"
    criterion = {
        "query": alert["criteria.query"],
        "timeAggregation": alert["criteria.time_aggregation_method"],
        "operator": alert["criteria.operator"],
        "threshold": alert["criteria.threshold"],
        "metricMeasureColumn": alert["criteria.metric_measure_column"],
        "failingPeriods": {
            "numberOfEvaluationPeriods": alert[f"{failing}.number_of_evaluation_periods"],
            "minFailingPeriodsToAlert": alert[f"{failing}.minimum_failing_periods_to_trigger_alert"],
        },
        "dimensions": alert["criteria"]["dimension"],
    }
    properties = {
        "displayName": alert["display_name"],
        "description": alert["description"],
        "severity": alert["severity"],
        "enabled": alert["enabled"],
        "scopes": alert["scopes"],
        "evaluationFrequency": alert["evaluation_frequency"],
        "windowSize": alert["window_duration"],
        "autoMitigate": alert["auto_mitigation_enabled"],
        "skipQueryValidation": alert["skip_query_validation"],
        "criteria": {"allOf": [criterion]},
        "actions": {"actionGroups": alert["action.action_groups"]},
    }
    yield alert.placed("Insights/scheduledQueryRules", kind="LogAlert", properties=properties)


def _metric_alert(alert: Planned) -> Resources:
    alert["name"]  # in the id
    criterion = {
        "criterionType": "StaticThresholdCriterion",
        "metricName": alert["criteria.metric_name"],
        "metricNamespace": alert["criteria.metric_namespace"],
        "timeAggregation": alert["criteria.aggregation"],
        "operator": alert["criteria.operator"],
        "threshold": alert["criteria.threshold"],
    }
    properties = {
        "description": alert["description"],
        "severity": alert["severity"],
        "enabled": alert["enabled"],
        "scopes": alert["scopes"],
        "evaluationFrequency": alert["frequency"],
        "windowSize": alert["window_size"],
        "autoMitigate": alert["auto_mitigate"],
        "criteria": {"allOf": [criterion]},
        "actions": [{"actionGroupId": alert["action.action_group_id"]}],
    }
    tags = alert["tags"]
    # azurerm knows one place and one kind of criteria for them.
    properties["criteria"]["odata.type"] = "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria"
    yield alert.resource("Insights/metricAlerts", location="global", tags=tags, properties=properties)


KINDS: dict[str, Callable[[Planned], Resources]] = {
    "azurerm_application_insights": _insights,
    "azurerm_application_insights_workbook": _workbook,
    "azurerm_log_analytics_workspace": _workspace,
    "azurerm_monitor_action_group": _actions,
    "azurerm_monitor_metric_alert": _metric_alert,
    "azurerm_monitor_scheduled_query_rules_alert_v2": _log_alert,
}
