"""Companies, items and their pictures, as Business Central keeps them. Knows no HTTP; safe between threads."""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import RLock
from typing import Any
from uuid import UUID, uuid4

from devstack.business_central import errors
from devstack.business_central.media import Medium, read_medium


@dataclass(frozen=True)
class Company:
    """A company of the environment."""

    id: UUID
    name: str
    display_name: str


@dataclass(frozen=True)
class Item:
    """An item at one moment; a write puts another in its place.

    ``media`` are its pictures: people can add several in BC's client, an upload through the API leaves one.
    ``media_stored`` counts every medium that was ever stored for it: a replaced one was in BC's database too.
    """

    id: UUID
    number: str
    display_name: str
    gtin: str
    modified: datetime
    revision: int
    media: tuple[Medium, ...] = ()
    picture_changed: datetime | None = None
    media_stored: int = 0

    @property
    def medium(self) -> Medium | None:
        """What the API serves: the first of the item's pictures."""
        return self.media[0] if self.media else None

    @property
    def etag(self) -> str:
        """The ETag of the item itself."""
        return self._etag("item")

    @property
    def picture_etag(self) -> str:
        """The ETag that a write of the picture is checked against."""
        return self._etag("picture")

    def _etag(self, kind: str) -> str:
        digest = hashlib.sha256(f"{kind} {self.id} {self.revision}".encode()).digest()
        digits = int.from_bytes(digest[:8], "big")
        return 'W/"' + b64encode(f"'20;{digits:020d}1;00;'".encode()).decode() + '"'


def code(text: str) -> str:
    """Return ``text`` as a Code field holds it: in upper case, character by character ("ß" stays)."""
    return "".join(c.upper() if len(c.upper()) == 1 else c for c in text)


