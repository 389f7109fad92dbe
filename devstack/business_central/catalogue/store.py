"""Reads and writes the companies, items and pictures of one environment. Knows no HTTP; safe between threads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import RLock
from typing import Any
from uuid import UUID, uuid4

from devstack.business_central import errors
from devstack.business_central.catalogue.media import Medium, read_medium
from devstack.business_central.catalogue.models import Company, Item, PictureWrite, as_code


class Catalogue:
    """Stores everything in one environment; it starts with ``seed`` (the shape of catalogue.json).

    ``now`` is the server's clock. Every write draws a new ``revision``; none is ever reused, not even after a reset or
    by a later run, so browsers may cache by it.
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
            self._absent: set[UUID] = set()
            self._writes: dict[UUID, list[PictureWrite]] = {}
            for company in self._seed["companies"]:
                company_id = UUID(company["id"])
                self.put_company(company["name"], company["displayName"], company_id)
                for item in company["items"]:
                    self.put_item(company_id, item["number"], item["displayName"], item["gtin"], UUID(item["id"]))

    def companies(self) -> list[Company]:
        """Return all companies, oldest first."""
        with self._lock:
            return [company for company in self._companies.values() if company.id not in self._absent]

    def company(self, company_id: UUID) -> Company:
        """Return one company, or raise Internal_CompanyNotFound."""
        with self._lock:
            if company_id not in self._companies or company_id in self._absent:
                raise errors.company_not_found(company_id)
            return self._companies[company_id]

    def items(self, company_id: UUID) -> list[Item]:
        """Return all items of a company, oldest first."""
        with self._lock:
            self.company(company_id)
            return list(self._items[company_id].values())

    def item(self, company_id: UUID, item_id: UUID) -> Item:
        """Return one item of a company, or raise BadRequest_ResourceNotFound."""
        item = self._find(company_id, item_id)
        if item is None:
            raise errors.item_not_found(item_id)
        return item

    def find_item(self, item_id: UUID) -> Item | None:
        """Return the item with this id in any company."""
        with self._lock:
            return next((items[item_id] for items in self._items.values() if item_id in items), None)

    def snapshot(self) -> tuple[int, list[tuple[Company, list[Item]]]]:
        """Return the revision, and everything as of that revision."""
        with self._lock:
            return self.revision, [(company, self.items(company.id)) for company in self.companies()]

    def upload_picture(
        self, company_id: UUID, item_id: UUID, content: bytes, if_match: str | None, client_request_id: str | None
    ) -> Medium | None:
        """Make ``content`` the item's only picture; the item counts as changed even if the bytes are the same.

        An unknown item is ignored silently, as BC's own code does.
        """
        with self._lock:
            item = self._find(company_id, item_id)
            if if_match is None:
                raise errors.concurrency_token_missing()
            if item is None:
                return None
            _check_etag(item, if_match)
            (medium,) = self._put_pictures(company_id, item, [content], client_request_id).media
            return medium

    def delete_picture(self, company_id: UUID, item_id: UUID, if_match: str | None) -> None:
        """Leave the item without a picture."""
        with self._lock:
            item = self.item(company_id, item_id)
            _check_etag(item, if_match or "*")
            self._change(company_id, item, media=(), picture_changed=self._tick())

    def set_pictures(self, item_id: UUID, contents: Sequence[bytes]) -> Item:
        """Give the item these pictures, as people do in BC's client."""
        with self._lock:
            for company_id, items in self._items.items():
                if item_id in items:
                    return self._put_pictures(company_id, items[item_id], contents)
            raise errors.item_not_found(item_id)

    def writes(self, item_id: UUID) -> list[PictureWrite]:
        """Return every medium that was ever stored for the item, oldest first."""
        with self._lock:
            return list(self._writes.get(item_id, ()))

    def has_company(self, company_id: UUID) -> bool:
        """Return whether the company is here, even if it is absent for a while."""
        return company_id in self._companies

    def set_absent(self, company_id: UUID, *, absent: bool) -> None:
        """Deny that the company exists, or know it again; its items stay as they are."""
        with self._lock:
            if company_id not in self._companies:
                raise errors.company_not_found(company_id)
            (self._absent.add if absent else self._absent.discard)(company_id)
            self.revision += 1

    def put_company(self, name: str, display_name: str, company_id: UUID | None = None) -> Company:
        """Add a company, or rename the one with this id."""
        with self._lock:
            company = Company(company_id or uuid4(), name, display_name)
            self._companies[company.id] = company
            self._items.setdefault(company.id, {})
            self.revision += 1
            return company

    def put_item(
        self, company_id: UUID, number: str, display_name: str, gtin: str = "", item_id: UUID | None = None
    ) -> Item:
        """Add an item, or change the one with this id, or with this number if no id is given."""
        with self._lock:
            number, gtin = as_code(number), as_code(gtin)
            matches = (
                item for item in self.items(company_id) if item.id == item_id or (not item_id and item.number == number)
            )
            item = next(matches, None) or Item(item_id or uuid4(), number, display_name, gtin, self._now(), 0)
            return self._change(company_id, item, number=number, display_name=display_name, gtin=gtin)

    def delete_item(self, item_id: UUID) -> None:
        """Remove the item from whichever company has it."""
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

    def _put_pictures(
        self, company_id: UUID, item: Item, contents: Sequence[bytes], client_request_id: str | None = None
    ) -> Item:
        description = f"{item.number} {item.display_name}.jpg"
        media = tuple(filter(None, (read_medium(content, description) for content in contents)))
        if len(media) < len(contents):
            raise errors.not_a_picture()
        stored = item.media_stored + len(media)
        changed = self._change(company_id, item, media=media, picture_changed=self._tick(), media_stored=stored)
        writes = (PictureWrite(changed.modified, client_request_id, medium.content) for medium in media)
        self._writes.setdefault(item.id, []).extend(writes)
        return changed

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
        # BC's timestamps have milliseconds; two writes within one must still differ.
        self._last_change = max(self._now(), self._last_change + timedelta(milliseconds=1))
        return self._last_change


def _check_etag(item: Item, if_match: str) -> None:
    if if_match not in ("*", item.picture_etag):
        raise errors.entity_changed()
