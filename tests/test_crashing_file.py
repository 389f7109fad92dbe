"""A file that kills its decoder is named by the sweep, and the pictures beside it arrive."""

import sys
from dataclasses import replace

import pytest

from shared.config import Settings
from shared.errors import Transient
from shared.render_process import ChildLimits, RenderProcesses
from shared.storage import names
from tests.support.dying_child import dies_of
from tests.support.local_stack import DESK, LocalStack, photograph

GOOD = 200
COMPANY = "CRONUS USA, Inc"


def renderers(settings: Settings) -> RenderProcesses:
    command = (sys.executable, "-m", "tests.support.dying_child")
    return RenderProcesses(settings.rendition, settings.limits, settings.render_memory, ChildLimits(), command)


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="a child's limits, and what it dies of, are Linux's")


@on_linux
def test_good_pictures_arrive_beside_a_crashing_file(local: LocalStack) -> None:
    company = local.stack.endpoints.company_id
    for number in range(GOOD):
        local.control("POST", "items", company_id=company, number=f"G{number:03}", displayName="Good")
        local.upload(f"{COMPANY}/G{number:03}.jpg", photograph(f"#{number:02x}5577", (320, 240)))
    local.control("POST", "items", company_id=company, number="BAD", displayName="Bad")
    local.upload(f"{COMPANY}/BAD.jpg", dies_of("SIGSEGV"))
    local.pass_time(minutes=5)
    app = local.app()
    report = replace(app.sweep, renderers=lambda: renderers(app.pipeline.settings)).run()
    assert report.outcomes == {"updated": GOOD, "quarantined": 1}
    quarantined, note = local.names(names.QUARANTINE)
    assert quarantined.startswith(f"crashes_worker/{COMPANY}/BAD~")
    assert "SIGSEGV" in (local.read(names.QUARANTINE, note) or b"").decode()
    assert local.names(names.INCOMING) == []
    assert len(local.names(names.ARCHIVE)) == GOOD


@on_linux
@pytest.mark.parametrize("signal", ["SIGSEGV", "SIGKILL"])
def test_a_killed_render_names_its_reason(local: LocalStack, signal: str) -> None:
    local.upload(DESK, dies_of(signal))
    pipeline = local.pipeline()
    with renderers(pipeline.settings) as render:
        pipeline = replace(pipeline, render=render)
        if signal == "SIGSEGV":
            assert pipeline.process(names.INCOMING, DESK).reason == "crashes_worker"
        else:
            with pytest.raises(Transient, match="render_interrupted"):
                pipeline.process(names.INCOMING, DESK)
