"""Reads items and replaces their pictures through Business Central's APIs v2.0 and v1.0."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from math import inf
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit, urlunsplit

from shared.business_central import items, odata
from shared.business_central.companies import Companies, Company
from shared.business_central.http import Answer, HttpClient
from shared.business_central.items import FoundItem, Item
from shared.errors import Failure, Reason, Transient
from shared.near_names import number_variants
from shared.paths import ItemKey, KeyKind

PICTURE_MAX = 128 * 1024 * 1024  # bytes of a picture that somebody else put into BC
_PAGES_MAX = 100
_FOUND_FIELDS = "id,number,gtin"


@dataclass(frozen=True)
class _Api:
    """Holds what differs between the API's versions: a picture's address, and the name of its content."""

    picture: str
    content: str


_APIS = {"v2.0": _Api("picture", "pictureContent"), "v1.0": _Api("picture({id})", "content")}


class BusinessCentral:
    """Calls the API of one environment; one per process, safe to use from threads.

    Every method takes ``upload_id``, which BC's telemetry shows as the client request id.
    """

    def __init__(self, base_url: str, api_version: str, http: HttpClient, clock: Callable[[], float]) -> None:
        self._base_url, self._api, self._http = base_url, _APIS[api_version], http
        self._companies, self._clock = Companies(self._read_companies, clock), clock

    def company(self, name: str, upload_id: str) -> Company:
        """Return the company with this id, name or display name; if all are known, one request in ten minutes.

        Raises:
            Waiting: ``company_not_found``.
        """
        return self._companies.find(name, upload_id)

    def item(self, company: Company, key: ItemKey, upload_id: str, begin_by: float = inf) -> Item:
        """Return the item that ``key`` names, in one request; ``begin_by`` as for ``picture``.

        Raises:
            Waiting: ``item_not_found`` or ``company_not_found``.
            Permanent: ``item_ambiguous`` for a GTIN, which BC lets several items share.
        """
        query = {"$filter": items.filter_for(key), "$select": "id,number", "$expand": "picture", "$top": "2"}
        url = self._url(f"companies({company.id})/items", query)
        document = self._document(self._http.get(url, upload_id, begin_by=begin_by), company)
        matches = [items.matched(company, key, entity) for entity in odata.entities(document)]
        if not matches:
            raise items.not_found(company, key, self._near_number(company, key, upload_id))
        if len(matches) > 1:
            raise items.ambiguous(key, matches)
        return replace(matches[0], read_at=self._clock())

    def items(self, company: Company, keys: Sequence[ItemKey], upload_id: str) -> list[FoundItem] | None:
        """Return the items that ``keys``, all of one kind, name, in one request; None if BC refuses the query as such.

        BC takes ``or`` between conditions on the same field only.
        """
        query = {"$filter": " or ".join(map(items.filter_for, keys)), "$select": _FOUND_FIELDS}
        answer = self._http.get(self._url(f"companies({company.id})/items", query), upload_id)
        if odata.is_bad_query(answer.status, answer.document):
            return None
        return [items.found(company, entity) for entity in odata.entities(self._document(answer, company))]

    def all_items(self, company: Company, upload_id: str) -> Iterator[FoundItem]:
        """Yield every item of ``company``, page by page."""
        url = self._url(f"companies({company.id})/items", {"$select": _FOUND_FIELDS})
        return (items.found(company, entity) for entity in self._entities(url, upload_id, company))

    def described(self, company: Company, ids: Sequence[str], upload_id: str) -> list[FoundItem]:
        """Return the items with these ids, with their names and whether they have a picture, in one request."""
        either = " or ".join(f"id eq {item_id}" for item_id in ids)
        query = {"$filter": either, "$select": f"{_FOUND_FIELDS},displayName", "$expand": "picture"}
        url = self._url(f"companies({company.id})/items", query)
        return [items.described(company, entity) for entity in odata.entities(self._get(url, upload_id, company))]

    def check(self, upload_id: str) -> None:
        """Ask BC for next to nothing.

        Raises:
            Transient: BC does not answer, or not to us.
        """
        self._check("companies", upload_id)

    def check_items(self, company: Company, upload_id: str) -> None:
        """Ask BC for one item of ``company``, whichever; only an answer tells that it can look for others.

        Raises:
            Waiting: ``company_not_found``.
            Transient: BC does not answer, or not to us.
        """
        self._check(f"companies({company.id})/items", upload_id, company)

    def _check(self, path: str, upload_id: str, company: Company | None = None) -> None:
        url = self._url(path, {"$select": "id", "$top": "1"})
        odata.entities(self._get(url, upload_id, company, of_list=True))

    def _near_number(self, company: Company, key: ItemKey, upload_id: str) -> str | None:
        """Return the number of the one item that ``key`` may have meant; asks BC only if there is anything to ask."""
        variants = number_variants(key.value) if key.kind is KeyKind.NUMBER else []
        if not variants:
            return None
        either = " or ".join(f"number eq {odata.text_literal(variant)}" for variant in variants)
        url = self._url(f"companies({company.id})/items", {"$filter": either, "$select": "number", "$top": "2"})
        numbers = [str(entity.get("number")) for entity in odata.entities(self._get(url, upload_id, company))]
        return numbers[0] if len(numbers) == 1 else None

    def upload_picture(self, item: Item, content: bytes, upload_id: str, begin_by: float = inf) -> None:
        """Make ``content`` the picture of ``item``, unless the request cannot begin by ``begin_by`` (throttle's clock).

        Raises:
            Transient: after ``bc_no_answer`` BC may have written the picture, or may write it minutes later; after any
                other reason it will not.
            Waiting: ``rejected``, ``item_not_found`` or ``company_not_found``.
        """
        try:
            self._patch_picture(item, content, upload_id, begin_by)
        except Transient as failure:
            if failure.reason is not Reason.BC_CONFLICT:
                raise
            reread = self.item(item.company, ItemKey(None, KeyKind.ID, item.id), upload_id, begin_by)
            self._patch_picture(reread, content, upload_id, begin_by)

    def picture(self, item: Item, upload_id: str, begin_by: float = inf) -> bytes:
        """Return the bytes that BC serves as the picture of ``item``, none if it has no picture.

        Whoever has claimed the item says by when this has to begin (``begin_by``, throttle's clock); it is given up
        before the claim is old.

        Raises:
            Waiting: ``item_not_found`` or ``company_not_found``, it was removed after it was read.
        """
        answer = self._http.get(self._content_url(item), upload_id, PICTURE_MAX, begin_by)
        if answer.status not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
            raise self._failure(answer, item.company, of_item=True)
        return answer.body

    def _patch_picture(self, item: Item, content: bytes, upload_id: str, begin_by: float) -> None:
        answer = self._http.patch(self._content_url(item), upload_id, content, begin_by)
        if answer.status != HTTPStatus.NO_CONTENT:  # even 200: a login page answers that
            raise self._failure(answer, item.company, write=True)

    def _content_url(self, item: Item) -> str:
        """Build the address of the picture's bytes; on-premises, BC's own links to it may name internal hosts."""
        picture = self._api.picture.format(id=item.id)
        return self._url(f"companies({item.company.id})/items({item.id})/{picture}/{self._api.content}")

    def _read_companies(self, upload_id: str) -> Iterator[Company]:
        url = self._url("companies", {"$select": "id,name,displayName"})
        return map(_company, self._entities(url, upload_id))

    def _entities(self, first: str, upload_id: str, company: Company | None = None) -> Iterator[Mapping[str, Any]]:
        """Yield the entities of a collection, page by page from the address ``first`` on.

        Raises:
            Transient: also ``bc_refused``, it has too many pages: a part of it does not tell what is missing.
        """
        url: str | None = first
        for _ in range(_PAGES_MAX):
            if url is None:
                return
            document = self._get(url, upload_id, company, of_list=True)
            yield from odata.entities(document)
            next_link = document.get("@odata.nextLink")
            url = self._on_our_origin(next_link) if isinstance(next_link, str) else None
        if url is not None:
            raise Transient(Reason.BC_REFUSED, f"{first} has more than {_PAGES_MAX} pages. {_PAGES_ADVICE}")

    def _on_our_origin(self, link: str) -> str:
        """Return ``link`` on the configured origin: on-premises names internal hosts, and the token stays here."""
        try:
            ours, theirs = urlsplit(self._base_url), urlsplit(urljoin(f"{self._base_url}/", link))
        except ValueError as error:
            raise odata.foreign_answer(f"{link!r} is not a link") from error
        return urlunsplit((ours.scheme, ours.netloc, theirs.path, theirs.query, ""))

    def _url(self, path: str, query: Mapping[str, str] | None = None) -> str:
        encoded = f"?{urlencode(query, quote_via=quote, safe='$,')}" if query else ""
        return f"{self._base_url}/{path}{encoded}"

    def _get(
        self, url: str, upload_id: str, company: Company | None = None, *, of_list: bool = False
    ) -> Mapping[str, Any]:
        return self._document(self._http.get(url, upload_id), company, of_list=of_list)

    def _document(self, answer: Answer, company: Company | None, *, of_list: bool = False) -> Mapping[str, Any]:
        if answer.status != HTTPStatus.OK:
            raise self._failure(answer, company, of_list=of_list)
        document = answer.document
        if not isinstance(document, Mapping):
            raise odata.foreign_answer("it is not a JSON object")
        return document

    def _failure(
        self,
        answer: Answer,
        company: Company | None,
        *,
        write: bool = False,
        of_item: bool = False,
        of_list: bool = False,
    ) -> Failure:
        """Return what the answer means for the upload; ``company`` is the one in the request's address."""
        code, message = odata.error_of(answer.document)
        failure = odata.failure_of(answer.status, code, message, write=write, of_item=of_item, of_list=of_list)
        if company and failure.reason is Reason.COMPANY_NOT_FOUND:
            self._companies.mark_missing(company)
        return failure


def _company(entity: Mapping[str, Any]) -> Company:
    return Company(odata.entity_id(entity), str(entity.get("name", "")), str(entity.get("displayName", "")))


_PAGES_ADVICE = "Raise the page size of the server's OData services, or check BC_BASE_URL."
