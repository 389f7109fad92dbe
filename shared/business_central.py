"""The client of Business Central's APIs v2.0 and v1.0: token, company, item, picture."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import requests
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError
from requests.auth import AuthBase
from urllib3.exceptions import ConnectTimeoutError

from shared import __version__, odata
from shared.errors import Failure, Permanent, Reason, Transient
from shared.naming import ItemKey, KeyKind, fold_company, guid_of
from shared.transport import Gate, session

SCOPE = "https://api.businesscentral.dynamics.com/.default"
COMPANIES_AGE_MIN = 60.0  # seconds before an unknown company leads to another look-up
_PAGES_MAX = 100
_PAST_THE_CACHE = '{"access_token":{}}'  # any claims challenge makes azure-identity ask for a fresh token


@dataclass(frozen=True)
class Timeouts:
    """Seconds: for the connection, for reads, and for the PATCH after which its outcome is in doubt."""

    connect: float = 5.0
    read: float = 30.0
    write: float = 120.0


@dataclass(frozen=True)
class Company:
    """A company in BC."""

    id: str
    name: str
    display_name: str


@dataclass(frozen=True)
class PictureDocument:
    """What BC says of an item's picture; without one its sides are 0 and its type is empty. Sides in pixels.

    ``id`` is the item's. The links lead to the content, on whatever host BC believes to have.
    """

    id: str
    width: int
    height: int
    content_type: str
    edit_link: str
    read_link: str


@dataclass(frozen=True)
class Item:
    """An item in BC; ``has_picture`` as it was when the item was read."""

    company: Company
    id: str
    number: str
    display_name: str
    has_picture: bool


@dataclass(frozen=True)
class _Api:
    """Where the versions of the API differ: the address of a picture, and the name of its content."""

    picture: str
    content: str


_APIS = {"v2.0": _Api("picture", "pictureContent"), "v1.0": _Api("picture({id})", "content")}


class _Bearer(AuthBase):
    """Puts the token on one request; held apart so that no repr and no log shows it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class BusinessCentral:
    """One per process: it keeps the connections and the list of companies, and is safe to use from threads.

    Every method takes ``upload_id``, which BC's telemetry shows as the client request id.
    """

    def __init__(
        self, base_url: str, api_version: str, credential: TokenCredential, gate: Gate, timeouts: Timeouts
    ) -> None:
        self._base_url, self._credential = base_url, credential
        self._api = _APIS[api_version]
        self._gate, self._timeouts = gate, timeouts
        self._session = session(gate)
        self._companies: tuple[Company, ...] = ()
        self._companies_read_at = float("-inf")
        self._companies_lock = Lock()

    def company(self, named: str, upload_id: str) -> Company:
        """Return the company with this id, name or display name; one request per process, if all are known.

        Raises:
            Permanent: ``company_not_found``.
        """
        with self._companies_lock:
            found = _company_named(named, self._companies)
            if not found and self._gate.clock() - self._companies_read_at >= COMPANIES_AGE_MIN:
                self._companies = tuple(self._read_companies(upload_id))
                self._companies_read_at = self._gate.clock()
                found = _company_named(named, self._companies)
        if len(found) == 1:
            return found[0]
        known = ", ".join(repr(company.name) for company in self._companies)
        many = f"{len(found)} companies are" if found else "No company is"
        raise Permanent(
            Reason.COMPANY_NOT_FOUND, f"{many} called {named!r} in Business Central; it has {known}."
        )

    def item(self, company: Company, key: ItemKey, upload_id: str) -> Item:
        """Return the item that ``key`` names, in one request.

        Raises:
            Permanent: ``item_not_found`` or ``item_ambiguous``.
        """
        query = {
            "$filter": _filter(key),
            "$select": "id,number,displayName",
            "$expand": "picture",
            "$top": "2",
        }
        answer = self._get(self._url(f"companies({company.id})/items", query), upload_id)
        found = [_item(company, entry) for entry in _values(answer)]
        if not found:
            raise Permanent(
                Reason.ITEM_NOT_FOUND, f"{company.name} has no item with the {key.kind} {key.value!r}."
            )
        if len(found) > 1:
            numbers = " and ".join(repr(item.number) for item in found)
            detail = f"{company.name} has more than one item with the {key.kind} {key.value!r}: {numbers}."
            raise Permanent(Reason.ITEM_AMBIGUOUS, f"{detail} Upload the picture under the item's number.")
        return found[0]

    def upload_picture(self, item: Item, content: bytes, upload_id: str) -> None:
        """Make ``content`` the picture of ``item``.

        Raises:
            Transient: with ``bc_no_answer`` BC may still have written it, or write it minutes later.
        """
        try:
            self._patch_picture(item, content, upload_id)
        except Transient as failure:
            if failure.reason is not Reason.BC_CONFLICT:
                raise
            again = self.item(item.company, ItemKey(None, KeyKind.ID, item.id), upload_id)
            self._patch_picture(again, content, upload_id)

    def picture(self, item: Item, upload_id: str) -> PictureDocument:
        """Return what BC says of the picture of ``item``."""
        answer = self._get(self._url(f"companies({item.company.id})/items({item.id})/picture"), upload_id)
        entry, content = _picture(answer.get("value", answer)), self._api.content
        try:
            return PictureDocument(
                id=str(entry["id"]).lower(),
                width=int(entry["width"]),
                height=int(entry["height"]),
                content_type=str(entry["contentType"]),
                edit_link=str(entry[f"{content}@odata.mediaEditLink"]),
                read_link=str(entry[f"{content}@odata.mediaReadLink"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            detail = f"The answer is not Business Central's: the picture lacks or garbles {error}."
            raise Transient(Reason.BC_REFUSED, detail) from error

    def picture_content(self, document: PictureDocument, upload_id: str) -> bytes:
        """Return the bytes that BC serves for ``document``, none where the item has no picture."""
        response = self._send("GET", self._on_our_origin(document.read_link), upload_id)
        if not response.ok or response.is_redirect:
            raise _failure(response, write=False)
        return response.content

    def _patch_picture(self, item: Item, content: bytes, upload_id: str) -> None:
        picture = self._api.picture.format(id=item.id)
        url = self._url(f"companies({item.company.id})/items({item.id})/{picture}/{self._api.content}")
        # BC's own documentation of this call is wrong about body and type: the bytes go to the media edit link.
        headers = {"If-Match": "*", "Content-Type": "application/octet-stream"}
        response = self._send("PATCH", url, upload_id, headers, content)
        if not response.ok or response.is_redirect:
            raise _failure(response, write=True)

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
        ours, theirs = urlsplit(self._base_url), urlsplit(link)
        return urlunsplit((ours.scheme, ours.netloc, theirs.path, theirs.query, ""))

    def _url(self, path: str, query: Mapping[str, str] | None = None) -> str:
        encoded = f"?{urlencode(query, quote_via=quote, safe='$,')}" if query else ""
        return f"{self._base_url}/{path}{encoded}"

    def _get(self, url: str, upload_id: str) -> Mapping[str, Any]:
        response = self._send("GET", url, upload_id)
        if not response.ok or response.is_redirect:
            raise _failure(response, write=False)
        body = _json(response)
        if not isinstance(body, Mapping):
            raise Transient(
                Reason.BC_REFUSED, f"{self._base_url} did not answer like Business Central (no JSON object)."
            )
        return body

    def _send(
        self,
        method: str,
        url: str,
        upload_id: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> requests.Response:
        response = self._attempt(method, url, upload_id, headers, body, self._token())
        if response.status_code == requests.codes.unauthorized:
            response = self._attempt(
                method, url, upload_id, headers, body, self._token(claims=_PAST_THE_CACHE)
            )
        return response

    def _attempt(
        self,
        method: str,
        url: str,
        upload_id: str,
        headers: Mapping[str, str] | None,
        body: bytes | None,
        auth: AuthBase,
    ) -> requests.Response:
        write = method == "PATCH"
        ours = {
            "Accept": "application/json",
            "Accept-Language": "en-US",
            "User-Agent": f"item-picture-sync/{__version__}",
            "client-request-id": upload_id,
        }
        timeout = (self._timeouts.connect, self._timeouts.write if write else self._timeouts.read)
        try:
            # A redirect could carry the token elsewhere; BC never sends one.
            return self._session.request(
                method,
                url,
                headers={**ours, **(headers or {})},
                data=body,
                auth=auth,
                timeout=timeout,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise _unanswered(error, write=write) from error

    def _token(self, claims: str | None = None) -> AuthBase:
        try:
            return _Bearer(self._credential.get_token(SCOPE, claims=claims).token)
        except AzureError as error:
            detail = f"The managed identity gave no token for {SCOPE}: {str(error)[:500]}"
            raise Transient(Reason.IDENTITY, detail) from error


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
    if not isinstance(values, list) or not all(
        isinstance(value, Mapping) and "id" in value for value in values
    ):
        raise Transient(
            Reason.BC_REFUSED, "The answer is not Business Central's: it holds no list of entities."
        )
    return values


def _company(entry: Mapping[str, Any]) -> Company:
    return Company(str(entry["id"]).lower(), str(entry.get("name", "")), str(entry.get("displayName", "")))


def _item(company: Company, entry: Mapping[str, Any]) -> Item:
    has_picture = bool(
        _picture(entry.get("picture")).get("width")
    )  # BC serves the entity always; without a picture its sides are 0
    number, display_name = str(entry.get("number", "")), str(entry.get("displayName", ""))
    return Item(company, str(entry["id"]).lower(), number, display_name, has_picture)


def _picture(found: object) -> Mapping[str, Any]:
    """Return the one picture of an item: API v1.0 has a collection of one where v2.0 has the entity."""
    one = found[0] if isinstance(found, list) and found else found
    return one if isinstance(one, Mapping) else {}


def _json(response: requests.Response) -> object:
    try:
        return response.json()
    except ValueError:
        return None


def _failure(response: requests.Response, *, write: bool) -> Failure:
    return odata.failure_of(response.status_code, *odata.error_of(_json(response)), write=write)


def _unanswered(error: requests.RequestException, *, write: bool) -> Transient:
    """Return what a request without an answer means: harmless only where it surely was never sent."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    never_sent = isinstance(reason, ConnectTimeoutError)  # urllib3's word for every failure to connect
    kind = Reason.BC_NO_ANSWER if write and not never_sent else Reason.BC_UNAVAILABLE
    return Transient(kind, f"Business Central gave no answer: {type(error).__name__}: {str(error)[:500]}")
