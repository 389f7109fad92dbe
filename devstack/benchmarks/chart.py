"""Draws the comparison as one HTML file: a bar per renderer, with all figures below."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from devstack.benchmarks.results import OURS
from devstack.benchmarks.tables import number, refusals, verdict
from operate.sheets import html_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devstack.benchmarks.results import Picture, Run

_STYLE = Path(__file__).with_suffix(".css")
_HOW = (
    "Fastest round of each renderer in milliseconds, one thread each; shorter is better. "
    "Each picture has its own scale."
)


def write(path: Path, pictures: Sequence[Picture], *, title: str) -> None:
    """Write the chart."""
    header = f'<p>{escape(verdict(pictures))}</p><p class="soft">{_HOW}</p>'
    figures = "\n".join(_figure(picture) for picture in pictures)
    html_page.write(path, title=title, header=lambda: header, main=[figures, _table(pictures)], style=_STYLE)


def _figure(picture: Picture) -> str:
    longest = max((run.least or 0 for run in picture.runs.values()), default=0)
    bars = "\n".join(_bar(name, run, longest) for name, run in picture.runs.items())
    ratio = "not in the mean" if picture.ratio is None else f"{picture.ratio:.2f} × the best native tool"
    return f"""<figure>
<h2>{escape(picture.name)}<span>{ratio}</span></h2>
<div class="bars">
{bars}
</div>
<figcaption>{"<br>".join(map(escape, (_facts(picture), *refusals(picture))))}</figcaption>
</figure>"""


def _bar(name: str, run: Run, longest: float) -> str:
    ours = name == OURS
    label = f"<b>{escape(name)}</b>" if ours else escape(name)
    if run.least is None:
        return f"<span>{label}</span><div></div><span>refused</span>"
    width = 100 * run.least / (longest or 1)
    bar = f'<div class="bar{" ours" if ours else ""}" style="width: {width:.1f}%"></div>'
    return f"<span>{label}</span><div>{bar}</div><span>{number(run.least, 1)} ms</span>"


def _facts(picture: Picture) -> str:
    ours = picture.runs[OURS]
    if ours.refusal:
        return "We did not render it."
    resampled, delivered, best = (number(ssim, 3) for ssim in (picture.resampled, ours.ssim, picture.ceiling))
    size = f"{number(ours.bytes_out and ours.bytes_out / 1000)} kB"
    ssim = f"SSIM {resampled}, as JPEG {delivered} (best possible {best})"
    return f"{ssim} · {size} · {number(ours.peak_mb)} MB peak · {len(ours.milliseconds)} rounds"


def _table(pictures: Sequence[Picture]) -> str:
    names = list(pictures[0].runs)
    heads = [f"{name}{unit}" for name in names for unit in (" ms", " median", " SSIM", " kB", " MB")]
    head = "".join(f"<th>{escape(text)}</th>" for text in ("picture", *heads))
    rows = "\n".join(f"<tr>{_cells(picture, names)}</tr>" for picture in pictures)
    return f'<div class="scroll"><table>\n<tr>{head}</tr>\n{rows}\n</table></div>'


def _cells(picture: Picture, names: Sequence[str]) -> str:
    cells = [escape(picture.name)]
    for name in names:
        run = picture.runs[name]
        kilobytes = run.bytes_out and run.bytes_out / 1000
        cells += [number(run.least, 1), number(run.median, 1), number(run.ssim, 3), number(kilobytes, 1)]
        cells.append(number(run.peak_mb, 1))
    return "".join(f"<td>{cell}</td>" for cell in cells)
