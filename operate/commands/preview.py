"""``item-pictures preview``: what Business Central would get, before and after, in one HTML page."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from operate import preview as previews
from operate.errors import ExitCode, Problem
from operate.preview import Preview
from shared.pictures import pillow_logging
from shared.render_process import RenderProcesses

if TYPE_CHECKING:
    from operate.session import Session


def preview(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="The files to render.")],
    folder: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where to put the page.")] = Path(),
) -> None:
    """Render files as the app would, and show them before and after in one page; nothing leaves this machine."""
    session: Session = context.obj
    settings, output = session.installation.settings, session.output
    pillow_logging.silence_pillow()
    files = list(_expanded(files))
    _check(files)
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / previews.PAGE
    results: list[dict[str, Any]] = []
    if not session.installation.knows_pictures:
        output.remark(f"{session.installation.path} has no settings of the picture: the app's defaults count here.")
    # A file that kills its decoder kills only the process that renders it.
    with (
        RenderProcesses(settings.rendition, settings.limits, settings.render_memory) as render,
        output.progress("Rendering", len(files)) as counter,
    ):

        def seen(each: Preview) -> None:
            counter.advance()
            results.append(each.facts)

        previews.write(page, previews.previews(files, render, settings.limits), seen)
    output.document({"page": str(page), "files": results})
    output.table(("file", "picture", "bytes", "why not"), [_row(facts) for facts in results])
    output.say(f"Before and after: {page.resolve().as_uri()}")
    if any(facts["reason"] for facts in results):
        raise typer.Exit(ExitCode.INCOMPLETE)


def _expanded(files: Iterable[Path]) -> Iterator[Path]:
    """Yield the files that a pattern stands for: the shells of Windows leave that to the program."""
    for path in files:
        if not any(wildcard in str(path) for wildcard in "*?") or path.exists():
            yield path
            continue
        # Brackets are no pattern there, and common in names: "photo [2].jpg".
        pattern = str(path.relative_to(path.anchor)).replace("[", "[[]")
        yield from sorted(Path(path.anchor).glob(pattern)) or [path]


def _check(files: list[Path]) -> None:
    for path in files:
        if path.is_dir():
            raise Problem(f"{path} is a folder. Name the files in it, for instance {path / '*.jpg'}.")
        if not path.is_file():
            raise Problem(f"{path} does not exist.")


def _row(facts: dict[str, Any]) -> tuple[str, ...]:
    if facts["reason"]:
        return str(facts["file"]), "none", f"{facts['bytes_in']:,}", f"{facts['reason']}: {facts['detail']}"
    sides = f"{facts['width']} × {facts['height']}"
    return str(facts["file"]), sides, f"{facts['bytes_in']:,} → {facts['bytes_out']:,}", ""
