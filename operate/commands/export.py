"""``item-pictures export``: writes the pictures that Business Central shows into a folder."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from operate import catalogue as catalogues
from operate import manifest as manifests
from operate import picture_files, stopping
from operate.backfill import printing
from operate.catalogue import Catalogue
from operate.errors import ExitCode, Problem
from operate.manifest import Manifest, Row, State
from operate.output import Counter
from operate.picture_files import NameTaken
from shared.business_central.items import FoundItem
from shared.errors import Waiting

if TYPE_CHECKING:
    from operate.session import Session


def export(  # noqa: PLR0913 - one for each option
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write into.", file_okay=False)],
    *,
    company: Annotated[str | None, typer.Option(help="The items' company; else the default one.")] = None,
    limit: Annotated[int | None, typer.Option(help="Export at most so many pictures.", min=1)] = None,
    concurrency: Annotated[int, typer.Option(help="How many pictures are read at a time.", min=1, max=5)] = 4,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that differ.")] = False,
    resume: Annotated[Path | None, typer.Option(help="Continue the run that wrote this list.", dir_okay=False)] = None,
    list_path: Annotated[
        Path | None, typer.Option("--manifest", help="Where to write the list.", dir_okay=False)
    ] = None,
) -> None:
    """Write all pictures that Business Central shows into a folder, named by item number."""
    if resume and list_path:
        raise typer.BadParameter("the list that continues is the one of --resume.", param_hint="--manifest")
    session: Session = context.obj
    target = resume or list_path or manifests.new_path("export")
    context.with_resource(manifests.kept(target, is_new=not resume))
    listed = manifests.read(resume, by="export") if resume else []
    catalogue = _open(session, company, listed)
    kept = _kept(listed, folder)  # nothing is written before the list is known to fit
    folder.mkdir(parents=True, exist_ok=True)
    manifest = Manifest(target, kept, is_new=not resume)
    # A list knows its company from its first row on, and of --overwrite nothing.
    again = f'--resume {target} --company "{catalogue.company.name}"{" --overwrite" if overwrite else ""}'
    session.output.remark(f"The list is {target}. If this is broken off, continue with: {again}")
    try:
        known = {row.item_id for row in kept}
        todo = [found.item.id for found in catalogue.all() if found.item.id not in known]
        with (
            stopping.stopped_by_signals() as stop,
            session.output.several(("Items", len(todo)), ("Pictures", limit)) as (items, pictures),
        ):
            exporter = _Exporter(catalogue, folder, manifest, stop, overwrite)
            exporter.run(todo, concurrency, limit, items, pictures)
    except Exception:
        session.output.remark(f"Once that is mended, continue with: {again}")
        raise
    finally:
        manifest.close()
    session.output.document(printing.as_document(manifest.rows, manifest=str(manifest.path)))
    printing.print_faults(session.output, manifest.rows)
    printing.print_totals(session.output, manifest.rows)
    if stop.is_set():
        session.output.remark(f"Continue with: {again}")
        raise typer.Exit(ExitCode.INTERRUPTED)
    has_failed = any(row.state is State.FAILED for row in manifest.rows)
    raise typer.Exit(ExitCode.INCOMPLETE if has_failed else ExitCode.DONE)


def _open(session: "Session", wished: str | None, listed: Sequence[Row]) -> Catalogue:
    """Open the company that somebody wishes, else that of the list, else the default one.

    Raises:
        Problem: the list is of another company, or of several.
        Failure: there is no such company, or BC gave no answer.
    """
    companies = sorted({row.company for row in listed if row.company})
    if len(companies) > 1:
        raise Problem(f"The list has pictures of several companies: {', '.join(companies)}. {_ANEW}")
    name = wished or next(iter(companies), session.installation.company)
    catalogue = catalogues.open_company(session.connection.business_central, name)
    if companies and companies != [catalogue.company.name]:
        raise Problem(f"The list is of the company {companies[0]!r}, not of {catalogue.company.name!r}. {_ANEW}")
    return catalogue


def _kept(listed: Sequence[Row], folder: Path) -> list[Row]:
    """Return what need not be exported again: what has ended, unless its file has gone from the folder.

    Raises:
        Problem: not one of the list's files is in the folder.
    """
    exported = [row for row in listed if row.state is State.EXPORTED]
    there = [row for row in exported if (folder / row.file).is_file()]
    if exported and not there:
        raise Problem(f"{folder} has none of the {len(exported):,} pictures of the list. Name the folder of that run.")
    return [row for row in listed if row.state is State.SKIPPED] + there


_ANEW = "Export another company into a folder of its own, with a list of its own."


@dataclass
class _Exporter:
    """Reads pictures and writes their files; the thread that calls it writes the list."""

    catalogue: Catalogue
    folder: Path
    manifest: Manifest
    stop: Event
    overwrite: bool

    def run(self, ids: Sequence[str], concurrency: int, limit: int | None, items: Counter, pictures: Counter) -> None:
        """Export the pictures of these items, as far as they have one.

        Raises:
            Failure: BC gave no answer. The list is complete up to then.
        """
        with stopping.threads(concurrency) as pool:
            pending: set[Future[Row]] = set()
            for found in islice(self._with_pictures(ids, items), limit):
                if len(pending) >= concurrency:
                    pending = self._note(pending, pictures)
                pending.add(pool.submit(self._export, found))
            while pending:
                pending = self._note(pending, pictures)

    def _with_pictures(self, ids: Iterable[str], items: Counter) -> Iterator[FoundItem]:
        for batch in catalogues.batches(ids, catalogues.BATCH):
            for found in self.catalogue.describe(batch):
                if self.stop.is_set():
                    return
                if found.item.has_picture:
                    yield found
            items.advance(len(batch))

    def _note(self, pending: set[Future[Row]], pictures: Counter) -> set[Future[Row]]:
        done, still = wait(pending, return_when=FIRST_COMPLETED)
        for future in done:
            self.manifest.add(future.result())
            pictures.advance()
        return still

    def _export(self, found: FoundItem) -> Row:
        item = found.item
        row = Row("", item.number, found.name, State.EXPORTED, company=item.company.name, item_id=item.id)
        try:
            content = self.catalogue.picture(item)
            if not content:
                row.state, row.reason = State.SKIPPED, "the picture was removed meanwhile"
                return row
            row.file = picture_files.file_name(item.number, item.id, content)
            picture_files.write(self.folder / row.file, content, overwrite=self.overwrite)
        except Waiting:
            row.state, row.reason = State.SKIPPED, "the item was removed meanwhile"
        except NameTaken:
            row.state, row.reason = State.FAILED, "another file of this name is here: --overwrite replaces it"
        except OSError as error:
            row.state, row.reason = State.FAILED, f"cannot be written: {error.strerror or error}"
        return row
