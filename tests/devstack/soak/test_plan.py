"""A soak's plan follows from its seed, covers every kind of upload, and expects what the app's own rules say."""

import pytest

from devstack.benchmarks.soak import names, pattern, plan, trouble
from devstack.benchmarks.soak.run import COMPANIES, HOSTS
from devstack.benchmarks.soak.spoilt import Spoilt
from devstack.benchmarks.soak.trouble import Kind
from shared.errors import Failure
from shared.item_record import BEGIN_WITHIN, DOUBT_LASTS
from shared.paths import KeyKind, parse_path, parse_templates
from shared.pictures.memory import MemoryBudget
from shared.pictures.rendition import Rendition, SourceLimits
from shared.rendering import Renderer

PLAN = plan.make(500, 1, COMPANIES)
RENDER = Renderer(Rendition(), SourceLimits(), MemoryBudget(500_000_000))
OF_THE_PATH = ("bad_path", "ignored")
OF_THE_FILE = ("not_an_image", "too_large")


def test_the_same_seed_gives_the_same_soak() -> None:
    assert plan.make(500, 1, COMPANIES) == PLAN
    assert trouble.make(60, 1, HOSTS) == trouble.make(60, 1, HOSTS)
    assert plan.make(500, 2, COMPANIES) != PLAN
    assert trouble.make(60, 2, HOSTS) != trouble.make(60, 1, HOSTS)


def test_a_soak_has_every_kind_of_upload_and_trouble() -> None:
    assert {upload.spoilt for upload in PLAN.uploads} == {None, *Spoilt}
    assert any(upload.replays for upload in PLAN.uploads)
    assert {item.appears == 0 for item in PLAN.items} == {True, False}
    assert any(item.by_hand for item in PLAN.items)
    pictures = [upload.picture for upload in PLAN.uploads if upload.picture and not upload.replays]
    assert len(set(pictures)) < len(pictures)
    assert {spell.kind for spell in trouble.make(PLAN.seconds, 1, HOSTS)} == set(Kind)


def test_no_two_uploads_are_the_same_file() -> None:
    files = [upload.content() for upload in PLAN.uploads if not upload.replays and upload.spoilt is not Spoilt.EMPTY]
    assert len(set(files)) == len(files)


@pytest.mark.parametrize("upload", PLAN.uploads[:150], ids=lambda upload: upload.number)
def test_a_path_means_what_the_plan_says(upload: plan.Upload) -> None:
    expected, templates = upload.spoilt.reason if upload.spoilt else None, parse_templates(names.TEMPLATE)
    if expected in OF_THE_PATH:
        with pytest.raises(Failure) as refused:
            parse_path(upload.name, templates)
        assert refused.value.reason == expected
        return
    key = parse_path(upload.name, templates)
    if upload.item and not upload.spoilt:
        wanted = {KeyKind.ID: str(upload.item.id), KeyKind.NUMBER: upload.item.number.upper()}
        assert key.value == wanted.get(key.kind, upload.item.gtin)


@pytest.mark.parametrize("extension", pattern.FORMATS)
def test_a_picture_is_recognised_after_rendering(extension: str) -> None:
    files = [pattern.paint(4711, extension, tag) for tag in range(2)]
    rendered = [RENDER(file).content for file in files]
    assert [pattern.recognise(picture) for picture in (*files, *rendered)] == [4711] * 4
    assert rendered[0] == rendered[1]


@pytest.mark.parametrize("content", [b"", b"no picture", pattern.paint(1, "png")[:60]])
def test_what_is_no_pattern_is_not_recognised(content: bytes) -> None:
    assert pattern.recognise(content) is None


@pytest.mark.parametrize("kind", [kind for kind in Spoilt if kind.reason in OF_THE_FILE])
def test_a_spoilt_file_is_refused_for_the_planned_reason(kind: Spoilt) -> None:
    upload = plan.Upload(1, 0.0, "a.jpg", None, spoilt=kind)
    with pytest.raises(Failure) as refused:
        RENDER(upload.content())
    assert kind.reason == refused.value.reason


def test_trouble_stays_within_what_a_doubt_covers() -> None:
    """A worker stops, then its write waits for a connection and takes effect late: all that in twenty minutes."""
    minutes = trouble.FROZEN_MOST + trouble.LATE_MOST + BEGIN_WITHIN / 60
    assert minutes < DOUBT_LASTS.total_seconds() / 60 - 2
    assert all(fault.get("delay", 0) <= trouble.LATE_MOST for fault in trouble.BUSINESS_CENTRAL_FAULTS)  # type: ignore[operator]
