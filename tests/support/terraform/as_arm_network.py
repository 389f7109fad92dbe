"""Says in Resource Manager's words what a plan makes of the virtual network and the private endpoints. Pure."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.support.terraform.planned import Planned

Resources = Iterator[dict[str, Any]]
_GLOBAL = "global"  # azurerm knows no other place for DNS zones


def _network(network: Planned) -> Resources:
    properties = {"addressSpace": {"addressPrefixes": network["address_space"]}}
    yield network.placed("Network/virtualNetworks", properties=properties)


def _subnet(subnet: Planned) -> Resources:
    """Say of the network what the subnet adds to it."""
    network, _, name = subnet.id.rpartition("/subnets/")
    subnet["name"], subnet["virtual_network_name"]  # in the id
    (prefix,) = subnet["address_prefixes"]
    delegations = [
        {"name": each["name"], "properties": {"serviceName": service["name"]}}
        for each in subnet.all("delegation")
        for service in each["service_delegation"]
    ]
    properties = {
        "addressPrefix": prefix,
        "defaultOutboundAccess": subnet["default_outbound_access_enabled"],
        "delegations": delegations,
        "privateEndpointNetworkPolicies": subnet["private_endpoint_network_policies"],
    }
    subnets = [{"name": name, "properties": properties}]
    yield {"id": network, "type": "Microsoft.Network/virtualNetworks", "properties": {"subnets": subnets}}


def _zone(zone: Planned) -> Resources:
    zone["name"]  # in the id
    yield zone.resource("Network/privateDnsZones", location=_GLOBAL, tags=zone["tags"])


def _link(link: Planned) -> Resources:
    link["name"], link["private_dns_zone_id"]  # in the id
    properties = {
        "registrationEnabled": link["registration_enabled"],
        "virtualNetwork": {"id": link["virtual_network_id"]},
    }
    kind = "Network/privateDnsZones/virtualNetworkLinks"
    yield link.resource(kind, location=_GLOBAL, tags=link["tags"], properties=properties)


def _endpoint(endpoint: Planned) -> Resources:
    connection, zones = "private_service_connection", "private_dns_zone_group"
    assert endpoint[f"{connection}.is_manual_connection"] is False, "nobody would approve it"
    service = {
        "privateLinkServiceId": endpoint[f"{connection}.private_connection_resource_id"],
        "groupIds": endpoint[f"{connection}.subresource_names"],
    }
    properties = {
        "subnet": {"id": endpoint["subnet_id"]},
        "privateLinkServiceConnections": [{"name": endpoint[f"{connection}.name"], "properties": service}],
    }
    yield endpoint.placed("Network/privateEndpoints", properties=properties)
    configurations = [{"properties": {"privateDnsZoneId": zone}} for zone in endpoint[f"{zones}.private_dns_zone_ids"]]
    yield {
        "id": f"{endpoint.id}/privateDnsZoneGroups/{endpoint[f'{zones}.name']}",
        "type": "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
        "properties": {"privateDnsZoneConfigs": configurations},
    }


KINDS: dict[str, Callable[[Planned], Resources]] = {
    "azurerm_private_dns_zone": _zone,
    "azurerm_private_dns_zone_virtual_network_link": _link,
    "azurerm_private_endpoint": _endpoint,
    "azurerm_subnet": _subnet,
    "azurerm_virtual_network": _network,
}
