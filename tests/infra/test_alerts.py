"""Azure gets the alerts, the queries and the workbook of infra/monitoring, as they are."""

from devstack.machine.setup import ROOT
from shared.setting_values import duration
from tests.support.bicep import Prediction, Resource
from tests.support.log_alerts import Rule, rules

MONITORING = ROOT / "infra" / "monitoring"


def by_rule(prediction: Prediction, kind: str, fact: str) -> list[tuple[Rule, Resource]]:
    """Return each alert of the file that has this fact, with its resource."""
    wanted = [rule for rule in rules() if fact in rule.facts]
    resources = {resource["name"]: resource for resource in prediction.all(kind)}
    names = [f"alert-{rule.name.lower().replace(' ', '-')}" for rule in wanted]
    assert sorted(names) == sorted(resources)
    return [(rule, resources[name]) for rule, name in zip(wanted, names, strict=True)]


def test_each_log_alert_is_as_in_the_file(prediction: Prediction) -> None:
    scope = prediction.one("Insights/components")["id"]
    for rule, resource in by_rule(prediction, "Insights/scheduledQueryRules", "query"):
        facts, properties = rule.facts, resource["properties"]
        (criterion,) = properties["criteria"]["allOf"]
        assert (resource["kind"], properties["displayName"]) == ("LogAlert", rule.name)
        assert criterion["query"] == (MONITORING / "queries" / facts["query"]).read_text(encoding="utf-8")
        assert criterion["operator"] == facts["operator"]
        assert criterion["timeAggregation"] == facts["aggregation"]
        assert criterion.get("metricMeasureColumn") == facts.get("column")
        assert criterion["failingPeriods"] == {
            "numberOfEvaluationPeriods": facts.get("periods", 1),
            "minFailingPeriodsToAlert": facts.get("failing", 1),
        }
        columns = facts.get("by", [])
        assert criterion["dimensions"] == [{"name": c, "operator": "Include", "values": ["*"]} for c in columns]
        assert (properties["windowSize"], properties["evaluationFrequency"]) == (facts["window"], facts["frequency"])
        assert (properties["scopes"], properties["severity"]) == ([scope], facts["severity"])
        assert properties["enabled"]
        assert properties["skipQueryValidation"], "its tables come with the first rows"


def test_thresholds_follow_the_apps_settings(prediction: Prediction) -> None:
    for rule, resource in by_rule(prediction, "Insights/scheduledQueryRules", "query"):
        expected = rule.facts["threshold"]
        if percent_of := rule.facts.get("percentOf"):
            setting = rule.parameters[percent_of]["setting"]
            expected *= duration(prediction.settings[setting]).total_seconds() / 100
        assert resource["properties"]["criteria"]["allOf"][0]["threshold"] == expected


def test_each_metric_alert_is_as_in_the_file(prediction: Prediction) -> None:
    for rule, resource in by_rule(prediction, "Insights/metricAlerts", "metric"):
        facts, properties = rule.facts, resource["properties"]
        (criterion,) = properties["criteria"]["allOf"]
        assert (criterion["metricNamespace"], criterion["metricName"]) == (
            facts["metric"]["namespace"],
            facts["metric"]["name"],
        )
        assert criterion["timeAggregation"] == facts["aggregation"]
        assert (criterion["operator"], criterion["threshold"]) == (facts["operator"], facts["threshold"])
        assert (properties["windowSize"], properties["evaluationFrequency"]) == (facts["window"], facts["frequency"])
        assert properties["scopes"] == [prediction.one("EventGrid/systemTopics")["id"]]
        assert (properties["enabled"], properties["severity"]) == (True, facts["severity"])
        assert resource["location"] == "global"


def test_an_alert_says_what_happened_and_what_to_do(prediction: Prediction) -> None:
    kinds = (("Insights/scheduledQueryRules", "query"), ("Insights/metricAlerts", "metric"))
    for rule, resource in [pair for kind in kinds for pair in by_rule(prediction, *kind)]:
        description = resource["properties"]["description"]
        assert [word for word in ("means", "first", "help") if rule.facts[word] not in description] == []


def test_every_alert_reaches_the_operators(prediction: Prediction) -> None:
    group = prediction.one("Insights/actionGroups")
    (receiver,) = group["properties"]["emailReceivers"]
    assert receiver["emailAddress"] == "operators@example.com"
    for alert in prediction.all("Insights/scheduledQueryRules"):
        assert alert["properties"]["actions"] == {"actionGroups": [group["id"]]}
    for alert in prediction.all("Insights/metricAlerts"):
        assert alert["properties"]["actions"] == [{"actionGroupId": group["id"]}]


def test_the_workbook_asks_this_installation(prediction: Prediction) -> None:
    workbook, insights = prediction.one("Insights/workbooks"), prediction.one("Insights/components")["id"]
    text = (MONITORING / "workbook.json").read_text(encoding="utf-8")
    assert "__APPLICATION_INSIGHTS_ID__" in text
    assert workbook["properties"]["serializedData"] == text.replace("__APPLICATION_INSIGHTS_ID__", insights)
    named = f"open the workbook (Application Insights, Workbooks, {workbook['properties']['displayName']})"
    assert [rule.name for rule in rules() if named in rule.facts["first"]]
    assert prediction.one("Insights/components")["properties"]["Application_Type"] == "web"
    assert (workbook["kind"], workbook["properties"]["sourceId"]) == ("shared", insights)


def test_telemetry_has_a_daily_cap_or_an_existing_workspace(small: Prediction, large: Prediction) -> None:
    workspace = small.one("OperationalInsights/workspaces")
    assert workspace["properties"]["workspaceCapping"] == {"dailyQuotaGb": 1}
    assert workspace["properties"]["sku"] == {"name": "PerGB2018"}
    assert workspace["properties"]["retentionInDays"] in range(30, 731)
    assert small.one("Insights/components")["properties"]["WorkspaceResourceId"] == workspace["id"]
    assert large.all("OperationalInsights/workspaces") == []
    shared = large.one("Insights/components")["properties"]["WorkspaceResourceId"]
    assert shared.endswith("/resourceGroups/rg-logs/providers/Microsoft.OperationalInsights/workspaces/log-shared")
