"""Says in Resource Manager's words what a plan makes of storage accounts and their events. Pure."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.support.terraform.planned import Planned

Resources = Iterator[dict[str, Any]]


def _account(account: Planned) -> Resources:
    rules = {
        "bypass": ", ".join(account["network_rules.bypass"]),
        "defaultAction": account["network_rules.default_action"],
    }
    properties = {
        "accessTier": account["access_tier"],
        "allowBlobPublicAccess": account["allow_nested_items_to_be_public"],
        "allowCrossTenantReplication": account["cross_tenant_replication_enabled"],
        "allowSharedKeyAccess": account["shared_access_key_enabled"],
        "defaultToOAuthAuthentication": account["default_to_oauth_authentication"],
        "isHnsEnabled": account["is_hns_enabled"],
        "isLocalUserEnabled": account["local_user_enabled"],
        "minimumTlsVersion": account["min_tls_version"],
        "networkAcls": rules,
        "publicNetworkAccess": account["public_network_access"],
        "supportsHttpsTrafficOnly": account["https_traffic_only_enabled"],
    }
    sku = {"name": f"{account['account_tier']}_{account['account_replication_type']}"}
    kind = account["account_kind"]
    yield account.placed("Storage/storageAccounts", kind=kind, sku=sku, properties=properties)
    yield _blobs(account)


def _blobs(account: Planned) -> dict[str, Any]:
    """Say what the account's blob service, which Azure always makes, gets of it."""
    paths = ("delete_retention_policy", "container_delete_retention_policy")
    deleted, containers = (account[f"blob_properties.{path}.days"] for path in paths)
    days = {"deleteRetentionPolicy": deleted, "containerDeleteRetentionPolicy": containers}
    properties = {name: {"enabled": True, "days": each} for name, each in days.items() if each is not None}
    kind = "Microsoft.Storage/storageAccounts/blobServices"
    return {"id": f"{account.id}/blobServices/default", "type": kind, "properties": properties}


def _container(container: Planned) -> Resources:
    container["storage_account_id"], container["name"]  # in the id
    access = {"private": None}.get(container["container_access_type"], container["container_access_type"])
    yield container.resource("Storage/storageAccounts/blobServices/containers", properties={"publicAccess": access})


def _queue(queue: Planned) -> Resources:
    queue["name"]  # in the id
    service = f"{queue['storage_account_id']}/queueServices/default"
    yield {"id": service, "type": "Microsoft.Storage/storageAccounts/queueServices"}  # Azure always makes it
    yield queue.resource("Storage/storageAccounts/queueServices/queues")


def _lifecycle(policy: Planned) -> Resources:
    policy["storage_account_id"]  # in the id
    rules = [_rule(rule) for rule in policy.all("rule")]
    yield policy.resource("Storage/storageAccounts/managementPolicies", properties={"policy": {"rules": rules}})


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    (filters,), (actions,) = rule["filters"], rule["actions"]
    (blob,) = actions.pop("base_blob")
    days = {
        "tierToCool": blob.pop("tier_to_cool_after_days_since_modification_greater_than"),
        "delete": blob.pop("delete_after_days_since_modification_greater_than"),
    }
    others = {name: value for name, value in {**blob, **actions}.items() if value not in (None, [])}
    assert others == {}, f"nothing is known about {sorted(others)}"
    base = {name: {"daysAfterModificationGreaterThan": each} for name, each in days.items() if each is not None}
    found = {"blobTypes": filters["blob_types"], "prefixMatch": filters["prefix_match"]}
    definition = {"filters": found, "actions": {"baseBlob": base}}
    return {"name": rule["name"], "enabled": rule["enabled"], "type": "Lifecycle", "definition": definition}


def _lock(lock: Planned) -> Resources:
    lock["scope"], lock["name"]  # in the id
    properties = {"level": lock["lock_level"], "notes": lock["notes"]}
    yield lock.resource("Authorization/locks", properties=properties)


def _topic(topic: Planned) -> Resources:
    properties = {"source": topic["source_resource_id"], "topicType": topic["topic_type"]}
    yield topic.placed("EventGrid/systemTopics", identity={"type": topic["identity.type"]}, properties=properties)


def _subscription(subscription: Planned) -> Resources:
    subscription["name"], subscription["system_topic"]  # in the id
    hook, dead = "webhook_endpoint", "storage_blob_dead_letter_destination"
    endpoint = {
        "endpointUrl": subscription[f"{hook}.url"],
        "maxEventsPerBatch": subscription[f"{hook}.max_events_per_batch"],
        "preferredBatchSizeInKilobytes": subscription[f"{hook}.preferred_batch_size_in_kilobytes"],
    }
    container = {
        "resourceId": subscription[f"{dead}.storage_account_id"],
        "blobContainerName": subscription[f"{dead}.storage_blob_container_name"],
    }
    not_in = subscription["advanced_filter.string_not_in"]
    filters = {
        "includedEventTypes": subscription["included_event_types"],
        "subjectBeginsWith": subscription["subject_filter.subject_begins_with"],
        "isSubjectCaseSensitive": subscription["subject_filter.case_sensitive"],
        "advancedFilters": [{"operatorType": "StringNotIn", "key": not_in["key"], "values": not_in["values"]}],
    }
    retry = {
        "maxDeliveryAttempts": subscription["retry_policy.max_delivery_attempts"],
        "eventTimeToLiveInMinutes": subscription["retry_policy.event_time_to_live"],
    }
    properties = {
        "eventDeliverySchema": subscription["event_delivery_schema"],
        "destination": {"endpointType": "WebHook", "properties": endpoint},
        "filter": filters,
        "retryPolicy": retry,
        "deadLetterWithResourceIdentity": {
            "identity": {"type": subscription["dead_letter_identity.type"]},
            "deadLetterDestination": {"endpointType": "StorageBlob", "properties": container},
        },
    }
    yield subscription.resource("EventGrid/systemTopics/eventSubscriptions", properties=properties)


KINDS: dict[str, Callable[[Planned], Resources]] = {
    "azurerm_eventgrid_system_topic": _topic,
    "azurerm_eventgrid_system_topic_event_subscription": _subscription,
    "azurerm_management_lock": _lock,
    "azurerm_storage_account": _account,
    "azurerm_storage_container": _container,
    "azurerm_storage_management_policy": _lifecycle,
    "azurerm_storage_queue": _queue,
}
