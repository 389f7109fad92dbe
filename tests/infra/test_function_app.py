"""The function app runs as Flex Consumption demands, with every setting that the code knows, and no other."""

import re
from dataclasses import replace
from datetime import timedelta

from devstack.machine.setup import ROOT
from shared import config
from shared.pictures.rendition import Rendition
from tests.support.bicep import Prediction

CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
# What the host reads for itself, on Flex Consumption and with a user-assigned identity.
HOSTS_OWN = {
    "AzureWebJobsStorage__accountName",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
}
# Settings for special cases: a key, another address than BC online's, another tenant.
OPTIONAL = {"PICTURE_STORAGE", "BC_BASE_URL", "BC_CLIENT_ID"}
REFUSED_BY_FLEX = {
    "ENABLE_ORYX_BUILD",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_WORKER_PROCESS_COUNT",
    "FUNCTIONS_WORKER_RUNTIME",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_RUN_FROM_PACKAGE",
}


def test_the_app_has_every_setting_and_no_unknown_one(small: Prediction, large: Prediction) -> None:
    known = {*config.SETTINGS, *config.TELEMETRY_SETTINGS} | HOSTS_OWN
    assert small.settings.keys() == known - OPTIONAL
    assert large.settings.keys() == known - OPTIONAL | {"BC_CLIENT_ID"}


def test_flex_consumption_refuses_no_setting(prediction: Prediction) -> None:
    site = prediction.app["properties"]
    assert prediction.settings.keys() & REFUSED_BY_FLEX == set()
    assert site["siteConfig"].keys() == {"minTlsVersion", "appSettings"}
    assert site.keys() == {
        *("serverFarmId", "httpsOnly", "publicNetworkAccess", "virtualNetworkSubnetId"),
        *("siteConfig", "functionAppConfig"),
    }


def test_the_hosts_own_settings_are_documented() -> None:
    assert {name for name in HOSTS_OWN if f"`{name}`" not in CONFIGURATION} == set()


def test_what_is_not_given_has_the_apps_defaults(small: Prediction) -> None:
    settings = config.read(small.settings)
    names = ("PICTURE_STORAGE__", "BC_TENANT", "BC_ENV", "BC_COMPANY", "AZURE_", "APPLICATION", "PYTHON_")
    given = {name: value for name, value in small.settings.items() if name.startswith(names)}
    assert settings == config.read(given)


def test_parameters_reach_the_app(large: Prediction) -> None:
    settings = config.read(large.settings)
    assert settings.rendition == replace(Rendition(), max_side=1600, max_bytes=524288)
    assert settings.render_memory == 2048 * 1024 * 1024
    assert settings.item_wait == timedelta(days=14)
    assert settings.business_central.environment == "Production"
    assert settings.business_central.company == "Nordwind Möbel GmbH"
    assert settings.business_central.federated_client_id == "3c1f8f0e-2b7a-4f5e-9d7e-6a1d1c0f9b55"


def test_one_identity_opens_everything(prediction: Prediction) -> None:
    (identity,) = prediction.app["identity"]["userAssignedIdentities"]
    assert prediction.app["identity"]["type"] == "UserAssigned"
    assert identity == prediction.one("ManagedIdentity/userAssignedIdentities")["id"]
    pairs = prediction.app["properties"]["siteConfig"]["appSettings"]
    clients = {pair["value"] for pair in pairs if pair["name"].upper().endswith(("CLIENTID", "AZURE_CLIENT_ID"))}
    assert len(clients) == 1
    assert f"reference('{identity}'" in clients.pop()
    assert {prediction.settings[name] for name in prediction.settings if name.endswith("__credential")} == {
        "managedidentity"
    }


def test_each_connection_leads_to_its_own_account(prediction: Prediction) -> None:
    pairs = prediction.app["properties"]["siteConfig"]["appSettings"]
    settings = {pair["name"]: pair["value"] for pair in pairs}
    assert settings["AzureWebJobsStorage__accountName"] == prediction.account("sthost")["name"]
    pictures = prediction.account("stpics")["id"]
    for service in ("blob", "queue"):
        assert re.fullmatch(
            rf"\[reference\('{pictures}', '[\d-]+'\)\.primaryEndpoints\.{service}\]",
            settings[f"PICTURE_STORAGE__{service}ServiceUri"],
        )


def test_telemetry_is_as_documented(prediction: Prediction) -> None:
    section = CONFIGURATION.partition("\n## Telemetry\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+) \| `([^`]+)` \|", section, re.MULTILINE)
    expected = {name: value for names, value in rows for name in re.findall(r"`(\w+)`", names)}
    expected["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"] = (
        f"ClientId={prediction.settings['AZURE_CLIENT_ID']};Authorization=AAD"
    )
    assert len(expected) == len(config.TELEMETRY_SETTINGS) + 1
    assert {name: prediction.settings[name] for name in expected} == expected


def test_the_plan_is_flex_consumption_on_linux(prediction: Prediction) -> None:
    plan = prediction.one("Web/serverfarms")
    assert plan["sku"] == {"name": "FC1", "tier": "FlexConsumption"}
    assert (plan["kind"], plan["properties"]) == ("functionapp", {"reserved": True})
    assert prediction.app["kind"] == "functionapp,linux"
    assert prediction.app["properties"]["serverFarmId"] == plan["id"]


def test_the_code_comes_from_its_container_by_identity(prediction: Prediction) -> None:
    host = prediction.account("sthost")
    storage = prediction.app["properties"]["functionAppConfig"]["deployment"]["storage"]
    (container,) = prediction.children(host, "blobServices/containers")
    assert storage["type"] == "blobContainer"
    assert re.fullmatch(
        rf"\[format\('\{{0\}}{container}', reference\('{host['id']}', '[\d-]+'\)\.primaryEndpoints\.blob\)\]",
        storage["value"],
    )
    assert storage["authentication"] == {
        "type": "UserAssignedIdentity",
        "userAssignedIdentityResourceId": prediction.one("ManagedIdentity/userAssignedIdentities")["id"],
    }


def test_the_app_runs_python_3_13(prediction: Prediction) -> None:
    assert prediction.app["properties"]["functionAppConfig"]["runtime"] == {"name": "python", "version": "3.13"}


def test_an_instance_is_always_ready_for_uploads(prediction: Prediction) -> None:
    scale = prediction.app["properties"]["functionAppConfig"]["scaleAndConcurrency"]
    assert scale["alwaysReady"] == [{"name": "blob", "instanceCount": 1}]
    assert scale["instanceMemoryMB"] in {2048, 4096}
    assert prediction.app["tags"]["azd-service-name"] == "sync"
