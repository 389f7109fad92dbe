resource "azurerm_storage_account" "host" {
  name                             = local.names.host_account
  resource_group_name              = azurerm_resource_group.main.name
  location                         = var.location
  tags                             = local.tags
  account_kind                     = "StorageV2"
  account_tier                     = "Standard"
  account_replication_type         = "LRS"
  access_tier                      = "Hot"
  allow_nested_items_to_be_public  = false
  cross_tenant_replication_enabled = false
  default_to_oauth_authentication  = true
  https_traffic_only_enabled       = true
  local_user_enabled               = false
  min_tls_version                  = "TLS1_2"
  # A closed account denies; it is not disabled: Event Grid writes dead letters through the exception for Azure's services.
  public_network_access     = "Enabled"
  shared_access_key_enabled = false

  network_rules {
    bypass         = ["AzureServices"]
    default_action = var.network.host_account_is_public ? "Allow" : "Deny"
  }
}

resource "azurerm_storage_container" "package" {
  name                  = "app-package"
  storage_account_id    = azurerm_storage_account.host.id
  container_access_type = "private"
}

resource "azurerm_storage_account" "pictures" {
  name                             = local.names.pictures_account
  resource_group_name              = azurerm_resource_group.main.name
  location                         = var.location
  tags                             = local.tags
  account_kind                     = "StorageV2"
  account_tier                     = "Standard"
  account_replication_type         = trimprefix(var.pictures_account_sku, "Standard_")
  access_tier                      = "Hot"
  allow_nested_items_to_be_public  = false
  cross_tenant_replication_enabled = false
  default_to_oauth_authentication  = true
  https_traffic_only_enabled       = true
  local_user_enabled               = false
  min_tls_version                  = "TLS1_2"
  public_network_access            = "Enabled"
  shared_access_key_enabled        = false
  is_hns_enabled                   = false # a hierarchical account raises events on empty files

  network_rules {
    bypass         = ["AzureServices"]
    default_action = var.network.pictures_account_is_public ? "Allow" : "Deny"
  }

  blob_properties {
    delete_retention_policy {
      days = var.retention.soft_delete_days
    }
    container_delete_retention_policy {
      days = var.retention.soft_delete_days
    }
  }

  # Another location or name would delete all originals and make an empty account.
  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_storage_container" "pictures" {
  for_each = toset(["product-images", "archive", "quarantine", "records", "dead-letter"])

  name                  = each.key
  storage_account_id    = azurerm_storage_account.pictures.id
  container_access_type = "private"

  lifecycle {
    prevent_destroy = true
  }
}

# The host makes it only when it needs it, and a trigger on a queue that does not exist says nothing.
resource "azurerm_storage_queue" "poison" {
  name               = "webjobs-blobtrigger-poison"
  storage_account_id = azurerm_storage_account.pictures.id
}

resource "azurerm_storage_management_policy" "pictures" {
  storage_account_id = azurerm_storage_account.pictures.id

  rule {
    name    = "archive"
    enabled = true
    filters {
      blob_types   = ["blockBlob"]
      prefix_match = ["archive/"]
    }
    actions {
      base_blob {
        tier_to_cool_after_days_since_modification_greater_than = var.retention.archive_cool_days
        delete_after_days_since_modification_greater_than       = var.retention.archive_delete_days == 0 ? null : var.retention.archive_delete_days
      }
    }
  }

  rule {
    name    = "quarantine"
    enabled = true
    filters {
      blob_types   = ["blockBlob", "appendBlob"]
      prefix_match = ["quarantine/", "dead-letter/"]
    }
    actions {
      base_blob {
        delete_after_days_since_modification_greater_than = var.retention.quarantine_delete_days
      }
    }
  }
}

# It also keeps roles on the account, and in it, from being taken away.
resource "azurerm_management_lock" "pictures" {
  count = var.lock_pictures ? 1 : 0

  name       = "keep-pictures"
  scope      = azurerm_storage_account.pictures.id
  lock_level = "CanNotDelete"
  notes      = "Holds all originals."

  # So that it goes before a role goes.
  depends_on = [
    azurerm_role_assignment.app_on_pictures,
    azurerm_role_assignment.operators_on_pictures,
    azurerm_role_assignment.topic_on_dead_letter,
    azurerm_role_assignment.uploaders_on_incoming,
    azurerm_role_assignment.uploaders_on_quarantine,
  ]
}

resource "azurerm_eventgrid_system_topic" "pictures" {
  name                = local.names.system_topic
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  tags                = local.tags
  source_resource_id  = azurerm_storage_account.pictures.id
  topic_type          = "Microsoft.Storage.StorageAccounts"

  identity {
    type = "SystemAssigned" # writes the dead letters
  }
}
