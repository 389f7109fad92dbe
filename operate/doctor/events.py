"""Checks the way of an upload's event: accounts, containers, queue, event subscription, dead letters."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from operate.arm import Document, Refused, Rest
from operate.doctor.access import DEAD_LETTER_ROLE, missing
from operate.doctor.azure import APP, PICTURES_ACCOUNT, DeployedApp
from operate.doctor.findings import Check, Finding
from shared.storage.names import ARCHIVE, INCOMING, POISON_QUEUE, QUARANTINE, RECORDS

_TOPIC = "System topic"
_STORAGE, _EVENT_GRID = "2025-06-01", "2025-02-15"
SUBJECT = f"/blobServices/default/containers/{INCOMING}/"
CREATED = "Microsoft.Storage.BlobCreated"
TOO_EARLY = ("CreateFile", "SftpCreate")  # events of a hierarchical account that come before the file's content
_ANEW = "Create it anew: docs/deployment.md#check-the-event-subscription."
_AGAIN = "Deploy the resources again: docs/deployment.md#run-it-again."


@dataclass(frozen=True)
class EventChecks:
    """The checks of the pictures account and its events; ``dead_letter`` is the container for those that failed."""

    arm: Rest
    app: DeployedApp
    dead_letter: str

    def checks(self) -> list[Check]:
        """Return the checks in the order in which one explains the next."""
        return [
            Check(PICTURES_ACCOUNT, self._account, (APP,)),
            Check("How the account is set up", self._set_up, (PICTURES_ACCOUNT,)),
            Check("Containers in Azure", self._containers, (PICTURES_ACCOUNT,)),
            Check("Queue", self._queue, (PICTURES_ACCOUNT,)),
            Check(_TOPIC, self._topic_is_there, (PICTURES_ACCOUNT,)),
            Check("Dead letters", self._topic_may_write, (_TOPIC,)),
            Check("Event subscription", self._subscription, (_TOPIC,)),
        ]

    @property
    def _path(self) -> str:
        return self.app.place.account(self.app.place.pictures_account)

    @cached_property
    def _properties(self) -> Document:
        """The pictures account's properties."""
        properties: Document = self.arm.get(self._path, api_version=_STORAGE).get("properties") or {}
        return properties

    def _account(self) -> Iterator[Finding]:
        try:
            self._properties  # noqa: B018 - asks for them
        except Refused as refused:
            if not refused.is_missing:
                raise
            yield Finding(
                "account_missing",
                f"There is no storage account {self.app.place.pictures_account}.",
                "Nothing is deployed where --config points to.",
                "Deploy it, or write --config anew: docs/deployment.md.",
            )

    def _set_up(self) -> Iterator[Finding]:
        if self._properties.get("isHnsEnabled"):
            yield Finding(
                "account_hierarchical",
                f"{self.app.place.pictures_account} has a hierarchical namespace.",
                "A rename raises no event, and events come before a file's content.",
                "Use an account without: docs/deployment.md#check-the-event-subscription.",
            )
        closed = (self._properties.get("networkAcls") or {}).get("defaultAction") == "Deny"
        if closed and not (self.app.site.get("properties") or {}).get("virtualNetworkSubnetId"):
            yield Finding(
                "account_closed",
                f"{self.app.place.pictures_account} is closed to the internet, and the app is in no network.",
                "The app cannot read uploads.",
                "Set useVirtualNetwork or picturesAccountIsPublic: docs/security.md#network.",
            )

    def _containers(self) -> Iterator[Finding]:
        listed = self.arm.all(f"{self._path}/blobServices/default/containers", api_version=_STORAGE)
        names = {str(each["name"]) for each in listed}
        for container in (INCOMING, ARCHIVE, QUARANTINE, RECORDS, self.dead_letter):
            if container not in names:
                yield Finding(
                    "container_missing",
                    f"The container {container} does not exist in {self.app.place.pictures_account}.",
                    "Uploads fail, or events that cannot be delivered vanish.",
                    _AGAIN,
                )

    def _queue(self) -> Iterator[Finding]:
        try:
            self.arm.get(f"{self._path}/queueServices/default/queues/{POISON_QUEUE}", api_version=_STORAGE)
        except Refused as refused:
            if not refused.is_missing:
                raise
            yield Finding(
                "queue_missing",
                f"The queue {POISON_QUEUE} does not exist in {self.app.place.pictures_account}.",
                "The function delivery_exhausted does not start, and says nothing.",
                _AGAIN,
            )

    @cached_property
    def _topic(self) -> Document | None:
        """The topic whose source is the pictures account."""
        listed = self.arm.all(
            f"{self.app.place.group}/providers/Microsoft.EventGrid/systemTopics", api_version=_EVENT_GRID
        )
        sources = ((topic, str((topic.get("properties") or {}).get("source", ""))) for topic in listed)
        return next((topic for topic, source in sources if source.lower() == self._path.lower()), None)

    def _topic_is_there(self) -> Iterator[Finding]:
        if self._topic is None:
            yield Finding(
                "topic_missing",
                f"{self.app.place.pictures_account} has no system topic in {self.app.place.resource_group}.",
                "No event is raised: only the sweep finds uploads, minutes later.",
                _AGAIN,
            )

    def _topic_may_write(self) -> Iterator[Finding]:
        assert self._topic  # noqa: S101 - needed
        principal = (self._topic.get("identity") or {}).get("principalId")
        if not principal:
            yield Finding(
                "topic_identity_missing",
                f"The system topic {self._topic['name']} has no identity.",
                DEAD_LETTER_ROLE.without,
                _AGAIN,
            )
            return
        scope = f"{self._path}/blobServices/default/containers/{self.dead_letter}"
        yield from missing(self.arm, str(principal), scope, (DEAD_LETTER_ROLE,), "The system topic's identity")

    def _subscription(self) -> Iterator[Finding]:
        assert self._topic  # noqa: S101 - needed
        listed = self.arm.all(f"{self._topic['id']}/eventSubscriptions", api_version=_EVENT_GRID)
        host = str((self.app.site.get("properties") or {}).get("defaultHostName", "")).lower()
        ours = [each["properties"] for each in listed if _host_of(each["properties"]) == host]
        if not ours:
            yield Finding(
                "subscription_missing",
                f"No event subscription of {self._topic['name']} leads to {self.app.place.function_app}.",
                "No event starts the app: only the sweep finds uploads, minutes later.",
                _ANEW,
            )
        if len(ours) > 1:
            yield Finding(
                "subscription_twice",
                f"{len(ours)} event subscriptions lead to {self.app.place.function_app}.",
                "Each upload starts the app several times.",
                "Delete all but item-picture-uploaded: docs/deployment.md#check-the-event-subscription.",
            )
        for properties in ours:
            yield from self._wrong_with(properties)

    def _wrong_with(self, properties: Mapping[str, Any]) -> Iterator[Finding]:
        if properties.get("provisioningState") != "Succeeded":
            state = properties.get("provisioningState")
            yield Finding(
                "subscription_failed", f"The event subscription is {state}.", "No event starts the app.", _ANEW
            )
        if urlsplit(_address_of(properties)).path != "/runtime/webhooks/blobs":
            yield Finding(
                "subscription_address",
                "The event subscription does not lead to the blob trigger's address, /runtime/webhooks/blobs.",
                "The app refuses the events, and they end as dead letters.",
                _ANEW,
            )
        if properties.get("eventDeliverySchema") != "EventGridSchema":
            yield Finding(
                "subscription_schema",
                f"The event subscription delivers {properties.get('eventDeliverySchema')}.",
                "The host reads EventGridSchema only.",
                _ANEW,
            )
        yield from _wrong_with_filter(properties.get("filter") or {})
        yield from self._wrong_with_dead_letters(properties)

    def _wrong_with_dead_letters(self, properties: Mapping[str, Any]) -> Iterator[Finding]:
        by_identity = properties.get("deadLetterWithResourceIdentity") or {}
        destination = by_identity.get("deadLetterDestination") or properties.get("deadLetterDestination") or {}
        place = destination.get("properties") or {}
        if (
            place.get("blobContainerName") != self.dead_letter
            or str(place.get("resourceId")).lower() != self._path.lower()
        ):
            yield Finding(
                "dead_letter_missing",
                f"Events that cannot be delivered do not go to the container {self.dead_letter}.",
                "They vanish without a trace, and no alert tells of them.",
                _ANEW,
            )
        elif not by_identity:
            yield Finding(
                "dead_letter_by_key",
                "Event Grid writes dead letters by key, not by the topic's identity.",
                "The account refuses keys, so events that cannot be delivered vanish.",
                _ANEW,
            )


