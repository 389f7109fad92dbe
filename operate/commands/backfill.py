"""``item-pictures backfill``: puts a folder of photographs on their items."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operate import manifest as manifests
from operate import stopping
from operate.backfill import printing
from operate.backfill.photos import LARGEST
from operate.backfill.plan import Planner, Wishes
from operate.backfill.resumed import Review
from operate.backfill.run import Pace, Run
from operate.backfill.traces import Traces
from operate.backfill.uploads import Uploader, storage_clock
from operate.errors import ExitCode, Problem
from operate.manifest import FAULTS, TO_DO, Manifest, Row, State
from operate.output import Counter, Output

if TYPE_CHECKING:
    from operate.session import Session


def backfill(  # noqa: PLR0913 - one for each option
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder of photographs.", exists=True, file_okay=False)
    ],
    *,
    map_path: Annotated[
        Path | None,
        typer.Option("--map", help="A table (CSV or XLSX) that says which file belongs to which item.", dir_okay=False),
    ] = None,
    company: Annotated[str | None, typer.Option(help="The items' company; else the default one.")] = None,
    only_missing: Annotated[
        bool, typer.Option("--only-missing", help="Leave items alone that have a picture.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would happen, and upload nothing.")] = False,
    limit: Annotated[int | None, typer.Option(help="Upload at most so many files.", min=1)] = None,
    concurrency: Annotated[int, typer.Option(help="How many files are uploaded at a time.", min=1, max=64)] = 8,
    under_way: Annotated[
        int, typer.Option(help="How many uploads may be in product-images at a time.", min=1, max=5000)
    ] = 200,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the function, and say what became pictures.")] = False,
    patience: Annotated[
        float, typer.Option(help="Seconds to wait while nothing that is under way moves.", min=1)
    ] = 600,
    resume: Annotated[Path | None, typer.Option(help="Continue the run that wrote this list.", dir_okay=False)] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="With --resume: what failed or is new in the folder, planned anew.")
    ] = False,
    list_path: Annotated[
        Path | None,
        typer.Option("--manifest", help="Where to write the list; with --dry-run, the plan.", dir_okay=False),
    ] = None,
) -> None:
    """Put a folder of photographs on their items: --dry-run first, then for real."""
    if failed and not resume:
        raise typer.BadParameter("it needs --resume.", param_hint="--failed")
    if resume and (list_path or (map_path and not failed)):
        raise typer.BadParameter("the list says what to do; only --failed plans anew.", param_hint="--resume")
    if resume and company:
        raise typer.BadParameter("each row of the list has its company.", param_hint="--company")
    session: Session = context.obj
    wishes = _wishes(session, folder, company, map_path, only_missing=only_missing)
    target = resume or list_path or manifests.new_path("backfill")
    if list_path or not dry_run:
        context.with_resource(manifests.kept(target, is_new=not resume))
    rows, usable = _rows(session, wishes, resume, only_failed=failed)
    todo = list(islice((row for row in usable if row.state in TO_DO), limit))
    if dry_run:
        raise typer.Exit(_show_plan(session.output, rows, todo, list_path))
    manifest = Manifest(target, rows, is_new=not resume)
    pace = Pace(concurrency, under_way, patience=patience)
    raise typer.Exit(_carry_out(session, folder, manifest, usable, todo, pace, waits=wait))


def _wishes(
    session: "Session", folder: Path, company: str | None, map_path: Path | None, *, only_missing: bool
) -> Wishes:
    installation = session.installation
    largest = installation.settings.limits.max_bytes if installation.knows_pictures else LARGEST
    return Wishes(folder, company or installation.company, map_path, only_missing, largest)


def _rows(
    session: "Session", wishes: Wishes, earlier: Path | None, *, only_failed: bool
) -> tuple[list[Row], Sequence[Row]]:
    """Return all rows of the list, and those on which the run may act."""
    business_central, settings = session.connection.business_central, session.installation.settings
    default = settings.business_central.company or ""
    planner = Planner(business_central, settings.templates, default, wishes)

    def asking() -> AbstractContextManager[Counter]:
        return session.output.progress("Asking Business Central")

    if not earlier:
        with asking() as counter:
            rows = planner.plan(counter)
        if not rows:
            raise Problem(f"{wishes.folder} is empty. Name the folder that has the photographs.", ExitCode.INCOMPLETE)
        return rows, rows
    review = Review(planner, business_central, settings.templates, default, asking)
    rows = manifests.read(earlier, by="backfill")
    if not only_failed:
        return rows, review.usable(rows, only_missing=wishes.only_missing)
    kept = [row for row in rows if row.state not in FAULTS]
    review.restore(kept)
    uploaded = review.usable([row for row in kept if row.state not in TO_DO])
    with asking() as counter:
        planned = planner.plan_again([row for row in rows if row.state in FAULTS], kept, counter)
    return [*kept, *planned], [*uploaded, *planned]


def _show_plan(output: Output, rows: list[Row], todo: Sequence[Row], target: Path | None) -> ExitCode:
    """Show what a run with these options would do, and write all of the plan down if somebody asked for that."""
    if target:
        Manifest(target, rows, is_new=True).close()
        output.remark(f"The plan is in {target}; --resume {target} carries it out.")
    wanted = {id(row) for row in todo}
    shown = [row for row in rows if row.state not in TO_DO or row.needs_somebody or id(row) in wanted]
    left = len(rows) - len(shown)
    output.document(printing.as_document(shown, manifest=str(target) if target else None, left=left))
    printing.print_plan(output, shown)
    if left:
        output.say(f"{left:,} more to upload are left for --resume.")
    return _code(rows)


def _carry_out(
    session: "Session",
    folder: Path,
    manifest: Manifest,
    usable: Sequence[Row],
    todo: Sequence[Row],
    pace: Pace,
    *,
    waits: bool,
) -> ExitCode:
    """Upload, and print what became of it."""
    output, rows = session.output, manifest.rows
    output.remark(f"The list is {manifest.path}.")
    was_stopped = _upload(session, folder, manifest, usable, todo, pace, waits=waits)
    output.document(printing.as_document(rows, manifest=str(manifest.path)))
    printing.print_faults(output, rows)
    printing.print_totals(output, rows)
    if not was_stopped and any(row.state in TO_DO and not row.reason for row in todo):
        output.remark(f"For {pace.patience:g} s nothing has left product-images: item-pictures status says why.")
    left = any(row.state in TO_DO for row in rows)
    if left or any(row.state is State.FAILED for row in rows):
        output.remark(f"Continue with: --resume {manifest.path}{'' if left else ' --failed'}")
    return ExitCode.INTERRUPTED if was_stopped else _code(rows, todo)


def _upload(
    session: "Session",
    folder: Path,
    manifest: Manifest,
    usable: Sequence[Row],
    todo: Sequence[Row],
    pace: Pace,
    *,
    waits: bool,
) -> bool:
    """Upload; returns whether somebody stopped it. The list is in order however it ends."""
    connection = session.connection
    traces = Traces(connection.pictures, connection.originals)
    before = [row for row in usable if row.state is State.UPLOADED]
    waiting = [row for row in usable if row.state is State.WAITING] if waits else []
    expected = len(todo) + len(before) + len(waiting)
    try:
        with (
            stopping.stopped_by_signals() as stop,
            session.output.several(("Uploaded", len(todo)), ("Taken up", expected)) as (sent, taken),
        ):
            uploader = Uploader(connection.blobs, traces, folder, stop, storage_clock(connection.blobs, stop))
            run = Run(connection.blobs, uploader, traces, manifest, pace, stop, waits, sent, taken)
            run.carry_out(todo, before, waiting)
            return stop.is_set()
    except Exception:
        session.output.remark(f"Once that is mended, continue with: --resume {manifest.path}")
        raise
    finally:
        manifest.close()


def _code(rows: Sequence[Row], todo: Sequence[Row] = ()) -> ExitCode:
    is_incomplete = any(row.needs_somebody for row in rows)
    is_incomplete |= any(row.state in TO_DO for row in todo)
    return ExitCode.INCOMPLETE if is_incomplete else ExitCode.DONE
