locals {
  services = toset(var.network.use_virtual_network ? ["blob", "queue", "table"] : [])
  accounts = {
    for role, account in { host = azurerm_storage_account.host, pictures = azurerm_storage_account.pictures } :
    role => { id = account.id, name = account.name } if var.network.use_virtual_network
  }
  bits_to_27 = 27 - tonumber(split("/", var.network.address_prefix)[1])
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
  # To BC and the token service; newer APIs have another default.
  default_outbound_access_enabled = true

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
  default_outbound_access_enabled   = false # endpoints call nobody
  private_endpoint_network_policies = "Disabled"
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

# One after the other, because an account takes one change at a time. The names resolve for the app only with the links.
resource "azurerm_private_endpoint" "blob" {
  for_each = local.accounts

  name                = "pep-${each.value.name}-blob"
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  tags                = local.tags
  subnet_id           = azurerm_subnet.endpoints[0].id

  private_service_connection {
    name                           = "blob"
    private_connection_resource_id = each.value.id
    subresource_names              = ["blob"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [azurerm_private_dns_zone.storage["blob"].id]
  }

  depends_on = [azurerm_private_dns_zone_virtual_network_link.storage]
}

resource "azurerm_private_endpoint" "queue" {
  for_each = local.accounts

  name                = "pep-${each.value.name}-queue"
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  tags                = local.tags
  subnet_id           = azurerm_subnet.endpoints[0].id

  private_service_connection {
    name                           = "queue"
    private_connection_resource_id = each.value.id
    subresource_names              = ["queue"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [azurerm_private_dns_zone.storage["queue"].id]
  }

  depends_on = [azurerm_private_endpoint.blob]
}

# The host uses all three services of its account; the app and its triggers two of the pictures account.
resource "azurerm_private_endpoint" "table" {
  for_each = { for role, account in local.accounts : role => account if role == "host" }

  name                = "pep-${each.value.name}-table"
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  tags                = local.tags
  subnet_id           = azurerm_subnet.endpoints[0].id

  private_service_connection {
    name                           = "table"
    private_connection_resource_id = each.value.id
    subresource_names              = ["table"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [azurerm_private_dns_zone.storage["table"].id]
  }

  depends_on = [azurerm_private_endpoint.queue]
}
