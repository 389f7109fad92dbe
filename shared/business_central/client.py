"""The client of Business Central's APIs v2.0 and v1.0: company, item, picture."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from math import inf
from threading import Lock
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit, urlunsplit

from shared.business_central import odata
from shared.business_central.http import Answer, HttpClient
from shared.errors import Failure, Permanent, Reason, Transient, Waiting
from shared.paths import ItemKey, KeyKind, fold_company, guid_of

COMPANIES_AGE_MIN = 60.0  # seconds before an unknown company leads to another look-up
PICTURE_MAX = 128 * 1024 * 1024  # bytes of a picture that somebody else put into BC
_PAGES_MAX = 100


@dataclass(frozen=True)
class Company:
    """A company in BC."""

    id: str
    name: str
    display_name: str


@dataclass(frozen=True)
class Item:
    """An item in BC; ``has_picture`` as it was when the item was read, None if it was not read."""

    company: Company
    id: str
    number: str
    has_picture: bool | None


@dataclass(frozen=True)
class _Api:
    """Where the versions of the API differ: the address of a picture, and the name of its content."""

    picture: str
    content: str


_APIS = {"v2.0": _Api("picture", "pictureContent"), "v1.0": _Api("picture({id})", "content")}


class BusinessCentral:
    """One per process: it keeps the connections and the list of companies, and is safe to use from threads.

    Every method takes ``upload_id``, which BC's telemetry shows as the client request id.
    """

    def __init__(self, base_url: str, api_version: str, http: HttpClient, clock: Callable[[], float]) -> None:
        self._base_url, self._api = base_url, _APIS[api_version]
        self._http, self._clock = http, clock
        self._companies: tuple[Company, ...] = ()
        self._companies_read_at = float("-inf")
        self._companies_lock = Lock()

    def company(self, named: str, upload_id: str) -> Company:
        """Return the company with this id, name or display name; one request per process, if all are known.

        Raises:
            Waiting: ``company_not_found``.
        """
        with self._companies_lock:
            found = _company_named(named, self._companies)
            if not found and self._clock() - self._companies_read_at >= COMPANIES_AGE_MIN:
                self._companies = tuple(self._read_companies(upload_id))
                self._companies_read_at = self._clock()
                found = _company_named(named, self._companies)
        if len(found) == 1:
            return found[0]
        known = ", ".join(repr(company.name) for company in self._companies)
        many = f"{len(found)} companies are" if found else "No company is"
        raise Waiting(Reason.COMPANY_NOT_FOUND, f"{many} called {named!r} in Business Central; it has {known}.")

    def item(self, company: Company, key: ItemKey, upload_id: str) -> Item:
        """Return the item that ``key`` names, in one request.

        Raises:
            Waiting: ``item_not_found``.
            Permanent: ``item_ambiguous`` for a GTIN, which BC lets several items have.
        """
        query = {"$filter": _filter(key), "$select": "id,number", "$expand": "picture", "$top": "2"}
        answer = self._get(self._url(f"companies({company.id})/items", query), upload_id)
        found = [_item(company, key, entry) for entry in _values(answer)]
        if not found:
            raise Waiting(Reason.ITEM_NOT_FOUND, f"{company.name} has no item with the {key.kind} {key.value!r}.")
        if len(found) > 1:
            raise _ambiguous(key, found)
        return found[0]

    def upload_picture(self, item: Item, content: bytes, upload_id: str, begin_by: float = inf) -> None:
        """Make ``content`` the picture of ``item``.

        Raises:
            Transient: with ``bc_no_answer`` BC may still have written it, or write it minutes later. With any other
                reason it surely will not; so it is when nothing could begin by the time ``begin_by`` of the throttle's clock.
        """
        try:
            self._patch_picture(item, content, upload_id, begin_by)
        except Transient as failure:
            if failure.reason is not Reason.BC_CONFLICT:
                raise
            again = self.item(item.company, ItemKey(None, KeyKind.ID, item.id), upload_id)
            self._patch_picture(again, content, upload_id, begin_by)

    def picture(self, item: Item, upload_id: str) -> bytes:
        """Return the bytes that BC serves as the picture of ``item``, none where it has no picture.

        Raises:
            Waiting: ``item_not_found``, where the item was removed since it was read.
        """
        answer = self._http.get(self._content_url(item), upload_id, PICTURE_MAX)
        if answer.status not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
            raise self._failure(answer, write=False, of_item=True)
        return answer.body

    def _patch_picture(self, item: Item, content: bytes, upload_id: str, begin_by: float) -> None:
        answer = self._http.patch(self._content_url(item), upload_id, content, begin_by)
        if answer.status != HTTPStatus.NO_CONTENT:  # a login page's 200 included
            raise self._failure(answer, write=True)

    def _content_url(self, item: Item) -> str:
        """The media links that BC gives say the same, but on-premises they may name hosts that nobody else knows."""
        picture = self._api.picture.format(id=item.id)
        return self._url(f"companies({item.company.id})/items({item.id})/{picture}/{self._api.content}")

    def _read_companies(self, upload_id: str) -> Iterator[Company]:
        url: str | None = self._url("companies", {"$select": "id,name,displayName"})
        for _ in range(_PAGES_MAX):
            if url is None:
                return
            answer = self._get(url, upload_id)
            yield from (_company(entry) for entry in _values(answer))
            following = answer.get("@odata.nextLink")
            url = self._on_our_origin(following) if isinstance(following, str) else None

    def _on_our_origin(self, link: str) -> str:
        """Return ``link`` on the configured origin: on-premises names internal hosts, and the token stays here."""
        try:
            ours, theirs = urlsplit(self._base_url), urlsplit(urljoin(f"{self._base_url}/", link))
        except ValueError as error:
            raise _not_bc(f"{link!r} is no link") from error
        return urlunsplit((ours.scheme, ours.netloc, theirs.path, theirs.query, ""))

    def _url(self, path: str, query: Mapping[str, str] | None = None) -> str:
        encoded = f"?{urlencode(query, quote_via=quote, safe='$,')}" if query else ""
        return f"{self._base_url}/{path}{encoded}"

    def _get(self, url: str, upload_id: str) -> Mapping[str, Any]:
        answer = self._http.get(url, upload_id)
        if answer.status != HTTPStatus.OK:
            raise self._failure(answer, write=False)
        document = answer.document
        if not isinstance(document, Mapping):
            raise _not_bc("it is no JSON object")
        return document

    def _failure(self, answer: Answer, *, write: bool, of_item: bool = False) -> Failure:
        code, message = odata.error_of(answer.document)
        failure = odata.failure_of(answer.status, code, message, write=write, of_item=of_item)
        if failure.reason is Reason.COMPANY_NOT_FOUND:
            self._companies = ()  # it was removed, or restored under another id: look again
        return failure


def _company_named(named: str, companies: tuple[Company, ...]) -> list[Company]:
    if guid := guid_of(named):
        return [company for company in companies if company.id == guid]
    wanted = fold_company(named)
    by_name = [company for company in companies if fold_company(company.name) == wanted]
    return by_name or [company for company in companies if fold_company(company.display_name) == wanted]


def _filter(key: ItemKey) -> str:
    if key.kind is KeyKind.ID:
        return f"id eq {key.value}"
    return f"{key.kind} eq {odata.text_literal(key.value)}"


def _values(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    values = answer.get("value")
    if not isinstance(values, list) or not all(isinstance(value, Mapping) for value in values):
        raise _not_bc("it holds no list of entities")
    return values


def _company(entry: Mapping[str, Any]) -> Company:
    return Company(_id(entry), str(entry.get("name", "")), str(entry.get("displayName", "")))


def _item(company: Company, key: ItemKey, entry: Mapping[str, Any]) -> Item:
    """Return the item, if it is the one that was asked for: its picture is about to be replaced."""
    found = str(entry.get("number", ""))
    own = {KeyKind.ID: _id(entry), KeyKind.NUMBER: found}.get(key.kind, key.value)
    if own.casefold() != key.value.casefold():
        raise _not_bc(f"asked for the {key.kind} {key.value!r}, it answers with {own!r}")
    # BC serves the picture always; without one its sides are 0.
    has_picture = bool(_only(entry.get("picture")).get("width"))
    return Item(company, _id(entry), found, has_picture)


def _only(found: object) -> Mapping[str, Any]:
    """Return the one picture of an item: API v1.0 has a collection of one where v2.0 has the entity."""
    one = found[0] if isinstance(found, list) and found else found
    return one if isinstance(one, Mapping) else {}


def _id(entry: Mapping[str, Any]) -> str:
    guid = guid_of(str(entry.get("id")))
    if guid is None:
        raise _not_bc(f"{entry.get('id')!r} is no id")
    return guid


def _ambiguous(key: ItemKey, found: list[Item]) -> Failure:
    numbers = " and ".join(repr(item.number) for item in found)
    detail = f"{found[0].company.name} has more than one item with the {key.kind} {key.value!r}: {numbers}."
    if key.kind is not KeyKind.GTIN:
        return _not_bc(detail)
    return Permanent(Reason.ITEM_AMBIGUOUS, f"{detail} Upload the picture under the item's number.")


def _not_bc(why: str) -> Transient:
    return Transient(Reason.BC_REFUSED, f"The answer is not Business Central's: {why}.")
