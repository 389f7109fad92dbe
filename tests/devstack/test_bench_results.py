"""The benchmark's results: ratios and means, the table, the report, the chart."""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from devstack.benchmarks import chart, results, tables
from devstack.benchmarks.results import Picture, Run
from tests.devstack.html_reader import Page

if TYPE_CHECKING:
    from pathlib import Path

# The keys that the documents promise, in this order.
PROMISED = ["name", "ours_ms", "sample_ms", "libvips_ms", "sharp_ms", "ratio", "ssim", "bytes_out", "peak_mb"]


def picture(
    name: str = "desk.jpg",
    *,
    ours: float = 30,
    libvips: float = 20,
    sharp: float = 15,
    refused: dict[str, str] | None = None,
) -> Picture:
    """Return a picture with these least times; renderers in ``refused`` refused it."""
    times = {"ours": ours, "sample": 60, "libvips": libvips, "sharp": sharp}
    runs = {who: Run((least * 3, least, least * 2), 40_000, 0.99, 21.5) for who, least in times.items()}
    return Picture(name, runs | {who: Run(refusal=why) for who, why in (refused or {}).items()}, 0.995, 0.998)


def test_ratio_compares_least_times_with_the_better_native_tool() -> None:
    assert picture(ours=30, libvips=20, sharp=15).ratio == 2
    assert picture(ours=30, libvips=12, sharp=15).ratio == 2.5


def with_tuned_peers(row: Picture, *, libvips: float, sharp: float) -> Picture:
    tuned = {"libvips_tuned": Run((libvips,), 40_000), "sharp_tuned": Run((sharp,), 40_000)}
    return Picture(row.name, row.runs | tuned, row.ceiling, row.resampled)


def test_tuned_peers_have_a_ratio_of_their_own() -> None:
    tuned = with_tuned_peers(picture(ours=30, libvips=20, sharp=15), libvips=10, sharp=12)
    assert (tuned.ratio, tuned.tuned_ratio) == (2, 3)
    assert picture().tuned_ratio is None, "they run only where the C library has these settings"
    report = results.report([tuned])
    assert (report["geometric_mean"], report["geometric_mean_tuned"]) == pytest.approx((2, 3))
    row = report["pictures"][0]
    assert list(row)[: len(PROMISED)] == PROMISED
    assert (row["libvips_tuned_ms"], row["sharp_tuned_ms"], row["ratio_tuned"]) == (10, 12, 3)


def test_table_shows_both_comparisons() -> None:
    console = Console(file=StringIO(), width=80)
    tables.print_comparison(console, [with_tuned_peers(picture(ours=30), libvips=10, sharp=12)])
    output = console.file.getvalue()
    assert "2.00 (geometric mean, pictures: 1), at most 2.00 (desk.jpg)" in output
    assert "With our settings of the allocator for them too: 3.00." in output
    assert all(len(line) <= 80 for line in output.split("\n") if line[:1] in "┃│")


def test_twice_and_half_as_long_average_to_one() -> None:
    assert results.geometric_mean([picture(ours=30), picture(ours=7.5)]) == pytest.approx(1)


@pytest.mark.parametrize("who", ["ours", "libvips", "sharp"])
def test_refused_picture_does_not_count_in_the_mean(who: str) -> None:
    refused = picture(ours=999, refused={who: "unknown format"})
    assert refused.ratio is None
    assert results.geometric_mean([refused, picture(ours=30)]) == pytest.approx(2)
    assert results.geometric_mean([refused]) is None
    assert results.worst([refused]) is None


def test_picture_refused_by_the_sample_code_still_counts() -> None:
    assert picture(ours=30, refused={"sample": "unknown format"}).ratio == 2


def test_table_shows_who_refused_what_and_why() -> None:
    console = Console(file=StringIO(), width=80)
    tables.print_comparison(console, [picture(), picture("odd.tif", refused={"sharp": "unknown [format]"})])
    output = console.file.getvalue()
    assert output.count("refused") == 2
    assert "odd.tif (not in the mean): sharp refused it: unknown [format]" in output
    assert "2.00 (geometric mean, pictures: 1), at most 2.00 (desk.jpg)" in output
    assert all(len(line) <= 80 for line in output.split("\n") if line[:1] in "┃│")


def test_report_keeps_the_promised_keys_first() -> None:
    report = json.loads(json.dumps(results.report([picture(), picture("odd.tif", refused={"libvips": "no"})])))
    assert list(report)[:2] == ["geometric_mean", "pictures"]
    for row in report["pictures"]:
        assert list(row)[: len(PROMISED)] == PROMISED
    first, second = report["pictures"]
    assert {key: first[key] for key in PROMISED} == dict(
        zip(PROMISED, ("desk.jpg", 30, 60, 20, 15, 2, 0.998, 40_000, 21.5), strict=True)
    )
    assert first["renderers"]["sharp"]["median_ms"] == 30
    assert (second["libvips_ms"], second["ratio"], second["refused"]) == (None, None, {"libvips": "no"})


def test_chart_shows_every_picture_and_names_are_never_markup(tmp_path: Path) -> None:
    nasty = '<script>alert("1")</script>\'"&.jpg'
    pictures = [picture(f"{number}.png") for number in range(12)] + [picture(nasty, refused={"sharp": nasty})]
    chart.write(tmp_path / "chart.html", pictures, title=nasty)
    page = Page((tmp_path / "chart.html").read_text(encoding="utf-8"))
    assert page.tags.count("figure") == 13
    assert all(f"{number}.png" in page.words for number in range(12))
    assert page.words.count(nasty) == 5, "title, heading, picture, reason, table"
    assert "script" not in page.tags


def test_chart_fetches_nothing(tmp_path: Path) -> None:
    chart.write(tmp_path / "chart.html", [picture()], title="Rendering")
    page = Page((tmp_path / "chart.html").read_text(encoding="utf-8"))
    assert page.references == []
    assert not {"script", "link", "iframe", "object", "img"} & set(page.tags)


def test_slowest_renderer_has_the_longest_bar(tmp_path: Path) -> None:
    chart.write(tmp_path / "chart.html", [picture(ours=30, libvips=15)], title="Rendering")
    text = (tmp_path / "chart.html").read_text(encoding="utf-8")
    assert [text.count(f"width: {width}%") for width in ("100.0", "50.0", "25.0")] == [1, 1, 2]
