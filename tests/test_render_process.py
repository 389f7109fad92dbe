"""A file that kills its decoder is named, and nothing else suffers: pictures are rendered in children with limits."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from shared.errors import Permanent, Transient
from shared.pictures.memory import MemoryBudget
from shared.pictures.rendition import USUAL_LIMITS, USUAL_RENDITION
from shared.render_process import ChildLimits, RenderProcesses
from shared.rendering import Renderer
from tests.pictures.test_memory_estimates import estimate
from tests.support.dying_child import ALWAYS, damages, dies_of
from tests.support.local_stack import photograph

MEMORY = 512 * 1024 * 1024
DYING = (sys.executable, "-m", "tests.support.dying_child")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="a child's limits, and what it dies of, are Linux's")


def processes(*, command: tuple[str, ...] = DYING, **limits: Any) -> RenderProcesses:
    return RenderProcesses(USUAL_RENDITION, USUAL_LIMITS, MEMORY, ChildLimits(**limits), command)


@pytest.fixture(scope="module")
def render() -> Iterator[RenderProcesses]:
    with processes(cpu=2) as renders:
        yield renders


def children() -> list[int]:
    """Return the ids of this process's children."""
    return [child.pid for child in psutil.Process().children()]


def test_the_child_renders_what_this_process_would() -> None:
    here = Renderer(USUAL_RENDITION, USUAL_LIMITS, MemoryBudget())
    with RenderProcesses(USUAL_RENDITION, USUAL_LIMITS, MEMORY) as render:
        for source in (photograph(), photograph(picture_format="PNG"), photograph(size=(64, 64))):
            assert render(source) == here(source)


def test_a_refusal_comes_back_as_it_is(render: RenderProcesses) -> None:
    here = Renderer(USUAL_RENDITION, USUAL_LIMITS, MemoryBudget())
    for source in (b"no picture", photograph()[:-900]):
        with pytest.raises(Permanent) as there:
            render(source)
        with pytest.raises(Permanent) as ours:
            here(source)
        assert (type(there.value), str(there.value)) == (type(ours.value), str(ours.value))


