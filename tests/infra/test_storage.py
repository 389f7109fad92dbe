"""The accounts hold what the app uses, open to identities alone, and keep originals as long as they should."""

import pytest

from shared.storage.names import ARCHIVE, INCOMING, POISON_QUEUE, QUARANTINE, RECORDS
from tests.support.bicep import Prediction

DEAD_LETTER = "dead-letter"


@pytest.mark.parametrize("account", ["sthost", "stpics"])
def test_an_account_opens_to_identities_alone(account: str, prediction: Prediction) -> None:
    properties = prediction.account(account)["properties"]
    assert {name: value for name, value in properties.items() if name not in {"networkAcls", "isHnsEnabled"}} == {
        "accessTier": "Hot",
        "allowBlobPublicAccess": False,
        "allowCrossTenantReplication": False,
        "allowSharedKeyAccess": False,
        "defaultToOAuthAuthentication": True,
        "isLocalUserEnabled": False,
        "minimumTlsVersion": "TLS1_2",
        "publicNetworkAccess": "Enabled",
        "supportsHttpsTrafficOnly": True,
    }
    assert prediction.account(account)["kind"] == "StorageV2"


def test_the_accounts_are_replicated_as_asked(small: Prediction, large: Prediction) -> None:
    assert small.account("stpics")["sku"] == {"name": "Standard_LRS"}
    assert large.account("stpics")["sku"] == {"name": "Standard_ZRS"}
    assert large.account("sthost")["sku"] == {"name": "Standard_LRS"}


def test_the_pictures_account_is_flat(prediction: Prediction) -> None:
    """A hierarchical one raises events on empty files."""
    assert prediction.account("stpics")["properties"]["isHnsEnabled"] is False


def test_the_containers_and_the_queue_are_those_of_the_app(prediction: Prediction) -> None:
    pictures = prediction.account("stpics")
    expected = sorted([INCOMING, ARCHIVE, QUARANTINE, RECORDS, DEAD_LETTER])
    assert prediction.children(pictures, "blobServices/containers") == expected
    assert prediction.children(pictures, "queueServices/queues") == [POISON_QUEUE]


def test_no_container_is_public(prediction: Prediction) -> None:
    containers = prediction.all("Storage/storageAccounts/blobServices/containers")
    assert {c.get("properties", {}).get("publicAccess", "None") for c in containers} == {"None"}


def test_what_is_deleted_can_be_restored(small: Prediction, large: Prediction) -> None:
    for prediction, days in ((small, 7), (large, 14)):
        (service,) = [
            service["properties"]
            for service in prediction.all("Storage/storageAccounts/blobServices")
            if service["name"].startswith("stpics")
        ]
        expected = {"enabled": True, "days": days}
        assert service == {"deleteRetentionPolicy": expected, "containerDeleteRetentionPolicy": expected}


def rules(prediction: Prediction) -> dict[tuple[str, ...], dict[str, dict[str, int]]]:
    """Return what happens to blobs, by what their names begin with."""
    found = prediction.one("Storage/storageAccounts/managementPolicies")["properties"]["policy"]["rules"]
    assert {(rule["enabled"], rule["type"]) for rule in found} == {(True, "Lifecycle")}
    definitions = [rule["definition"] for rule in found]
    return {tuple(each["filters"]["prefixMatch"]): each["actions"]["baseBlob"] for each in definitions}


def test_originals_stay_unless_a_parameter_says_how_long(small: Prediction, large: Prediction) -> None:
    after = "daysAfterModificationGreaterThan"
    assert rules(small)[(f"{ARCHIVE}/",)] == {"tierToCool": {after: 30}, "delete": None}
    assert rules(large)[(f"{ARCHIVE}/",)] == {"tierToCool": {after: 30}, "delete": {after: 1095}}


def test_quarantine_and_dead_letters_are_emptied(prediction: Prediction) -> None:
    found = rules(prediction)
    assert found[(f"{QUARANTINE}/", f"{DEAD_LETTER}/")] == {"delete": {"daysAfterModificationGreaterThan": 90}}
    assert len(found) == 2, "nothing else ever goes by time"


def test_the_lock_is_on_the_pictures_account(small: Prediction, large: Prediction) -> None:
    assert small.all("Authorization/locks") == []
    lock = large.one("Authorization/locks")
    assert lock["properties"]["level"] == "CanNotDelete"
    assert lock["id"].startswith(f"{large.account('stpics')['id']}/providers/Microsoft.Authorization/locks/")
