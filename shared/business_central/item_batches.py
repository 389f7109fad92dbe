"""Finds the items of many keys in few requests: by ``or``, and a company's whole list where there are hundreds."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from urllib.parse import quote

from shared.business_central.client import BusinessCentral
from shared.business_central.companies import Company
from shared.business_central.items import FoundItem, Item, plain
from shared.errors import Reason, Throttled, Transient
from shared.paths import ItemKey, KeyKind, as_code

BATCH = 40  # keys in one request
LIST_FROM = 400  # keys from which on we read the company's list: 20,000 items come in one page
REQUESTS_MAX = 100  # of a sweep, for one company, beside its list
_AFTER_LIST_MAX = 10  # requests of a sweep about what the list alone does not tell
_PART = 7  # keys: a batch that fails is asked for in such parts, and the keys of one that fails one by one
_ADDRESS_MAX = 3000  # characters of the keys in one address, percent-encoded; gateways limit addresses
_NOT_ABOUT_KEYS = (Reason.IDENTITY, Reason.BC_UNAUTHORIZED)

MayAsk = Callable[[], bool]


@dataclass
class FoundItems:
    """Holds the items of each key. A key is ``unclear`` where only a request of its own can tell.

    A key is ``unasked`` where the company's list has no such item and BC, which compares more widely than we do, was
    not asked. ``failure`` is why BC was not asked for some keys, or did not answer.
    """

    items: dict[ItemKey, list[Item]] = field(default_factory=dict)
    unclear: set[ItemKey] = field(default_factory=set)
    unasked: set[ItemKey] = field(default_factory=set)
    failure: Transient | None = None

    def tells(self, key: ItemKey) -> bool:
        """Whether BC was asked for this key, or for its company's list."""
        return key in self.items or key in self.unclear


def find(
    bc: BusinessCentral,
    company: Company,
    keys: Iterable[ItemKey],
    upload_id: str,
    may_ask: MayAsk,
    may_list: MayAsk,
) -> FoundItems:
    """Return the items of ``keys`` in ``company``, as far as ``may_ask`` and a sweep's share of requests allow.

    ``may_list`` says how long the company's list may take. Where BC is asked for a part of the keys only, these are the
    first ones.

    Raises:
        Waiting: ``company_not_found``.
        Transient: BC gave no answer for the company, or not to us.
    """
    return _Search(bc, company, upload_id, may_ask, may_list).run(keys, REQUESTS_MAX, _AFTER_LIST_MAX)


def find_all(bc: BusinessCentral, company: Company, keys: Iterable[ItemKey], request_id: str) -> FoundItems:
    """Return the items of all ``keys`` in ``company``, however many requests that takes; each is told or ``unclear``.

    Raises:
        Waiting: ``company_not_found``.
        Transient: BC gave no answer for the company, or not to us.
    """
    return _Search(bc, company, request_id, _always, _always).run(keys, inf, inf)


def _always() -> bool:
    return True


