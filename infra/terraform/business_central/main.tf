# Lets the app into Business Central, as far as the directory can: gives its identity two app roles of Dynamics 365
# Business Central. A root of its own, for the directory's administrator: it takes no right in the subscription, and the
# state of the other one none in the directory. infra/scripts/grant_business_central.py does the same.

terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    azuread = {
      source  = "hashicorp/azuread"
      version = "3.10.0"
    }
  }
}

provider "azuread" {
  tenant_id = var.tenant_id
}

variable "tenant_id" {
  description = "The directory of the identity and of Business Central."
  type        = string
  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", lower(var.tenant_id)))
    error_message = "tenant_id: \"${var.tenant_id}\" is not a GUID. `az account show --query tenantId` prints it."
  }
}

variable "principal_id" {
  description = "The object id of the identity's service principal: the output IDENTITY_PRINCIPAL_ID."
  type        = string
  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", lower(var.principal_id)))
    error_message = "principal_id: \"${var.principal_id}\" is not a GUID. The output IDENTITY_PRINCIPAL_ID has it."
  }
}

data "azuread_service_principal" "business_central" {
  client_id = "996def3d-b36c-4153-8607-a6fd3c01b89f" # the same application in every directory
}

resource "azuread_app_role_assignment" "app" {
  for_each = toset(["API.ReadWrite.All", "app_access"])

  principal_object_id = var.principal_id
  resource_object_id  = data.azuread_service_principal.business_central.object_id
  app_role_id         = data.azuread_service_principal.business_central.app_role_ids[each.key]
}
