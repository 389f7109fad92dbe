# Subscribes the app to uploads. The app's code must have been deployed: Azure makes the key then.

# azapi, because azurerm's data source brings the host's master key into the state, too.
data "azapi_resource_action" "host_keys" {
  count = var.create_event_subscription ? 1 : 0

  type                             = "Microsoft.Web/sites/host@2024-11-01"
  resource_id                      = "${azapi_resource.app.id}/host/default"
  action                           = "listKeys"
  method                           = "POST"
  sensitive_response_export_values = ["systemKeys.blobs_extension"]
}

locals {
  key = try(data.azapi_resource_action.host_keys[0].sensitive_output.systemKeys.blobs_extension, null)
}

resource "azurerm_eventgrid_system_topic_event_subscription" "uploads" {
  count = var.create_event_subscription ? 1 : 0

  name                  = "item-picture-uploaded"
  resource_group_name   = azurerm_resource_group.main.name
  system_topic          = azurerm_eventgrid_system_topic.pictures.name
  event_delivery_schema = "EventGridSchema"
  included_event_types  = ["Microsoft.Storage.BlobCreated"]

  webhook_endpoint {
    url                               = "https://${azapi_resource.app.output.properties.defaultHostName}/runtime/webhooks/blobs?functionName=Host.Functions.item_picture_uploaded&code=${local.key}"
    max_events_per_batch              = 1
    preferred_batch_size_in_kilobytes = 64
  }

  subject_filter {
    # Without the last slash, product-images-2 would match too.
    subject_begins_with = "/blobServices/default/containers/product-images/"
    case_sensitive      = true
  }

  # Should the account ever be a hierarchical one: these events come before the file's content.
  advanced_filter {
    string_not_in {
      key    = "data.api"
      values = ["CreateFile", "SftpCreate"]
    }
  }

  retry_policy {
    max_delivery_attempts = 30
    event_time_to_live    = 1440
  }

  dead_letter_identity {
    type = "SystemAssigned"
  }

  storage_blob_dead_letter_destination {
    storage_account_id          = azurerm_storage_account.pictures.id
    storage_blob_container_name = azurerm_storage_container.pictures["dead-letter"].name
  }

  lifecycle {
    # The first stage, run again, would delete it, and no upload would start the app.
    prevent_destroy = true

    precondition {
      condition     = try(length(local.key) > 0, false)
      error_message = "${local.names.function_app} has no key blobs_extension yet. Deploy the code, wait until the host has found its function, and apply this again."
    }
  }

  depends_on = [azurerm_role_assignment.topic_on_dead_letter]
}