def _wrong_with_filter(found: Mapping[str, Any]) -> Iterator[Finding]:
    subject = str(found.get("subjectBeginsWith") or "")
    if subject == SUBJECT.rstrip("/"):
        yield Finding(
            "filter_slash",
            f"The filter of the event subscription, {subject}, lacks its slash at the end.",
            f"Containers whose names begin with {INCOMING} start the app, too.",
            _ANEW,
        )
    elif subject != SUBJECT:
        yield Finding(
            "filter_subject",
            f"The filter of the event subscription begins with {subject!r}, not with {SUBJECT}",
            "Uploads start nothing; or the app's own archive starts the app, again and again.",
            _ANEW,
        )
    types = found.get("includedEventTypes") or []
    if types != [CREATED]:
        yield Finding(
            "event_types",
            f"The event subscription delivers {', '.join(types) or 'all types of events'}, not {CREATED} alone.",
            "The host refuses other events, or uploads start nothing.",
            _ANEW,
        )
    if found.get("subjectEndsWith"):
        yield Finding(
            "filter_ending",
            f"The event subscription takes only names that end in {found['subjectEndsWith']!r}.",
            "Other uploads wait for the sweep.",
            _ANEW,
        )
    left_out = {
        value
        for each in found.get("advancedFilters") or []
        if each.get("operatorType") == "StringNotIn" and str(each.get("key")).lower() == "data.api"
        for value in each.get("values") or []
    }
    if lacking := [name for name in TOO_EARLY if name not in left_out]:
        yield Finding(
            "filter_api",
            f"The filter of the event subscription lets {' and '.join(lacking)} through (data.api).",
            "These events come before a file's content: the app reads half a file, or none.",
            _ANEW,
        )


def _address_of(properties: Mapping[str, Any]) -> str:
    """Return where the events go; Azure keeps the part with the key to itself."""
    place = (properties.get("destination") or {}).get("properties") or {}
    return str(place.get("endpointUrl") or place.get("endpointBaseUrl") or "")


def _host_of(properties: Mapping[str, Any]) -> str:
    return (urlsplit(_address_of(properties)).hostname or "").lower()
