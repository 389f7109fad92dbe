"""Guards every test: nothing leaves loopback, no skip goes unnoticed; and starts the real stack for tests that ask."""

import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from devstack import stack
from devstack.ingestion.__main__ import KEEP_IN
from devstack.machine import loopback, setup
from shared import telemetry_names
from tests.support import whole_run
from tests.support.local_stack import LocalStack, Log
from tests.support.simulator_client import bc_fixture, simulator_fixture  # noqa: F401 - fixtures
from tests.support.telemetry import telemetry_to

loopback.forbid_everything_else()

# Machines differ and are busy: neither the time of day nor a slow moment may decide a test.
settings.register_profile("everywhere", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("everywhere")

NOT_ON_WINDOWS = "Windows has no such signals, pipes or scripts"
on_posix = pytest.mark.skipif(os.name == "nt", reason=NOT_ON_WINDOWS)
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has file names of any bytes")

KEPT, FOUND = pytest.StashKey[Path](), pytest.StashKey[list[str]]()
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".local", ".*_cache", "__pycache__", ".hypothesis")

# A skip with any other reason fails the run. The comments say on which machines each of these occurs.
EXPECTED_SKIPS: tuple[str, ...] = (
    "Microsoft's azure-functions-runtime needs Python 3.13",  # 3.11 and 3.12
    "pillow-heif is not installed, as in the app",  # not a requirement, because of its decoder's licences
    "no Chromium, Chrome or Edge is on the PATH",  # .ci/run installs one
    "what a picture costs is measured by means of Linux",  # elsewhere
    "a child's limits, and what it dies of, are Linux's",  # elsewhere
    "only glibc's allocator is configured",  # elsewhere, and with musl
    "only Linux has file names of any bytes",  # elsewhere
    NOT_ON_WINDOWS,
    "Pillow's own pictures cannot be fetched",  # without a package index
    "the app's packages cannot be fetched",  # without a package index, and not fetched before
    "checkov cannot be fetched",  # the same
    "takes minutes; --long runs it",
    "a terminal to answer for is made by Unix's means",  # Windows
    "Microsoft's trigger does not lie beside the project",  # nor does it belong to it
    "no Bicep compiler is on the PATH or named by BICEP_CLI",  # where nobody has installed it; .ci/run insists on it
    "no Terraform runs here",  # on Windows, where its stand-ins cannot; .ci/run insists on it
    "another version of Bicep than the one whose snapshots are here",  # tests/support/bicep.py pins one
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add options for tests that take long."""
    group = parser.getgroup("harmful files (tests/pictures/test_hostile_fuzz.py)")
    group.addoption("--fuzz", type=float, metavar="SECONDS", help="search for this long, from a random seed")
    parser.addoption("--long", action="store_true", help="run the tests that take minutes, too")
    parser.addoption("--telemetry", type=Path, metavar="FILE", help="send telemetry, and write what came in to FILE")
    group.addoption("--fuzz-seed", type=int, metavar="SEED", help="search from this seed, to repeat an earlier run")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Keep what stacks send and the app logs; a run within this one leaves it to this one to look at that."""
    if KEEP_IN not in os.environ:
        config.stash[KEPT] = Path(tempfile.mkdtemp(prefix="kept-"))
        os.environ[KEEP_IN] = str(config.stash[KEPT])
    handler = whole_run.LinesKept(Path(os.environ[KEEP_IN]))
    logging.getLogger(telemetry_names.LOGGER).addHandler(handler)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what was kept."""
    if folder := config.stash.get(KEPT, None):
        del os.environ[KEEP_IN]
        shutil.rmtree(folder)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip the tests marked ``long``, unless asked for."""
    for item in items:
        if item.get_closest_marker("long") and not config.getoption("--long"):
            item.add_marker(pytest.mark.skip(reason="takes minutes; --long runs it"))


@pytest.fixture(autouse=True)
def _nothing_leaves_loopback() -> Iterator[None]:
    """Fail a test that tries to connect beyond loopback, even if something swallows the refusal."""
    before = len(loopback.violations)
    yield
    assert loopback.violations[before:] == []


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run that has an unexpected skip."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    unexpected = [r.longreprtext for r in skipped if not any(reason in r.longreprtext for reason in EXPECTED_SKIPS)]
    if folder := session.config.stash.get(KEPT, None):
        session.config.stash[FOUND] = whole_run.problems(folder)
        unexpected += session.config.stash[FOUND]
    if unexpected and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """List the unexpected skips, and what should not have been sent or logged."""
    for problem in config.stash.get(FOUND, []):
        terminalreporter.write_line(f"SENT OR LOGGED {problem}", red=True)
    for report in terminalreporter.stats.get("skipped", []):
        if not any(reason in report.longreprtext for reason in EXPECTED_SKIPS):
            terminalreporter.write_line(f"UNEXPECTED SKIP {report.nodeid}: {report.longreprtext}", red=True)


@pytest.fixture(scope="session")
def running_stack(request: pytest.FixtureRequest) -> Iterator[stack.Stack]:
    """Run the real stack without the host: Azurite, the simulator of BC, the identity endpoint."""
    file = request.config.getoption("--telemetry")
    with (
        stack.running(movable_clock=True, telemetry=bool(file)) as running,
        telemetry_to(file, running) if file else nullcontext(),
    ):
        yield running


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Log:
    """Return a function that reads the app's own lines of JSON."""
    caplog.set_level("INFO", logger="item_picture_sync")
    return lambda: [json.loads(record.getMessage()) for record in caplog.records if record.name == "item_picture_sync"]


@pytest.fixture
def local(running_stack: stack.Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalStack]:
    """Provide the stack with empty containers, a catalogue without pictures, and the app's settings."""
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
        monkeypatch.setenv(name, running_stack.app_settings[name])
    stack_without_pictures = LocalStack(running_stack)
    stack_without_pictures.reset()
    yield stack_without_pictures
    stack_without_pictures.reset()


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the project, with a ``.local`` of its own: a stack that runs here stays undisturbed."""
    copy = tmp_path_factory.mktemp("copy") / "project"
    shutil.copytree(setup.ROOT, copy, ignore=NOT_COPIED)
    azurite = setup.azurite().parents[4]
    (copy / ".local").mkdir()
    (copy / ".local" / azurite.name).symlink_to(azurite, target_is_directory=True)
    return copy
