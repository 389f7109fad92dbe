"""The demo's results stay readable at every width, whatever the names of uploads contain."""

import io
from typing import Any

import pytest
from rich.console import Console

from devstack import demo_table
from devstack.demo_table import SampleResult
from devstack.drawing.samples import Sample

PLACED = {"outcome": "updated", "width": 1024, "height": 768, "bytes_in": 1_161_741, "bytes_out": 258_700}
GUID = "{ceff513f-9876-531a-a52b-e4c8cdbca413}"
HOSTILE = "CRONUS USA, Inc/[red]x[/]\x1b[2J\u202egpj.\n:smile:\x9b.jpg"
WIDTHS = (30, 40, 80, 200)


def result(blob: str = "CRONUS USA, Inc/1896-S.jpg", story: str = "a photo", **event: Any) -> SampleResult:
    facts = {**PLACED, "item_number": "1896-S", "milliseconds": 355.4, **event}
    return SampleResult(Sample(blob, b"", story), facts)


def lost(reason: str = "company_not_found", expected: str = "waiting", **event: Any) -> SampleResult:
    sample = Sample("Fabrikam/1000.jpg", b"", "no such company", expected, reason)
    return SampleResult(sample, {"outcome": "waiting", "reason": reason, "milliseconds": 11.0, **event})


def shown(*results: SampleResult, width: int = 80, left_out: dict[str, list[str]] | None = None) -> str:
    target = io.StringIO()
    console = Console(file=target, width=width, emoji=False, highlight=False)
    demo_table.show(console, results)
    demo_table.conclude(console, results, left_out or {})
    return target.getvalue()


@pytest.mark.parametrize("width", WIDTHS)
def test_no_word_that_matters_is_cut(width: int) -> None:
    by_id = result(f"CRONUS USA, Inc/{GUID}.jpg", item_number="1952-W")
    output = shown(result(), by_id, lost(), lost("unexpected_word", "updated"), width=width)
    assert "…" not in output
    words = output.split()
    for word in ("updated", "1896-S", "company_not_found", "1024", "768", "258,700", "355"):
        assert any(part.strip(",.") == word for part in words), (word, output)
    lines = [line for line in output.splitlines() if not line.startswith(("Not as", "All", "1 of"))]
    assert max(map(len, lines)) <= width


def test_eighty_columns_have_a_table_and_forty_a_list() -> None:
    assert "milliseconds" not in shown(result())
    assert shown(result()).splitlines()[0].split() == ["upload", "outcome", "item", "picture", "bytes", "ms"]
    assert shown(result(), width=40).splitlines()[0].strip() == "CRONUS USA, Inc/1896-S.jpg"


def test_an_item_number_of_twenty_letters_is_shown_whole() -> None:
    number = "ABCDEFGHIJ-KLMNOPQRS"
    assert all(number in shown(result(item_number=number), width=width) for width in WIDTHS)


@pytest.mark.parametrize("width", WIDTHS)
def test_names_can_neither_colour_nor_move_nor_forge_lines(width: int) -> None:
    output = shown(result(HOSTILE, HOSTILE, outcome="failed", error=HOSTILE), width=width)
    assert not {"\x1b", "\u202e", "\x9b"} & set(output)
    together = output.replace("\n", "").replace(" ", "")
    assert "[red]x[/]" in together
    assert ":smile:" in together
    assert r"\u202e" in together


@pytest.mark.parametrize(
    ("results", "left_out", "last"),
    [
        ([result(), lost()], {}, "All 2 uploads came out as expected."),
        ([result()], {}, "The upload came out as expected."),
        ([result()], {"a folder": ["x.jpg"]}, "The upload came out as expected; 1 file was left out."),
        ([result(), lost(outcome="failed")], {}, "1 of 2 uploads did not come out as expected."),
        (
            [lost(reason="x", expected="updated")],
            {"hidden": ["._a.jpg", "._b.jpg"]},
            "did not come out as expected; 2 f",
        ),
    ],
)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_last_line_says_whether_all_is_well(
    results: list[SampleResult], left_out: dict[str, list[str]], last: str, width: int
) -> None:
    assert last in shown(*results, width=width, left_out=left_out).splitlines()[-1]


def test_a_surprise_says_what_was_expected_and_what_came() -> None:
    surprise = lost(outcome="failed", error="no\nanswer")
    surprise.event["reason"] = None
    output = shown(surprise)
    assert r"Fabrikam/1000.jpg should be waiting (company_not_found), but is failed: no\nanswer" in output


def test_many_files_left_out_are_counted() -> None:
    output = shown(result(), left_out={"hidden": [f"._{number}.jpg" for number in range(1000)]})
    assert "Left out: ._0.jpg, ._1.jpg, ._2.jpg and 997 more (hidden)." in output
