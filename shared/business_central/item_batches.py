"""Finds the items of many keys in few requests: by ``or``, and a company's whole list where there are hundreds."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from shared.business_central.client import BusinessCentral, FoundItem, Item
from shared.business_central.companies import Company
from shared.paths import ItemKey, KeyKind, as_code

BATCH = 40  # keys in one request
LIST_FROM = 400  # keys from which on we read the company's list: 20,000 items come in one page
_ADDRESS_MAX = 3000  # characters of the keys in one address, percent-encoded; gateways limit addresses


@dataclass
class FoundItems:
    """Holds the items of each key. A key is ``unclear`` where only a request of its own can tell."""

    items: dict[ItemKey, list[Item]] = field(default_factory=dict)
    unclear: set[ItemKey] = field(default_factory=set)


def find(bc: BusinessCentral, company: Company, keys: Iterable[ItemKey], upload_id: str) -> FoundItems:
    """Return the items of ``keys`` in ``company``.

    Raises:
        Waiting: ``company_not_found``.
        Transient: BC gave no answer for the company, or not to us.
    """
    wanted = list(dict.fromkeys(keys))
    found = FoundItems()
    if len(wanted) > LIST_FROM:
        _sort_in(wanted, bc.all_items(company, upload_id), found)
        return found
    by_kind: dict[KeyKind, list[ItemKey]] = defaultdict(list)
    for key in wanted:
        by_kind[key.kind].append(key)
    for of_one_kind in by_kind.values():
        for batch in _batches(of_one_kind):
            _find_batch(bc, company, batch, upload_id, found)
    return found


def _find_batch(
    bc: BusinessCentral, company: Company, batch: Sequence[ItemKey], upload_id: str, found: FoundItems
) -> None:
    """Ask for one batch; one that BC refuses is halved, until the odd key stands alone."""
    answer = bc.items(company, batch, upload_id)
    if answer is not None:
        if _sort_in(batch, answer, found):  # BC's comparison is wider than ours: let it compare one by one
            found.unclear |= {key for key in batch if not found.items[key]}
    elif len(batch) == 1:
        found.unclear.add(batch[0])
    else:
        middle = len(batch) // 2
        _find_batch(bc, company, batch[:middle], upload_id, found)
        _find_batch(bc, company, batch[middle:], upload_id, found)


def _sort_in(keys: Sequence[ItemKey], answer: Iterable[FoundItem], found: FoundItems) -> bool:
    """Put the items to their keys; returns whether some belong to none."""
    by_value: dict[tuple[KeyKind, str], list[ItemKey]] = defaultdict(list)
    for key in keys:  # paths may spell the company in several ways
        found.items[key] = []
        by_value[key.kind, key.value].append(key)
    has_strangers = False
    for each in answer:
        values = {KeyKind.ID: each.item.id, KeyKind.NUMBER: as_code(each.item.number), KeyKind.GTIN: each.gtin}
        matches = [key for pair in values.items() for key in by_value.get(pair, ())]
        for key in matches:
            found.items[key].append(each.item)
        has_strangers |= not matches
    return has_strangers


def _batches(keys: Sequence[ItemKey]) -> Iterable[list[ItemKey]]:
    batch: list[ItemKey] = []
    length = 0
    for key in keys:
        size = len(quote(key.value, errors="replace"))
        if batch and (len(batch) == BATCH or length + size > _ADDRESS_MAX):
            yield batch
            batch, length = [], 0
        batch.append(key)
        length += size
    if batch:
        yield batch