class Catalogue:
    """All that the simulated environment knows, from ``seed`` (the shape of catalogue.json) on.

    ``now`` is the server's clock. Every write draws a new ``revision``; none is ever used again, not even after a reset
    or by a later run, so browsers may keep what they have.
    """

    def __init__(self, seed: Mapping[str, Any], now: Callable[[], datetime]) -> None:
        self._seed, self._now = seed, now
        self._lock = RLock()
        self.revision = int(now().timestamp() * 1000)
        self.reset()

    def reset(self) -> None:
        """Go back to the seed: its companies and items, no pictures."""
        with self._lock:
            self._last_change = datetime.min.replace(tzinfo=UTC)  # tests may have moved the clock back
            self._companies: dict[UUID, Company] = {}
            self._items: dict[UUID, dict[UUID, Item]] = {}
            for company in self._seed["companies"]:
                company_id = UUID(company["id"])
                self.put_company(company["name"], company["displayName"], company_id)
                for item in company["items"]:
                    self.put_item(company_id, item["number"], item["displayName"], item["gtin"], UUID(item["id"]))

    def companies(self) -> list[Company]:
        """All companies, in the order in which they were added."""
        with self._lock:
            return list(self._companies.values())

    def company(self, company_id: UUID) -> Company:
        """Return one company, or raise Internal_CompanyNotFound."""
        with self._lock:
            if company_id not in self._companies:
                raise errors.company_not_found(company_id)
            return self._companies[company_id]

    def items(self, company_id: UUID) -> list[Item]:
        """All items of a company, in the order in which they were added."""
        with self._lock:
            self.company(company_id)
            return list(self._items[company_id].values())

    def item(self, company_id: UUID, item_id: UUID) -> Item:
        """Return one item of a company, or raise BadRequest_ResourceNotFound."""
        item = self._find(company_id, item_id)
        if item is None:
            raise errors.item_not_found(item_id)
        return item

    def snapshot(self) -> tuple[int, list[tuple[Company, list[Item]]]]:
        """Return the revision and everything as it stood at that revision."""
        with self._lock:
            return self.revision, [(company, self.items(company.id)) for company in self.companies()]

    def restore(self, content: list[tuple[Company, list[Item]]]) -> None:
        """Put what an earlier ``snapshot`` held in the place of everything."""
        with self._lock:
            self._companies = {company.id: company for company, _ in content}
            self._items = {company.id: {item.id: item for item in items} for company, items in content}
            revisions = (item.revision for _, items in content for item in items)
            self.revision = max([self.revision, *revisions]) + 1

    def upload_picture(self, company_id: UUID, item_id: UUID, content: bytes, if_match: str | None) -> Medium | None:
        """Make ``content`` the item's only picture; the item counts as changed even when the bytes are the same.

        An unknown item is passed over in silence, as BC's own code does.
        """
        with self._lock:
            item = self._find(company_id, item_id)
            if if_match is None:
                raise errors.concurrency_token_missing()
            if item is None:
                return None
            _check_etag(item, if_match)
            (medium,) = self._put_pictures(company_id, item, [content]).media
            return medium

    def set_pictures(self, item_id: UUID, contents: Sequence[bytes]) -> Item:
        """Give the item these pictures, as people do in BC's client."""
        with self._lock:
            for company_id, items in self._items.items():
                if item_id in items:
                    return self._put_pictures(company_id, items[item_id], contents)
            raise errors.item_not_found(item_id)

    def delete_picture(self, company_id: UUID, item_id: UUID, if_match: str | None) -> None:
        """Leave the item without a picture."""
        with self._lock:
            item = self.item(company_id, item_id)
            _check_etag(item, if_match or "*")
            self._change(company_id, item, media=(), picture_changed=self._tick())

    def put_company(self, name: str, display_name: str, company_id: UUID | None = None) -> Company:
        """Add a company, or rename the one that has this id."""
        with self._lock:
            company = Company(company_id or uuid4(), name, display_name)
            self._companies[company.id] = company
            self._items.setdefault(company.id, {})
            self.revision += 1
            return company

    def put_item(
        self, company_id: UUID, number: str, display_name: str, gtin: str = "", item_id: UUID | None = None
    ) -> Item:
        """Add an item, or change the one that has this id, or this number where no id is given."""
        with self._lock:
            number, gtin = code(number), code(gtin)
            same = (
                item for item in self.items(company_id) if item.id == item_id or (not item_id and item.number == number)
            )
            item = next(same, None) or Item(item_id or uuid4(), number, display_name, gtin, self._now(), 0)
            return self._change(company_id, item, number=number, display_name=display_name, gtin=gtin)

    def find_item(self, item_id: UUID) -> Item | None:
        """Return the item with this id, in whichever company it is."""
        with self._lock:
            return next((items[item_id] for items in self._items.values() if item_id in items), None)

    def delete_item(self, item_id: UUID) -> None:
        """Remove the item, in whichever company it is."""
        with self._lock:
            for items in self._items.values():
                items.pop(item_id, None)
            self.revision += 1

    def delete_company(self, company_id: UUID) -> None:
        """Remove the company with its items."""
        with self._lock:
            self.company(company_id)
            del self._companies[company_id], self._items[company_id]
            self.revision += 1

    def _put_pictures(self, company_id: UUID, item: Item, contents: Sequence[bytes]) -> Item:
        description = f"{item.number} {item.display_name}.jpg"
        media = tuple(filter(None, (read_medium(content, description) for content in contents)))
        if len(media) < len(contents):
            raise errors.not_a_picture()
        stored = item.media_stored + len(media)
        return self._change(company_id, item, media=media, picture_changed=self._tick(), media_stored=stored)

    def _find(self, company_id: UUID, item_id: UUID) -> Item | None:
        with self._lock:
            self.company(company_id)
            return self._items[company_id].get(item_id)

    def _change(self, company_id: UUID, item: Item, **changes: Any) -> Item:  # noqa: ANN401 - dataclasses.replace takes any field
        self.revision += 1
        changed = replace(item, modified=self._tick(), revision=self.revision, **changes)
        self._items[company_id][item.id] = changed
        return changed

    def _tick(self) -> datetime:
        # BC's timestamps have milliseconds; two writes within one must still be told apart.
        self._last_change = max(self._now(), self._last_change + timedelta(milliseconds=1))
        return self._last_change


def _check_etag(item: Item, if_match: str) -> None:
    if if_match not in ("*", item.picture_etag):
        raise errors.entity_changed()
