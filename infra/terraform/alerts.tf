locals {
  alerts        = { for alert in jsondecode(file("${path.module}/../monitoring/alerts.json")).alerts : alert.name => alert }
  log_alerts    = { for name, alert in local.alerts : name => alert if can(alert.query) }
  metric_alerts = { for name, alert in local.alerts : name => alert if can(alert.metric) }
  alert_names   = { for name in keys(local.alerts) : name => "alert-${lower(replace(name, " ", "-"))}" }
  alert_texts   = { for name, alert in local.alerts : name => "${alert.means} ${alert.first} (${var.documents_url}${alert.help})" }

  parameters = { item_wait_s = var.pictures.item_wait_days * 86400 }
}

resource "azurerm_monitor_action_group" "operators" {
  name                = local.names.action_group
  resource_group_name = azurerm_resource_group.main.name
  location            = "global"
  tags                = local.tags
  short_name          = "itempic"
  enabled             = true

  dynamic "email_receiver" {
    for_each = var.alert_emails
    content {
      name                    = email_receiver.value
      email_address           = email_receiver.value
      use_common_alert_schema = true
    }
  }
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "log" {
  for_each = local.log_alerts

  name                    = local.alert_names[each.key]
  resource_group_name     = azurerm_resource_group.main.name
  location                = var.location
  tags                    = local.tags
  display_name            = each.key
  description             = local.alert_texts[each.key]
  severity                = each.value.severity
  enabled                 = true
  scopes                  = [azurerm_application_insights.main.id]
  evaluation_frequency    = each.value.frequency
  window_duration         = each.value.window
  auto_mitigation_enabled = true
  skip_query_validation   = true # of tables that exist only once the first rows have come

  criteria {
    query                   = file("${path.module}/../monitoring/queries/${each.value.query}")
    time_aggregation_method = each.value.aggregation
    operator                = each.value.operator
    threshold               = each.value.threshold * try(local.parameters[each.value.percentOf] / 100, 1)
    metric_measure_column   = try(each.value.column, null)

    failing_periods {
      number_of_evaluation_periods             = try(each.value.periods, 1)
      minimum_failing_periods_to_trigger_alert = try(each.value.failing, 1)
    }

    dynamic "dimension" {
      for_each = try(each.value.by, [])
      content {
        name     = dimension.value
        operator = "Include"
        values   = ["*"]
      }
    }
  }

  action {
    action_groups = [azurerm_monitor_action_group.operators.id]
  }
}

resource "azurerm_monitor_metric_alert" "metric" {
  for_each = local.metric_alerts

  name                = local.alert_names[each.key]
  resource_group_name = azurerm_resource_group.main.name
  tags                = local.tags
  description         = local.alert_texts[each.key]
  severity            = each.value.severity
  enabled             = true
  scopes              = [azurerm_eventgrid_system_topic.pictures.id]
  frequency           = each.value.frequency
  window_size         = each.value.window
  auto_mitigate       = true

  criteria {
    metric_namespace = each.value.metric.namespace
    metric_name      = each.value.metric.name
    aggregation      = each.value.aggregation
    operator         = each.value.operator
    threshold        = each.value.threshold
  }

  action {
    action_group_id = azurerm_monitor_action_group.operators.id
  }
}
