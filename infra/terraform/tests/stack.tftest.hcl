# What a plan says before anything is known of Azure: `terraform test` runs this without an account.

mock_provider "azapi" {}
mock_provider "azurerm" {}

variables {
  subscription_id  = "00000000-0000-0000-0000-000000000000"
  environment_name = "test"
  location         = "westeurope"
  business_central = {
    tenant_id   = "7c1f0a52-3f0e-4e55-9d0a-6b1f6f0f3a11"
    environment = "Sandbox"
    company     = "CRONUS USA, Inc."
    api_version = "v2.0"
  }
  uploaders = [{ id = "11111111-1111-4111-8111-111111111111", type = "User" }]
}

run "the_first_stage_subscribes_to_nothing" {
  command = plan

  assert {
    condition     = length(azurerm_eventgrid_system_topic_event_subscription.uploads) == 0
    error_message = "Azure has no key for a subscription before the code is there."
  }
  assert {
    condition     = length(azurerm_private_endpoint.blob) + length(azurerm_virtual_network.main) == 0
    error_message = "The network is an option."
  }
}

run "the_second_stage_subscribes_to_uploads_alone" {
  command = plan
  variables {
    create_event_subscription = true
  }

  assert {
    condition     = endswith(azurerm_eventgrid_system_topic_event_subscription.uploads[0].subject_filter[0].subject_begins_with, "/${azurerm_storage_container.pictures["product-images"].name}/")
    error_message = "Without the last slash the app's own archive might start the app."
  }
}

run "an_option_changes_only_what_it_says" {
  command = plan
  variables {
    uploaders_read_notes = false
    network = {
      use_virtual_network        = true
      address_prefix             = "10.0.0.0/24"
      host_account_is_public     = true
      pictures_account_is_public = false
    }
  }

  assert {
    condition     = azurerm_storage_account.host.network_rules[0].default_action == "Allow" && azurerm_storage_account.pictures.network_rules[0].default_action == "Deny"
    error_message = "The pictures account alone was to be closed."
  }
  assert {
    condition     = length(azurerm_role_assignment.uploaders_on_quarantine) == 0 && length(azurerm_role_assignment.uploaders_on_incoming) == 1
    error_message = "Uploaders must only reach product-images."
  }
}

run "what_azure_the_app_or_bc_would_not_bear_is_refused" {
  command = plan
  variables {
    subscription_id       = "my-subscription"
    environment_name      = "under_score"
    location              = "West Europe"
    resource_group_name   = ""
    pictures              = { max_side = 63, fit = "stretch", background = "white" }
    scale                 = { maximum_instance_count = 4, always_ready_instances = 1, instance_memory_mb = 2048 }
    pictures_account_sku  = "Premium_LRS"
    retention             = { soft_delete_days = 366, archive_cool_days = 30, archive_delete_days = 0, quarantine_delete_days = 90 }
    uploaders             = [{ id = "somebody@example.com", type = "User" }]
    operators             = [{ id = "22222222-2222-4222-8222-222222222222", type = "Person" }]
    existing_workspace_id = "log-shared"
    daily_cap_gb          = -2
    business_central = {
      tenant_id   = "example.com"
      environment = ""
      company     = ""
      api_version = "v3.0"
      base_url    = ""
      client_id   = "me"
    }
    network = {
      use_virtual_network        = false
      address_prefix             = "10.0.0.0/24"
      host_account_is_public     = false
      pictures_account_is_public = true
    }
  }
  expect_failures = [
    var.business_central,
    var.daily_cap_gb,
    var.environment_name,
    var.existing_workspace_id,
    var.location,
    var.network,
    var.operators,
    var.pictures,
    var.pictures_account_sku,
    var.resource_group_name,
    var.retention,
    var.scale,
    var.subscription_id,
    var.uploaders,
  ]
}
