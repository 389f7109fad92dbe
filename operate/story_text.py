"""Prints the story of an item or a file."""

from collections.abc import Mapping
from typing import Any

from operate import ages, terminal_picture
from operate.incoming import Known
from operate.output import Output
from operate.story import Story
from shared.errors import Permanent
from shared.pictures.rendition import SourceLimits
from shared.pictures.sources import opened
from shared.storage.originals import Original


def show(output: Output, story: Story) -> None:
    """Print a story, and the picture where the terminal can show one."""
    output.document(_document(story))
    if output.as_json:
        return
    _heading(output, story)
    for known in story.incoming:
        reason = f", {known.reason}" if known.reason else ""
        output.say(
            f"In product-images: {known.upload.name}, {known.state}{reason}, for {ages.words(known.upload.age)}."
        )
    _show_record(output, story)
    for original in story.archived:
        output.say(_archived_line(original))
    for original in story.quarantined:
        output.say(f"In quarantine for {ages.words(original.age)}, {original.value('reason')}: {original.name}")
        output.say(f"  {original.value('detail')}")
    _show_picture(output, story)


def _heading(output: Output, story: Story) -> None:
    if story.file:
        output.say(f"File {story.file}")
    if story.item:
        output.say(f"Item {story.item.number} in {story.item.company.name}, id {story.item.id}")
    elif story.problem:
        output.say(story.problem)


def _show_record(output: Output, story: Story) -> None:
    if story.item is None:
        return
    if story.record is None:
        output.say("No record: this app has not put a picture on the item yet.")
        return
    record = story.record.record
    if record.on:
        output.say(f"On the item, by the record: {record.on.name}, uploaded {ages.moment(record.on.uploaded_at)}.")
    if record.claim:
        output.say(f"Being written: {record.claim.upload.name}.")
    if doubt := story.record.active_doubt:
        output.say(f"Settling until {ages.moment(doubt.until)}: an earlier request may still take effect.")


def _archived_line(original: Original) -> str:
    if original.is_before:
        return f"In the archive, what Business Central showed before the first upload: {original.name}"
    uploaded = ages.moment(original.uploaded_at) if original.uploaded_at else "?"
    return f"In the archive, {original.value('outcome')}: {original.source_name}, uploaded {uploaded}: {original.name}"


def _show_picture(output: Output, story: Story) -> None:
    if story.item is None:
        return
    if story.shown is None:
        output.say("Business Central shows no picture.")
        return
    whose = {None: "", True: " It is the one in the record.", False: " It is another one: somebody has put it there."}
    output.say(f"Business Central shows a picture of {_looks(story.shown.content)}.{whose[story.shown.is_ours]}")
    terminal_picture.show(output, story.shown.content)


def _looks(content: bytes) -> str:
    size = f"{len(content):,} bytes"
    sides = _sides(content)
    return f"{sides[0]} × {sides[1]} pixels, {size}" if sides else size


def _sides(content: bytes) -> tuple[int, int] | None:
    try:
        with opened(content, SourceLimits()) as image:
            return image.size
    except Permanent:
        return None


def _document(story: Story) -> dict[str, Any]:
    item, record = story.item, story.record
    on = record.record.on if record else None
    doubt = record.active_doubt if record else None
    return {
        "file": story.file,
        "problem": story.problem or None,
        "item": item and {"number": item.number, "id": item.id, "company": item.company.name},
        "incoming": [_known(known) for known in story.incoming],
        "record": record
        and {
            "on": on and {"name": on.name, "uploaded_at": ages.iso(on.uploaded_at)},
            "outcome": record.record.outcome,
            "writing": record.record.claim and record.record.claim.upload.name,
            "settles_until": ages.iso(doubt.until) if doubt else None,
        },
        "archive": [_original(original) for original in story.archived],
        "quarantine": [_original(original) for original in story.quarantined],
        "business_central": _shown(story),
    }


def _shown(story: Story) -> dict[str, Any] | None:
    if story.shown is None:
        return None
    width, height = _sides(story.shown.content) or (None, None)
    return {"bytes": len(story.shown.content), "width": width, "height": height, "as_recorded": story.shown.is_ours}


def _known(known: Known) -> dict[str, Any]:
    reason = str(known.reason) if known.reason else None
    return {"name": known.upload.name, "state": known.state, "reason": reason, "age_s": ages.seconds(known.upload.age)}


def _original(original: Original) -> Mapping[str, Any]:
    return {
        "name": original.name,
        "source_name": original.source_name or None,
        "outcome": original.value("outcome"),
        "reason": original.value("reason") or None,
        "detail": original.value("detail") or None,
        "uploaded_at": ages.iso(original.uploaded_at),
        "age_s": ages.seconds(original.age),
    }
