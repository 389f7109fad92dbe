"""Shows the demo's results: a table, or a list where the terminal is narrow, and a verdict."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from devstack.drawing.samples import Sample
from devstack.photo_folder import describe
from devstack.terminal import visible
from devstack.upload_lines import STYLES

_HEADS = ("upload", "outcome", "item", "picture", "bytes", "ms")
_GAP = 2
_NARROWEST = 20  # characters for the names of uploads; with fewer, a list is easier to read


@dataclass
class SampleResult:
    """One sample and the event that ended its upload."""

    sample: Sample
    event: dict[str, Any] = field(default_factory=dict)

    @property
    def as_expected(self) -> bool:
        """Whether outcome and reason are the sample's expected ones; two equal photographs may meet on one item."""
        if self.sample.is_photograph and self.event.get("outcome") == "unchanged":
            return True
        return (self.event.get("outcome"), self.event.get("reason")) == (self.sample.outcome, self.sample.reason)


def show(console: Console, results: Sequence[SampleResult]) -> None:
    """Print the results as a table if its words fit beside each other, else as a list."""
    rows = [(_outcome(result, "\n"), *map(Text, _facts(result.event))) for result in results]
    heads = [Text(head) for head in _HEADS[1:]]
    widths = [max(_width(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    room = console.width - sum(widths) - _GAP * len(widths)
    if room < _NARROWEST:
        for result in results:
            _show_entry(console, result)
        return
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    for head in _HEADS:
        table.add_column(head, no_wrap=True, justify="right" if head in ("bytes", "ms") else "left")
    for result, row in zip(results, rows, strict=True):
        table.add_row(_names(result, room), *row)
    console.print(table)


def conclude(console: Console, results: Sequence[SampleResult], left_out: dict[str, list[str]]) -> bool:
    """Print what went otherwise, and a last line that says whether all is well; return the same."""
    if left_out:
        console.print(f"Left out: {visible(describe(left_out))}.", markup=False, soft_wrap=True)
    surprises = [result for result in results if not result.as_expected]
    for result in surprises:
        expected, actual = _ending(result.sample.outcome, result.sample.reason), _ending(**_words(result.event))
        detail = result.event.get("detail") or result.event.get("error")
        sentence = f"{visible(result.sample.blob)} should be {expected}, but is {actual}{visible(detail or '')}"
        console.print(Text.assemble(("Not as expected: ", "red"), sentence), soft_wrap=True)
    verdict, style = f"All {len(results)} uploads came out as expected", "green"
    if surprises or not results:
        verdict, style = f"{len(surprises)} of {len(results)} uploads did not come out as expected", "red"
    elif len(results) == 1:
        verdict = "The upload came out as expected"
    if count := sum(len(names) for names in left_out.values()):
        verdict += f"; {count} {'file was' if count == 1 else 'files were'} left out"
    console.print(Text(f"{verdict}.", style), soft_wrap=True)
    return not surprises and bool(results)


def _words(event: dict[str, Any]) -> dict[str, Any]:
    has_detail = bool(event.get("detail") or event.get("error"))
    return {"outcome": str(event.get("outcome")), "reason": event.get("reason"), "end": ": " if has_detail else "."}


def _ending(outcome: str, reason: str | None, end: str = "") -> str:
    return f"{visible(outcome)}{f' ({visible(reason)})' if reason else ''}{end}"


def _names(result: SampleResult, width: int) -> Text:
    names = Text("\n".join(_wrapped(visible(result.sample.blob), width)), "bold")
    story = "".join(f"\n{line}" for line in _wrapped(visible(result.sample.story), width))
    return Text().append_text(names).append(story, "dim")


def _outcome(result: SampleResult, separator: str) -> Text:
    outcome, reason = str(result.event.get("outcome")), result.event.get("reason")
    words = [Text(visible(outcome), STYLES.get(outcome, "red"))]
    words += [Text(visible(reason))] if reason else []
    words += [] if result.as_expected else [Text("not as expected", "red")]
    return Text(separator).join(words)


def _facts(event: dict[str, Any]) -> tuple[str, str, str, str]:
    """Return the item's number, the picture's sides, the bytes before and after, and the milliseconds."""
    picture = f"{event['width']} × {event['height']}" if event.get("width") else ""
    sizes = f"{event['bytes_in']:,}\n→ {event['bytes_out']:,}" if event.get("bytes_out") else ""
    milliseconds = f"{event['milliseconds']:.0f}" if event.get("milliseconds") else ""
    return visible(event.get("item_number") or ""), picture, sizes, milliseconds


def _show_entry(console: Console, result: SampleResult) -> None:
    item, picture, sizes, milliseconds = _facts(result.event)
    facts = [f"item {item}" if item else "", picture, sizes.replace("\n", " ") + " bytes" if sizes else ""]
    facts.append(f"{milliseconds} ms" if milliseconds else "")
    details = ", ".join(fact for fact in facts if fact)
    console.print(Text("\n".join(_wrapped(visible(result.sample.blob), console.width)), "bold"))
    for words in (Text(visible(result.sample.story), "dim"), _outcome(result, ", "), Text(details)):
        for line in _wrapped(words.plain, max(console.width - 2, 1)) if words.plain else ():
            start = words.plain.find(line)
            console.print(Text("  ").append_text(words[start : start + len(line)]))


def _width(cell: Text) -> int:
    return max(cell_len(line) for line in cell.plain.split("\n"))


def _wrapped(text: str, width: int) -> list[str]:
    """Return ``text`` in lines, broken after blanks and slashes; longer words after hyphens, or anywhere."""
    lines = [""]
    for word in re.findall(r"[^\s/]*[\s/]+|[^\s/]+", text):
        for piece in _pieces(word, width):
            if cell_len(lines[-1] + piece.rstrip()) <= width:
                lines[-1] += piece
            else:
                lines.append(piece)
    return [line.rstrip() for line in lines if line.strip()] or [""]


def _pieces(word: str, width: int) -> list[str]:
    if cell_len(word.rstrip()) <= width:
        return [word]
    pieces = [""]
    for part in re.findall(r"[^-]*-|[^-]+", word):
        for piece in [part] if cell_len(part) <= width else part:
            if cell_len(pieces[-1] + piece) > width:
                pieces.append("")
            pieces[-1] += piece
    return pieces
