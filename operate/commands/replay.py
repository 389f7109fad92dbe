"""``item-pictures replay``: puts originals back into incoming, from quarantine or from the archive."""

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from operate import replays
from operate.errors import ExitCode
from shared.errors import Kind, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from operate.session import Session
    from shared.storage.originals import Original

# What can be in quarantine: what is set aside at once, and what waiting ends with.
REASONS = [reason for reason in Reason if reason.kind is Kind.PERMANENT or reason in ("item_not_found", "rejected")]


def replay(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="A file in quarantine as uploaded; or quarantine/…, archive/…."),
    ] = None,
    *,
    reason: Annotated[str | None, typer.Option(help="All files in quarantine for this reason.")] = None,
    company: Annotated[str | None, typer.Option(help="Of these, only those of this company.")] = None,
    as_new: Annotated[bool, typer.Option("--as-new", help="Let them count as uploaded now.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
) -> None:
    """Put originals back into product-images, so that the app takes them up again."""
    session: Session = context.obj
    connection, output = session.connection, session.output
    if bool(names) == bool(reason):
        raise typer.BadParameter("name files, or a reason; not both.", param_hint="--reason")
    if company and not reason:
        raise typer.BadParameter("is for --reason; a name says its company.", param_hint="--company")
    if reason:
        found: Iterable[Original] = connection.replay.quarantined(_reason(reason), company)
    else:  # a wrong name stops before the first replay
        found = replays.named(connection.originals, connection.pictures, names or [])
    results = []
    with output.progress("Looking" if dry_run else "Replaying") as counter:
        for result in replays.replay_all(connection.replay, found, as_new=as_new, is_dry=dry_run):
            counter.advance()
            results.append(result)
    output.document({"dry_run": dry_run, "originals": [asdict(result) for result in results]})
    output.table(("original", "state", "upload", "why"), [(r.place, r.state, r.name, r.detail) for r in results])
    counts = Counter(result.state for result in results)
    output.say(
        ", ".join(f"{count:,} {state}" for state, count in counts.items()) + "." if results else "Nothing to replay."
    )
    if counts["refused"] or counts["failed"]:
        raise typer.Exit(ExitCode.INCOMPLETE)


def _reason(word: str) -> Reason:
    known = {str(reason): reason for reason in REASONS}
    if word not in known:
        raise typer.BadParameter(
            f"{word!r} is no reason for quarantine; those are {', '.join(known)}.", param_hint="--reason"
        )
    return known[word]
