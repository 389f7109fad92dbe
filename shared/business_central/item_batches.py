"""Finds the items of many keys in few requests: by ``or``, and a company's whole list where there are hundreds."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
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

    def tells(self, key: ItemKey) -> bool:
        """Whether BC was asked for this key."""
        return key in self.items or key in self.unclear


def find(
    bc: BusinessCentral, company: Company, keys: Iterable[ItemKey], upload_id: str, may_ask: Callable[[], bool]
) -> FoundItems:
    """Return the items of ``keys`` in ``company``, as far as ``may_ask`` allows another request.

    Raises:
        Waiting: ``company_not_found``.
        Transient: BC gave no answer for the company, or not to us.
    """
    wanted = list(dict.fromkeys(keys))
    found = FoundItems()
    if len(wanted) > LIST_FROM and may_ask():
        listed = FoundItems()
        _sort_in(wanted, takewhile(lambda _: may_ask(), bc.all_items(company, upload_id)), listed)
        return listed if may_ask() else found  # a part of the list does not tell what is missing
    by_kind: dict[KeyKind, list[ItemKey]] = defaultdict(list)
    for key in wanted:
        by_kind[key.kind].append(key)
    for of_one_kind in by_kind.values():
        for batch in _batches(of_one_kind):
            _find_batch(lambda part: bc.items(company, part, upload_id), batch, found, may_ask)
    return found


def _find_batch(
    ask: Callable[[Sequence[ItemKey]], list[FoundItem] | None],
    batch: Sequence[ItemKey],
    found: FoundItems,
    may_ask: Callable[[], bool],
) -> None:
    """Ask for one batch; one that BC refuses is halved, until the odd key stands alone."""
    if not may_ask():
        return
    answer = ask(batch)
    if answer is not None:
        if _sort_in(batch, answer, found):  # BC's comparison is wider than ours: let it compare one by one
            found.unclear |= {key for key in batch if not found.items[key]}
    elif len(batch) == 1:
        found.unclear.add(batch[0])
    else:
        middle = len(batch) // 2
        _find_batch(ask, batch[:middle], found, may_ask)
        _find_batch(ask, batch[middle:], found, may_ask)


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
