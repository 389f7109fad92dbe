"""``item-pictures status``: what waits and why; or the whole story of one item or file."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from operate import ages, last_sweep, overview, story_text
from operate.incoming import Incoming, State
from operate.overview import Entry, Group
from operate.pages import located
from operate.story import Stories

if TYPE_CHECKING:
    from operate.session import Session


def status(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[ITEM|FILE]", help="An item's number, id or GTIN; or a file as uploaded.")
    ] = None,
    *,
    company: Annotated[str | None, typer.Option(help="The item's company; else the default one.")] = None,
    as_item: Annotated[bool, typer.Option("--item", help="The name is an item's.")] = False,
    as_file: Annotated[bool, typer.Option("--file", help="The name is a file's.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List every file, not only how many there are.")] = False,
) -> None:
    """Show what waits, settles, is stuck or in quarantine; or all about one item or file."""
    session: Session = context.obj
    if as_item and as_file:
        raise typer.BadParameter("name one of --item and --file.", param_hint="--item")
    for option, is_given in (("--company", company), ("--item", as_item), ("--file", as_file)):
        if is_given and name is None:
            raise typer.BadParameter("is for a name; without one, everything counts.", param_hint=option)
    if company and as_file:
        raise typer.BadParameter("is for an item; a file's path says its company.", param_hint="--company")
    if listed and name is not None:
        raise typer.BadParameter("is for all files; name none.", param_hint="--list")
    if name is None:
        _show_overview(session, listed=listed)
        return
    stories = Stories(session.connection, company or session.installation.company or None)
    story_text.show(session.output, stories.find(name, as_item=as_item, as_file=as_file))


def _show_overview(session: "Session", *, listed: bool) -> None:
    connection, output = session.connection, session.output
    settings = session.installation.settings
    sweep = last_sweep.read(connection.blobs, settings.business_central.environment)
    incoming = Incoming(connection.blobs, connection.business_central, settings)
    entries: list[Entry] = []

    def seen() -> Iterator[Entry]:
        with output.progress("Looking") as counter:
            for entry in overview.entries(incoming, connection.originals):
                counter.advance()
                if listed:
                    entries.append(entry)
                yield entry

    groups = overview.grouped(seen())
    document = {"last_sweep": ages.iso(sweep.ended_at), "groups": [_facts(group) for group in groups]}
    output.document(document | ({"files": [_file(entry) for entry in entries]} if listed else {}))
    output.table(_HEADS, [_row(group) for group in groups])
    for entry in entries:
        output.say(f"{entry.state} {entry.reason or '-'} {ages.words(entry.age)} {entry.name}")
    if not groups:
        output.say("Nothing waits, and nothing is in quarantine.")
    output.say(_sweep_line(sweep))
    for state, advice in _ADVICE.items():
        if any(group.state == state for group in groups):
            output.say(located(advice))


def _file(entry: Entry) -> dict[str, Any]:
    reason = entry.reason or None
    return {"state": entry.state, "reason": reason, "name": entry.name, "age_s": ages.seconds(entry.age)}


def _facts(group: Group) -> dict[str, Any]:
    return {
        "state": group.state,
        "reason": group.reason or None,
        "files": group.files,
        "oldest_s": ages.seconds(group.oldest),
        "youngest_s": ages.seconds(group.youngest),
        "oldest_file": group.oldest_name,
    }


def _row(group: Group) -> tuple[str, ...]:
    times = ages.words(group.oldest), ages.words(group.youngest)
    return group.state, group.reason, f"{group.files:,}", *times, group.oldest_name


def _sweep_line(sweep: last_sweep.LastSweep) -> str:
    if sweep.age is None:
        return located("No sweep has ended yet: docs/operations.md#no-sweep.")
    return f"The last sweep ended {ages.words(sweep.age)} ago."


_HEADS = ("state", "reason", "files", "oldest", "youngest", "oldest file")
_ADVICE = {
    State.STUCK: "Stuck: something fails, or Business Central rejects the pictures (rejected); the log says which: "
    "docs/operations.md#an-upload-is-stuck.",
    State.UNKNOWN: "Unknown: Business Central did not answer you. item-pictures doctor says why.",
    overview.IN_QUARANTINE: "Once a cause is fixed: item-pictures replay --reason REASON.",
}