class _Search:
    """Searches one company once."""

    def __init__(
        self, bc: BusinessCentral, company: Company, upload_id: str, may_ask: MayAsk, may_list: MayAsk
    ) -> None:
        self._bc, self._company, self._id = bc, company, upload_id
        self._may_ask, self._may_list = may_ask, may_list
        self._found = FoundItems()

    def run(self, keys: Iterable[ItemKey], requests_max: float, after_list_max: float) -> FoundItems:
        wanted = list(dict.fromkeys(keys))
        doubtful = self._by_list(wanted) if len(wanted) > LIST_FROM and self._may_list() else None
        if doubtful is None:
            self._by_or(wanted, requests_max)
        else:
            self._found.unasked.update(doubtful)
            self._by_or(doubtful, after_list_max)
        return self._found

    def _by_list(self, wanted: Sequence[ItemKey]) -> list[ItemKey] | None:
        """Look for the keys in the company's list; return those that BC may find all the same, None without a list.

        Beyond ASCII, BC's database may take for equal what we do not.
        """
        listed = FoundItems()
        sorting, beyond_ascii = _Sorting(wanted, listed), set[str]()
        try:
            for each in self._bc.all_items(self._company, self._id):
                if not self._may_list():
                    return None  # a part of the list does not tell what is missing
                sorting.put(each)
                beyond_ascii.update(plain(code) for code in (each.item.number, each.gtin) if not code.isascii())
        except Transient as failure:
            self._check_company(failure)
            self._found.failure = failure
            return None
        self._found.items = listed.items
        missing = (key for key in wanted if not listed.items[key])
        return [key for key in missing if not key.value.isascii() or plain(key.value) in beyond_ascii]

    def _by_or(self, keys: Sequence[ItemKey], requests_max: float) -> None:
        """Ask for many keys at once; a batch that fails is split, until its odd keys stand alone."""
        by_kind: dict[KeyKind, list[ItemKey]] = defaultdict(list)
        for key in keys:
            by_kind[key.kind].append(key)
        waiting = deque(batch for of_one_kind in by_kind.values() for batch in _batches(of_one_kind))
        requests = 0
        while waiting and requests < requests_max and self._may_ask():
            batch = waiting.popleft()
            requests += 1
            try:
                answer = self._bc.items(self._company, batch, self._id)
            except Transient as failure:
                self._found.failure, answer = failure, None
            if answer is not None:
                self._take(answer, batch)
                continue
            self._check_company(self._found.failure)
            requests += 1
            if len(batch) <= _PART:
                self._found.unclear.update(batch)
                self._found.unasked.difference_update(batch)
            else:
                waiting.extend(batch[start : start + _PART] for start in range(0, len(batch), _PART))
        if requests >= requests_max and not self._found.failure:
            self._found.failure = Transient(Reason.BC_REFUSED, _TOO_MANY.format(requests))

    def _take(self, answer: Sequence[FoundItem], batch: Sequence[ItemKey]) -> None:
        self._found.unasked.difference_update(batch)
        sorting = _Sorting(batch, self._found)
        strangers = [each for each in answer if not sorting.put(each)]
        self._found.unclear |= _meant_by(strangers, [key for key in batch if not self._found.items[key]])

    def _check_company(self, failure: Transient | None) -> None:
        """Raise if BC tells nothing of the company, whatever it is asked, or nothing to us."""
        if failure and (isinstance(failure, Throttled) or failure.reason in _NOT_ABOUT_KEYS):
            raise failure
        self._bc.check_items(self._company, self._id)


_TOO_MANY = "{} requests were not enough to look up all items. The next sweep begins with others."


class _Sorting:
    """Puts items to the keys that name them."""

    def __init__(self, keys: Iterable[ItemKey], found: FoundItems) -> None:
        self._items = found.items
        self._by_value: dict[tuple[KeyKind, str], list[ItemKey]] = defaultdict(list)
        for key in keys:  # paths may spell the company in several ways
            self._items[key] = []
            self._by_value[key.kind, key.value].append(key)

    def put(self, each: FoundItem) -> bool:
        """Put an item to its keys; returns False if it belongs to none."""
        values = {KeyKind.ID: each.item.id, KeyKind.NUMBER: as_code(each.item.number), KeyKind.GTIN: each.gtin}
        matches = [key for pair in values.items() for key in self._by_value.get(pair, ())]
        for key in matches:
            self._items[key].append(each.item)
        return bool(matches)


def _meant_by(strangers: Iterable[FoundItem], missing: Sequence[ItemKey]) -> set[ItemKey]:
    """Return the keys that may name ``strangers``: BC compares more widely than we do, so let it compare each alone."""
    by_form: dict[str, list[ItemKey]] = defaultdict(list)
    for key in missing:
        by_form[plain(key.value)].append(key)
    meant: set[ItemKey] = set()
    for each in strangers:
        matches = {*by_form.get(plain(each.item.number), ()), *by_form.get(plain(each.gtin), ())}
        if not matches:
            return set(missing)
        meant |= matches
    return meant


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
