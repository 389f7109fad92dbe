locals {
  services = toset(var.network.use_virtual_network ? ["blob", "queue", "table"] : [])
  # The host uses all three services of its account; the app and its triggers two of the pictures account.
  accounts = {
    (local.names.host_account)     = { id = azurerm_storage_account.host.id, services = local.services }
    (local.names.pictures_account) = { id = azurerm_storage_account.pictures.id, services = setsubtract(local.services, ["table"]) }
  }
  endpoints = merge([
    for name, account in local.accounts : {
      for service in account.services : "pep-${name}-${service}" => { account_id = account.id, service = service }
    }
  ]...)
}

resource "azurerm_virtual_network" "main" {
  count = var.network.use_virtual_network ? 1 : 0

  name                = local.names.virtual_network
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  tags                = local.tags
  address_space       = [var.network.address_prefix]
}

resource "azurerm_subnet" "app" {
  count = var.network.use_virtual_network ? 1 : 0

  name                 = "snet-app"
  resource_group_name  = azurerm_resource_group.main.name
  virtual_network_name = azurerm_virtual_network.main[0].name
  address_prefixes     = [cidrsubnet(var.network.address_prefix, local.bits_to_27, 0)]

  # Flex Consumption runs on Azure Container Apps' network.
  delegation {
    name = "app"
    service_delegation {
      name    = "Microsoft.App/environments"
      actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    }
  }
}

resource "azurerm_subnet" "endpoints" {
  count = var.network.use_virtual_network ? 1 : 0

  name                              = "snet-endpoints"
  resource_group_name               = azurerm_resource_group.main.name
  virtual_network_name              = azurerm_virtual_network.main[0].name
  address_prefixes                  = [cidrsubnet(var.network.address_prefix, local.bits_to_27, 1)]
  private_endpoint_network_policies = "Disabled"
}

locals {
  bits_to_27 = 27 - tonumber(split("/", var.network.address_prefix)[1])
}

resource "azurerm_private_dns_zone" "storage" {
  for_each = local.services

  name                = "privatelink.${each.key}.core.windows.net"
  resource_group_name = azurerm_resource_group.main.name
  tags                = local.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "storage" {
  for_each = local.services

  name                 = local.names.virtual_network
  private_dns_zone_id  = azurerm_private_dns_zone.storage[each.key].id
  virtual_network_id   = azurerm_virtual_network.main[0].id
  registration_enabled = false
  tags                 = local.tags
}

resource "azurerm_private_endpoint" "storage" {
  for_each = local.endpoints

  name                = each.key
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  tags                = local.tags
  subnet_id           = azurerm_subnet.endpoints[0].id

  private_service_connection {
    name                           = each.value.service
    private_connection_resource_id = each.value.account_id
    subresource_names              = [each.value.service]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [azurerm_private_dns_zone.storage[each.value.service].id]
  }

  # The names resolve for the app only with the links.
  depends_on = [azurerm_private_dns_zone_virtual_network_link.storage]
}
