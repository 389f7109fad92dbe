"""No key, password or public door is left open; who is outside of the network reaches what the parameters say."""

import re

from tests.support.bicep import Prediction


def test_passwords_do_not_publish(prediction: Prediction) -> None:
    policies = prediction.all("Web/sites/basicPublishingCredentialsPolicies")
    assert {policy["name"].rpartition("/")[2]: policy["properties"] for policy in policies} == {
        "ftp": {"allow": False},
        "scm": {"allow": False},
    }


def test_the_app_speaks_https_only(prediction: Prediction) -> None:
    properties = prediction.app["properties"]
    assert properties["httpsOnly"] is True
    assert properties["siteConfig"]["minTlsVersion"] == "1.2"


def test_telemetry_comes_in_by_identity_alone(small: Prediction, large: Prediction) -> None:
    for prediction in (small, large):
        assert prediction.one("Insights/components")["properties"]["DisableLocalAuth"] is True
    assert small.one("OperationalInsights/workspaces")["properties"]["features"]["disableLocalAuth"] is True


def test_the_only_key_is_the_subscriptions(prediction: Prediction) -> None:
    """Event Grid calls the host by the key that the host has made for it."""
    asked = [call for text in prediction.texts() for call in re.findall(r"\blist\w*\([^)]*\)[\w.]*", text)]
    assert [call.rpartition(").")[2] for call in asked if "'" in call] == ["systemKeys.blobs_extension"]
    assert not [text for text in prediction.texts() if re.search(r"AccountKey=|SharedAccess|sig=", text)]


def test_outputs_hold_no_secret(prediction: Prediction) -> None:
    assert not re.search(r"list\w*\(|ConnectionString", str(prediction.content["outputs"]))


def network_rules(prediction: Prediction) -> dict[str, str]:
    accounts = {name: prediction.account(name)["properties"]["networkAcls"] for name in ("sthost", "stpics")}
    assert {rules["bypass"] for rules in accounts.values()} == {"AzureServices"}, "dead letters need it"
    return {name: rules["defaultAction"] for name, rules in accounts.items()}


def test_each_account_closes_by_its_own_switch(small: Prediction, large: Prediction) -> None:
    assert network_rules(small) == {"sthost": "Allow", "stpics": "Allow"}
    assert network_rules(large) == {"sthost": "Deny", "stpics": "Allow"}


def test_without_the_option_there_is_no_network(small: Prediction) -> None:
    assert not [resource for resource in small.resources if resource["type"].startswith("Microsoft.Network/")]
    assert small.app["properties"]["virtualNetworkSubnetId"] is None


def test_the_app_lives_in_a_subnet_of_its_own(large: Prediction) -> None:
    network = large.one("Network/virtualNetworks")
    subnets = {subnet["name"]: subnet["properties"] for subnet in network["properties"]["subnets"]}
    name = large.app["properties"]["virtualNetworkSubnetId"].removeprefix(f"{network['id']}/subnets/")
    assert [each["properties"]["serviceName"] for each in subnets[name]["delegations"]] == [
        "Microsoft.App/environments"
    ]
    assert subnets["snet-endpoints"]["privateEndpointNetworkPolicies"] == "Disabled"
    assert "_" not in name, "Flex Consumption refuses such a name"
    ways_out = {name: subnet["defaultOutboundAccess"] for name, subnet in subnets.items()}
    assert ways_out == {"snet-app": True, "snet-endpoints": False}, "only the app calls BC"
    assert {name: subnet["addressPrefix"] for name, subnet in subnets.items()} == {
        "snet-app": "10.72.0.0/27",
        "snet-endpoints": "10.72.0.32/27",
    }


def test_the_app_reaches_both_accounts_from_inside(large: Prediction) -> None:
    connections = {}
    for endpoint in large.all("Network/privateEndpoints"):
        (connection,) = endpoint["properties"]["privateLinkServiceConnections"]
        assert endpoint["properties"]["subnet"]["id"].endswith("/subnets/snet-endpoints")
        (service,) = connection["properties"]["groupIds"]
        connections[connection["properties"]["privateLinkServiceId"], service] = endpoint["name"]
    host, pictures = large.account("sthost")["id"], large.account("stpics")["id"]
    assert connections.keys() == {
        *((host, service) for service in ("blob", "queue", "table")),
        *((pictures, service) for service in ("blob", "queue")),
    }
    for (_, service), name in connections.items():
        (group,) = [
            g for g in large.all("Network/privateEndpoints/privateDnsZoneGroups") if g["name"].startswith(f"{name}/")
        ]
        (zone,) = group["properties"]["privateDnsZoneConfigs"]
        assert f"'{service}', environment().suffixes.storage" in zone["properties"]["privateDnsZoneId"]


def test_the_network_resolves_private_names(large: Prediction) -> None:
    services = ["blob", "queue", "table"]
    zones = [zone["name"] for zone in large.all("Network/privateDnsZones")]
    assert zones == [f"[format('privatelink.{{0}}.{{1}}', '{s}', environment().suffixes.storage)]" for s in services]
    links = large.all("Network/privateDnsZones/virtualNetworkLinks")
    assert {link["properties"]["virtualNetwork"]["id"] for link in links} == {
        large.one("Network/virtualNetworks")["id"]
    }
    assert len(links) == len(zones)
