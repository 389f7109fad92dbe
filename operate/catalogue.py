"""Asks Business Central for many items in few requests."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from uuid import uuid4

from shared.business_central import item_batches
from shared.business_central.client import BusinessCentral
from shared.business_central.companies import Company
from shared.business_central.items import FoundItem, Item
from shared.errors import Permanent, Waiting
from shared.paths import ItemKey

BATCH = item_batches.BATCH


@dataclass(frozen=True)
class Catalogue:
    """The items of one company; all requests of a command carry one id, which BC's telemetry shows."""

    business_central: BusinessCentral
    company: Company
    operation_id: str

    def find(self, keys: Iterable[ItemKey]) -> Mapping[ItemKey, list[Item]]:
        """Return the items that each key names: none, one, or several for a GTIN that they share.

        Raises:
            Failure: BC gave no answer.
        """
        found = item_batches.find_all(self.business_central, self.company, keys, self.operation_id)
        return {**found.items, **{key: self._one_by_one(key) for key in found.unclear}}

    def describe(self, ids: Iterable[str]) -> Iterator[FoundItem]:
        """Yield the items with these ids, with names and whether they have a picture; what BC removed is left out."""
        for batch in batches(ids, BATCH):
            yield from self.business_central.described(self.company, batch, self.operation_id)

    def all(self) -> Iterator[FoundItem]:
        """Yield every item, without its name."""
        return self.business_central.all_items(self.company, self.operation_id)

    def picture(self, item: Item) -> bytes:
        """Return the bytes that BC shows for an item; none if it has no picture."""
        return self.business_central.picture(item, self.operation_id)

    def _one_by_one(self, key: ItemKey) -> list[Item]:
        """Ask for one key alone, where the answer for many did not tell."""
        try:
            return [self.business_central.item(self.company, key, self.operation_id)]
        except Waiting:
            return []
        except Permanent:  # several items have this GTIN
            found = self.business_central.items(self.company, [key], self.operation_id)
            return [each.item for each in found or ()]


def open_company(business_central: BusinessCentral, name: str) -> Catalogue:
    """Return the catalogue of the company with this id, name or display name.

    Raises:
        Failure: there is none, or BC gave no answer.
    """
    operation_id = str(uuid4())
    return Catalogue(business_central, business_central.company(name, operation_id), operation_id)


def batches(things: Iterable[str], size: int) -> Iterator[Sequence[str]]:
    """Yield ``things`` by so many at a time."""
    iterator = iter(things)
    while batch := list(islice(iterator, size)):
        yield batch
