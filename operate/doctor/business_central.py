"""Checks Business Central as whoever runs the doctor: whether it answers, its API versions, company, items."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from uuid import uuid4

from azure.core.exceptions import AzureError
from azure.storage.blob import BlobServiceClient

from operate.doctor.findings import Check, Finding, Grade
from operate.errors import about_company
from shared.business_central.client import BusinessCentral
from shared.errors import Reason, Transient, Waiting
from shared.paths import ItemKey, KeyKind
from shared.storage.names import RECORDS, record_name

_PAGE = "docs/business-central.md"
_ANSWERS, _COMPANY = "Business Central answers", "Company"


@dataclass(frozen=True)
class BusinessCentralChecks:
    """The checks of Business Central; ``versions`` are its APIs, ``version`` the one that the app is set to use.

    ``service`` opens the pictures account, whose records tell whether the app has written pictures before.
    """

    versions: Mapping[str, BusinessCentral]
    version: str
    company: str | None
    environment: str
    service: BlobServiceClient

    def checks(self) -> list[Check]:
        """Return the checks in the order in which one explains the next."""
        return [
            Check(_ANSWERS, self._answers),
            Check("API versions", self._api_versions, (_ANSWERS,)),
            Check(_COMPANY, self._company, (_ANSWERS,)),
            Check("Items and pictures", self._items, (_COMPANY,)),
        ]

    def _answers(self) -> Iterator[Finding]:
        """Ask for one company in each version; that only the set one is missing is the next check's."""
        failure = self._failures[self.version]
        if failure is None or self._answering:
            return
        name, why, mend = _MEANINGS.get(failure.reason, _MEANINGS[Reason.BC_UNAVAILABLE])
        yield Finding(name, f"Business Central does not answer you: {failure.detail}", why, mend)

    def _api_versions(self) -> Iterator[Finding]:
        if self.version not in self._answering:
            yield Finding(
                "api_version",
                f"Business Central has no API {self.version}; it has {' and '.join(self._answering)}.",
                "No picture reaches any item: every request of the app goes to the missing version.",
                f"Set BC_API_VERSION to {self._answering[0]}: docs/configuration.md#business-central.",
            )

    def _company(self) -> Iterator[Finding]:
        if not self.company:
            yield Finding(
                "no_default_company",
                "No default company is set (BC_COMPANY).",
                "Only paths that name a company work.",
                "Nothing, if all paths do; else docs/configuration.md#business-central.",
                Grade.NOTE,
            )
            return
        try:
            self._bc.company(self.company, str(uuid4()))
        except Waiting as failure:
            yield Finding(
                "company_unknown",
                about_company(failure),
                "Every upload whose path names no company waits for ever.",
                "Set BC_COMPANY to a company's name or id: docs/operations.md#company_not_found.",
            )

    def _items(self) -> Iterator[Finding]:
        """Read one item that no company has, with its picture: the same right as for a real one."""
        if not self.company:
            return
        company = self._bc.company(self.company, str(uuid4()))
        try:
            self._bc.item(company, ItemKey(None, KeyKind.ID, str(uuid4())), str(uuid4()))
        except Waiting as failure:
            if failure.reason is not Reason.ITEM_NOT_FOUND:
                raise
        except Transient as failure:
            if failure.reason is not Reason.BC_REFUSED and "permission" not in failure.detail:
                raise
            yield Finding(
                "items_unreadable",
                f"You may not read items and pictures in {company.name}: {failure.detail}",
                "backfill, status and export ask as you. It says nothing about what the app may do.",
                f"Have the permission sets D365 BASIC and D365 ITEM, EDIT given to you: {_PAGE}#3-the-entry-in-bc.",
            )
        yield self._what_only_a_picture_shows(company.id)

    def _what_only_a_picture_shows(self, company_id: str) -> Finding:
        folder = record_name(self.environment, company_id, "").rpartition("/")[0] + "/"
        try:
            records = self.service.get_container_client(RECORDS).list_blobs(folder, results_per_page=1, retry_total=1)
            has_written = next(iter(records), None) is not None
        except AzureError:
            has_written = False  # the checks of storage have told
        if has_written:
            what = "The app has put pictures onto items of this company before, so it could write then."
            mend = ""
        else:
            what = "Whether the app may write pictures is not known yet: only its first picture shows that."
            mend = "Upload one picture: docs/deployment.md#the-first-picture."
        why = "You asked as yourself; the app has permissions of its own, and no request tries a write without writing."
        return Finding("write_seen" if has_written else "write_unproven", what, why, mend, Grade.NOTE)

    @cached_property
    def _failures(self) -> dict[str, Transient | None]:
        """What each version answers, None if it does; where nobody answers, the others need not be asked."""
        failures = {self.version: _failure(self.versions[self.version])}
        first = failures[self.version]
        if first is None or first.reason is Reason.BC_REFUSED:
            return failures | {v: _failure(bc) for v, bc in self.versions.items() if v != self.version}
        return failures

    @property
    def _answering(self) -> list[str]:
        return [version for version, failure in self._failures.items() if failure is None]

    @property
    def _bc(self) -> BusinessCentral:
        """The set version, or one that answers in its place."""
        return self.versions[self.version if self.version in self._answering else self._answering[0]]


def _failure(bc: BusinessCentral) -> Transient | None:
    try:
        bc.check(str(uuid4()))
    except Transient as failure:
        return failure
    return None


_AS_YOU = "backfill, status and export ask as you. It says nothing about the app, which has permissions of its own."
_MEANINGS = {
    Reason.IDENTITY: ("not_signed_in", _AS_YOU, "az login"),
    Reason.BC_UNAUTHORIZED: (
        "bc_unauthorized",
        _AS_YOU,
        f"Have yourself let into Business Central: {_PAGE}#3-the-entry-in-bc.",
    ),
    Reason.BC_REFUSED: (
        "bc_refused",
        "If the address is wrong, no picture reaches any item; if you lack permissions, the app may still have them.",
        f"Compare BC_TENANT_ID, BC_ENVIRONMENT and BC_BASE_URL: {_PAGE}#what-a-failure-looks-like.",
    ),
    Reason.BC_UNAVAILABLE: (
        "bc_unreachable",
        "No picture reaches any item while it lasts.",
        "Compare BC_BASE_URL and look at the environment in BC's admin center: docs/operations.md#bc_unavailable.",
    ),
}
