"""Reads in how many ways a file's name may name an item; Business Central decides which of them does. Pure."""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from urllib.parse import unquote

from operate.backfill import gtins, marks, views
from operate.backfill.views import View
from shared.paths import NUMBER_MAX, KeyKind, as_code, guid_of

_DEEPEST = 5  # cuts; nobody adds more than a view, a size and a copy's number or two
_VARIANTS_MAX = 24  # of one name


@dataclass(frozen=True, slots=True)
class Reading:
    """One thing that a name may mean.

    ``depth`` counts what was cut off the name. An exact reading takes the rest letter by letter; another one puts
    characters back that a file's name cannot hold, or that tools replace.
    """

    kind: KeyKind
    value: str
    view: View
    depth: int
    is_exact: bool


@dataclass(frozen=True, slots=True)
class _Form:
    """What is left of a name after ``depth`` cuts."""

    text: str
    view: View
    depth: int
    has_word: bool = False
    has_number: bool = False


def readings(path: PurePosixPath) -> list[Reading]:
    """Return what the name of ``path``, relative to the folder of photographs, may mean; the nearest first."""
    found: dict[tuple[KeyKind, str], Reading] = {}
    forms = [*_of_folder(path), *_forms(_stem(path.name))]
    for form in forms:
        for kind, value in _keys(form.text):
            found.setdefault((kind, value), Reading(kind, value, form.view, form.depth, is_exact=True))
    # What most was cut from is most likely a number.
    variants = ((form, variant) for form in reversed(forms) for variant in _variants(form.text))
    for form, variant in _first(variants, _VARIANTS_MAX):
        found.setdefault(
            (KeyKind.NUMBER, variant), Reading(KeyKind.NUMBER, variant, form.view, form.depth, is_exact=False)
        )
    return list(found.values())


def nearest(path: PurePosixPath) -> list[Reading]:
    """Return those readings that take the name as it stands: where BC knows one, no other counts."""
    forms = [form for form in _of_folder(path) if not form.depth] + [_Form(_stem(path.name), View(), 0)]
    return [Reading(kind, value, form.view, 0, is_exact=True) for form in forms for kind, value in _keys(form.text)]


def given(kind: KeyKind, text: str) -> list[Reading]:
    """Return the readings of what somebody wrote into a map's column: nothing is cut, nothing replaced."""
    values = [value for found, value in _keys(_composed(text)) if found is kind]
    return [Reading(kind, value, View(), 0, is_exact=True) for value in values]


def _stem(name: str) -> str:
    return _composed(PurePosixPath(name).stem)


def _composed(text: str) -> str:
    """Return ``text`` with its letters composed as BC has them: macOS takes them apart."""
    return unicodedata.normalize("NFC", text).strip()


def _of_folder(path: PurePosixPath) -> Iterator[_Form]:
    """Yield the folder's name, if the file's own name is only a view."""
    for form in _forms(_stem(path.name)):
        if path.parent.name and (ending := views.whole(form.text)):
            yield _Form(_composed(path.parent.name), _with_ending(form.view, ending), form.depth)
            return


def _forms(stem: str) -> list[_Form]:
    """Return ``stem``, and what is left of it by cutting marks and views off, the least cut first."""
    forms = [_Form(stem, View(), 0)]
    seen = {stem}
    for form in forms:  # grows meanwhile
        if form.depth == _DEEPEST:
            break
        for cut in _cuts(form):
            if cut.text and cut.text not in seen:
                seen.add(cut.text)
                forms.append(cut)
    return forms


def _cuts(form: _Form) -> Iterator[_Form]:
    depth = form.depth + 1
    if mark := marks.strip(form.text):
        view = replace(form.view, copy=form.view.copy + mark.copy)
        if mark.size is not None:
            view = replace(view, is_sized=True, minus_size=-mark.size)
        yield replace(form, text=mark.text.strip(" _-"), view=view, depth=depth)
    ending = views.ending(form.text)
    # A side and a number, in either order, but not two of one sort: 1000-1-2 is picture 2 of 1000-1.
    if ending and not (form.has_word and ending.word is not None) and not (form.has_number and ending.word is None):
        view = _with_ending(form.view, ending)
        has_word, has_number = form.has_word or ending.word is not None, form.has_number or ending.word is None
        yield _Form(ending.stem.strip(" _-"), view, depth, has_word, has_number)


def _with_ending(view: View, ending: views.Ending) -> View:
    name = " ".join(part for part in (ending.name, view.name) if part)
    word = view.word if ending.word is None else ending.word
    number = view.number if ending.number is None else ending.number
    return replace(view, word=word, number=number, name=name)


def _keys(text: str) -> Iterator[tuple[KeyKind, str]]:
    """Yield what ``text`` is in BC: a number, an id, a GTIN; often more than one."""
    if guid := guid_of(text):
        yield KeyKind.ID, guid
    if number := _number(text):
        yield KeyKind.NUMBER, number
    for gtin in gtins.forms(text):
        yield KeyKind.GTIN, gtin


def _number(text: str) -> str | None:
    number = as_code(text)
    is_usable = 0 < len(number) <= NUMBER_MAX and not any(unicodedata.category(c) in ("Cc", "Cs") for c in number)
    return number if is_usable else None


def _variants(text: str) -> Iterator[str]:
    """Yield the numbers for which ``text`` may stand in a file's name, besides itself."""
    for variant in dict.fromkeys(_rewritten(text)):
        number = _number(variant)
        if number and number != as_code(text):
            yield number


def _rewritten(text: str) -> Iterator[str]:
    yield unquote(text)
    yield text.translate(_LOOKALIKES)
    for old in ("_", "-", " "):
        if old in text:
            yield from (text.replace(old, new) for new in _MEANT_BY[old])
            if text.count(old) > 1:  # 10_12_MM: only one of them was a slash
                places = [place for place, character in enumerate(text) if character == old]
                yield from (f"{text[:place]}/{text[place + 1 :]}" for place in places[:3])
    yield " ".join(text.split())
    upper = text.upper()
    for letters, umlaut in _UMLAUTS:
        upper = upper.replace(letters, umlaut)
    yield upper


def _first(things: Iterable[tuple[_Form, str]], most: int) -> Iterator[tuple[_Form, str]]:
    return (thing for thing, _ in zip(things, range(most), strict=False))


# What file systems forbid, people and tools write as "_" or "-", or as a letter that looks alike.
_MEANT_BY = {"_": '/- .*:"', "-": "/ _.", " ": "-_/"}
_LOOKALIKES = str.maketrans(
    {
        "\N{DIVISION SLASH}": "/",
        "\N{FRACTION SLASH}": "/",
        "\N{FULLWIDTH SOLIDUS}": "/",
        "\N{FULLWIDTH COLON}": ":",
        "\N{FULLWIDTH ASTERISK}": "*",
        "\N{FULLWIDTH QUOTATION MARK}": '"',
        "\N{FULLWIDTH QUESTION MARK}": "?",
        "\N{EN DASH}": "-",
        "\N{NON-BREAKING HYPHEN}": "-",
    }
)
_UMLAUTS = (("AE", "Ä"), ("OE", "Ö"), ("UE", "Ü"))
