"""Knows the endings by which names tell several pictures of one item apart, and which of them goes first. Pure."""

import re
import unicodedata
from dataclasses import dataclass

_FRONT, _PLAIN = 0, 1
# Word by word in the languages in which shops name their files; the groups are in the order in which they win.
_WORDS = (
    (
        "front frontal frontale fronte face main hero primary cover title haupt hauptbild titel titelbild vorne vorn "
        "vorderseite vorderansicht avant principal principale frente frontaal voor voorkant"
    ),
    "",  # a picture that says nothing comes second
    "angle angled perspective perspektive schräg schraeg iso threequarter",
    "side left right profile seite seitlich seitenansicht links rechts gauche droite côté cote lado lato zijkant",
    "back rear hinten rückseite rueckseite rückansicht rueckansicht arrière arriere dos trasera retro achterkant",
    "top bottom oben unten draufsicht unterseite dessus dessous above below",
    "detail details closeup close-up macro makro zoom nahaufnahme",
    "lifestyle scene ambiente ambience milieu room insitu in-situ inuse in-use anwendung",
    "packaging package pack box boxed verpackung karton label etikett",
    "drawing dimensions sketch zeichnung masse maße technical swatch",
)
_RANKS = {word: rank for rank, words in enumerate(_WORDS) for word in words.split()}
_LETTERS = {"f": "front", "b": "back", "l": "left", "r": "right", "s": "side", "t": "top"}
# GS1 Product Image Specification: type, facing, angle, state of the package; then sequence, language and the like.
_GS1 = re.compile(r"(?P<stem>.+)_(?P<type>[A-E])(?P<facing>\d)[CLRN](?P<state>[0-9A-Z])(?:_.{1,20})?", re.IGNORECASE)
_FACINGS = {"1": "front", "2": "left", "3": "top", "7": "back", "8": "right", "9": "bottom"}
_WORD = re.compile(r"(?P<stem>.+?)[ _.-]+(?P<word>close-up|in-situ|in-use|[^\W\d_]+)", re.IGNORECASE)
_LETTER = re.compile(r"(?P<stem>.+)_(?P<letter>[A-Za-z])")
# Two digits, or three with a zero in front: 1000-250 is more likely a number.
_NUMBER = re.compile(r"(?P<stem>.+?)(?:[_-]| - | )(?P<number>\d{1,2}|0\d\d)")
_ONLY_NUMBER = re.compile(r"\d{1,2}|0\d\d")


@dataclass(frozen=True, slots=True, order=True)
class View:
    """Which side of the item a picture shows, and which take it is; the smallest of an item's pictures wins.

    ``word`` ranks the side, ``number`` counts its pictures, ``copy`` the copies of one file; ``is_sized`` is a picture
    that was made smaller or larger from another one, to ``minus_size``.
    """

    word: int = _PLAIN
    number: int = 0
    copy: int = 0
    is_sized: bool = False
    minus_size: int = 0
    name: str = ""

    @property
    def rank(self) -> tuple[int, int, int, bool, int]:
        """What decides between two pictures of one item."""
        return self.word, self.number, self.copy, self.is_sized, self.minus_size


PLAIN = View()


@dataclass(frozen=True, slots=True)
class Ending:
    """An ending that names a view, and what is left of the name without it."""

    stem: str
    name: str
    word: int | None = None
    number: int | None = None


def ending(text: str) -> Ending | None:
    """Return the ending of ``text`` that names a view, if it has one."""
    if match := _GS1.fullmatch(text):
        return _gs1(match)
    if (match := _WORD.fullmatch(text)) and (rank := _rank(match["word"])) is not None:
        return Ending(match["stem"], match["word"].lower(), word=rank)
    if (match := _LETTER.fullmatch(text)) and (word := _LETTERS.get(match["letter"].lower())):
        return Ending(match["stem"], word, word=_RANKS[word])
    if match := _NUMBER.fullmatch(text):
        return Ending(match["stem"], match["number"], number=int(match["number"]) + 1)
    return None


def whole(text: str) -> Ending | None:
    """Return the view that ``text`` as a whole names: the file of a folder that is named after its item."""
    if (rank := _rank(text)) is not None:
        return Ending("", text.lower(), word=rank)
    if _ONLY_NUMBER.fullmatch(text):
        return Ending("", text, number=int(text) + 1)
    return None


def _rank(word: str) -> int | None:
    return _RANKS.get(unicodedata.normalize("NFC", word).lower())


def _gs1(match: re.Match[str]) -> Ending:
    side = _FACINGS.get(match["facing"])
    # Among pictures of the same side: by type, and in its package before out of it.
    take = (ord(match["type"].upper()) - ord("A")) * 2 + (match["state"] != "1")
    return Ending(match["stem"], side or "GS1", word=_RANKS[side] if side else _PLAIN, number=take)
