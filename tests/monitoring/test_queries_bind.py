"""Every query is KQL over Application Insights' classic tables, as Microsoft's language service reads it."""

import json
import subprocess
from collections.abc import Mapping

import pytest

from devstack.machine import setup
from devstack.machine.setup import ROOT
from tests.support.telemetry_tables import TABLES, query_file, query_names

PROGRAM = ROOT / "tests" / "support" / "bind_queries.js"


def problems(queries: Mapping[str, str]) -> dict[str, list[str]]:
    tables = {
        table: "(" + ", ".join(f"{name}: {kind}" for name, kind in columns.items()) + ")"
        for table, columns in TABLES.items()
    }
    task = {"service": str(setup.kusto()), "tables": tables, "queries": queries}
    node = [str(setup.node()), str(PROGRAM)]
    run = subprocess.run(node, input=json.dumps(task), capture_output=True, text=True, encoding="utf-8", check=True)
    return json.loads(run.stdout)


def test_every_query_parses_and_binds() -> None:
    assert problems({name: query_file(name) for name in query_names()}) == {}


@pytest.mark.parametrize(
    ("query", "at_fault"),
    [
        ("traces | where mesage == 'upload_finished'", "mesage"),
        ("traces | summarize last = max(timestamp)", "last"),
        ("AppTraces | count", "AppTraces"),
        ("traces | summarize n = count( by message", "by"),
    ],
)
def test_what_azure_would_refuse_is_named(query: str, at_fault: str) -> None:
    (found,) = problems({"query": query}).values()
    assert any(problem.endswith(at_fault) for problem in found)
