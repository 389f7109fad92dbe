# Exact versions, and no lock file: the lock file's hashes are those of one system's downloads, and tests run these files
# with other providers of the same versions. `terraform init` writes one; keep it beside your state if you like.
terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    azapi = {
      source  = "Azure/azapi"
      version = "2.13.0"
    }
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "5.10.0"
    }
  }
}

provider "azurerm" {
  subscription_id = var.subscription_id
  # Accounts take no keys, so the provider opens them by identity; it makes containers and queues without opening them.
  storage_use_azuread             = true
  resource_provider_registrations = "none"
  resource_providers_to_register = concat(
    [
      "Microsoft.EventGrid",
      "Microsoft.Insights",
      "Microsoft.ManagedIdentity",
      "Microsoft.OperationalInsights",
      "Microsoft.Storage",
      "Microsoft.Web",
    ],
    var.network.use_virtual_network ? ["Microsoft.App", "Microsoft.Network"] : [],
  )

  features {
    storage {
      data_plane_available = false
    }
  }
}

provider "azapi" {
  subscription_id = var.subscription_id
}