@on_linux
@pytest.mark.parametrize("how", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGXCPU", "spinning", "greed"])
def test_a_file_that_kills_its_decoder_is_named(render: RenderProcesses, how: str) -> None:
    with pytest.raises(Permanent, match="crashes_worker") as refused:
        render(dies_of(how))
    expected = {"spinning": "SIGXCPU", "greed": "MemoryError"}.get(how, how)
    assert expected in refused.value.detail
    assert render(photograph()).width == 1024


@on_linux
def test_no_picture_is_blamed_if_the_child_dies_of_all() -> None:
    with processes(command=(*DYING, ALWAYS)) as render, pytest.raises(Transient, match="render_interrupted") as failed:
        render(photograph())
    assert "check the deployment" in failed.value.detail


@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM", "exit"])
@on_linux
def test_a_death_from_outside_does_not_count(render: RenderProcesses, how: str) -> None:
    with pytest.raises(Transient, match="render_interrupted"):
        render(dies_of(how))
    assert render(photograph()).width == 1024


def test_a_picture_that_takes_too_long_stays() -> None:
    with processes(seconds=1.0) as render, pytest.raises(Transient, match="longer than 1 seconds"):
        render(dies_of("sleeping"))


def test_what_a_decoder_prints_is_no_answer(render: RenderProcesses) -> None:
    with pytest.raises(Permanent, match="not_an_image"):
        render(dies_of("noise"))


@on_linux
@pytest.mark.parametrize("picture_format", ["WEBP", "AVIF", "JPEG2000"])
def test_a_picture_that_just_fits_into_the_memory_arrives(picture_format: str) -> None:
    """Some decoders call a file damaged when they get no memory."""
    source = photograph(size=(6000, 4000), picture_format=picture_format)
    with RenderProcesses(USUAL_RENDITION, USUAL_LIMITS, estimate(source).total) as render:
        assert render(source).width == 1024


@on_linux
def test_a_picture_that_never_fits_is_not_called_damaged() -> None:
    source = photograph(size=(8000, 6000), picture_format="WEBP")
    with (
        RenderProcesses(USUAL_RENDITION, USUAL_LIMITS, 64 * 1024 * 1024) as render,
        pytest.raises(Permanent, match="too_large"),
    ):
        render(source)


@on_linux
def test_one_child_renders_many_pictures() -> None:
    before = set(children())
    with processes() as render:
        render(photograph())
        first = set(children()) - before
        for _ in range(20):
            render(photograph())
        assert set(children()) - before == first
        assert len(first) == 1
    assert not set(children()) - before


@on_linux
def test_four_render_at_once_in_four_children() -> None:
    before = set(children())
    sources = [photograph(f"#{16 * number:02x}8899", (3000, 2000), "PNG") for number in range(8)]
    with processes() as render, ThreadPoolExecutor(4) as threads:
        assert len({picture.content for picture in threads.map(render, sources)}) == len(sources)
        assert 1 <= len(set(children()) - before) <= 4


@on_linux
def test_neighbours_of_a_crashing_file_arrive() -> None:
    sources = [dies_of("SIGSEGV") if number == 7 else photograph(f"#{number:02x}4455") for number in range(20)]
    with processes() as render, ThreadPoolExecutor(4) as threads:
        attempts = [threads.submit(render, source) for source in sources]
        failed = [number for number, attempt in enumerate(attempts) if attempt.exception()]
    assert failed == [7]


def damage(render: RenderProcesses, count: int, meeting: Path) -> None:
    """Let as many children each render a file that damages it; then they wait idle for the next picture."""

    def damage_one(_: int) -> None:
        with pytest.raises(Permanent, match="not_an_image"):
            render(damages(count, meeting))

    with ThreadPoolExecutor(count) as threads:
        list(threads.map(damage_one, range(count)))


@on_linux
@pytest.mark.parametrize("damaged", [1, 2, 4])
def test_a_picture_is_not_blamed_for_a_damaged_child(tmp_path: Path, damaged: int) -> None:
    with processes() as render:
        damage(render, damaged, tmp_path)
        for number in range(6):
            assert render(photograph(f"#{number:02x}4455")).width == 1024


@on_linux
def test_good_pictures_at_once_survive_damaged_children(tmp_path: Path) -> None:
    with processes() as render, ThreadPoolExecutor(4) as threads:
        damage(render, 4, tmp_path)
        sources = [photograph(f"#{number:02x}4455") for number in range(12)]
        assert [picture.width for picture in threads.map(render, sources)] == [1024] * len(sources)


@on_linux
def test_a_crashing_file_is_named_beside_damaged_children(tmp_path: Path) -> None:
    """A damaged child dies of a plain picture too, which says nothing about the deployment."""
    with processes() as render:
        damage(render, 4, tmp_path)
        with pytest.raises(Permanent, match="crashes_worker"):
            render(dies_of("SIGSEGV"))


@on_linux
def test_a_crash_leaves_no_child_behind(tmp_path: Path) -> None:
    before = set(children())
    with processes() as render:
        damage(render, 4, tmp_path)
        with pytest.raises(Permanent, match="crashes_worker"):
            render(dies_of("SIGSEGV"))
        assert len(set(children()) - before) == 1, "the one that has proved itself"
    assert not set(children()) - before


def test_the_child_knows_no_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PICTURE_STORAGE", "AccountKey=secret")
    shown = tmp_path / "environment"
    command = (sys.executable, "-c", f"import os; open({str(shown)!r}, 'w').write(repr(os.environ))")
    with processes(command=command) as render, pytest.raises(Transient):
        render(photograph())
    assert "PATH" in shown.read_text()
    assert "secret" not in shown.read_text()


@on_linux
def test_the_child_ends_with_its_parent() -> None:
    program = (
        "from tests.test_render_process import *\n"
        "render = processes(); render(photograph()); print(*children(), flush=True); input()"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    (child,) = map(int, parent.stdout.readline().split())
    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()
    deadline = time.monotonic() + 10
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(child)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
