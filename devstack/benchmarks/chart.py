"""The comparison as one HTML file that needs nothing else: a bar for each renderer, and all figures below."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from devstack.benchmarks.results import OURS
from devstack.benchmarks.tables import number, refusals, verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from devstack.benchmarks.results import Picture, Run

_STYLE = """
:root { --paper: #f4f3f0; --card: #ffffff; --ink: #1f2328; --soft: #646a73; --line: #e2e0db; --ours: #2563a8;
  --other: #a9afb8; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15171a; --card: #1f2226; --ink: #e8e9eb; --soft: #9aa1ab; --line: #33373d; --ours: #6cacf0;
    --other: #5b626c; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1000px; padding: 28px clamp(12px, 3vw, 40px) 60px; background: var(--paper);
  color: var(--ink); font: 15px/1.45 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  font-variant-numeric: tabular-nums; }
h1 { font-size: clamp(22px, 3vw, 30px); font-weight: 650; margin: 0; }
h2 { font-size: 16px; margin: 0 0 8px; display: flex; justify-content: space-between; gap: 12px;
  overflow-wrap: anywhere; }
h2 span, .soft, figcaption { color: var(--soft); font-weight: 400; }
figure, .scroll { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 14px 16px;
  margin: 14px 0 0; }
.bars { display: grid; grid-template-columns: max-content 1fr max-content; gap: 5px 10px; align-items: center; }
.bar { background: var(--other); border-radius: 3px; height: 14px; min-width: 1px; }
.bar.ours { background: var(--ours); }
figcaption { margin-top: 8px; font-size: 13px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: right; padding: 4px 8px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
"""


def write(path: Path, pictures: Sequence[Picture], *, title: str) -> None:
    """Write the chart: no scripts, nothing that is fetched from anywhere."""
    figures = "\n".join(_figure(picture) for picture in pictures)
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<header><h1>{escape(title)}</h1>
<p>{escape(verdict(pictures))}</p>
<p class="soft">Least milliseconds of each renderer's rounds, one thread each, shorter is better. Each picture has a scale of its own.</p>
</header>
<main>
{figures}
{_table(pictures)}
</main>
</body>
</html>
"""
    path.write_text(page, encoding="utf-8")


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
        return "No rendition of ours."
    ssim = f"SSIM {number(picture.resampled, 3)}, as JPEG {number(ours.ssim, 3)} (at best {number(picture.ceiling, 3)})"
    size = f"{number(ours.bytes_out and ours.bytes_out / 1000)} kB"
    return f"{ssim} · {size} · {number(ours.peak_mb)} MB at most · {len(ours.milliseconds)} rounds"


def _table(pictures: Sequence[Picture]) -> str:
    names = list(pictures[0].runs)
    heads = [f"{name}{what}" for name in names for what in (" ms", " median", " SSIM", " kB", " MB")]
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
