"""Every query is KQL over Application Insights' classic tables, as Microsoft's language service reads it."""

import json
import subprocess
from functools import cache

import pytest

from devstack.ingestion.tables import TABLES, query_file, query_names
from devstack.machine import setup
from devstack.machine.setup import ROOT

PROGRAM = ROOT / "tests" / "support" / "bind_queries.js"
# Queries that Azure would refuse, with the text at fault.
REFUSED = {
    "traces | where mesage == 'upload_finished'": "mesage",
    "traces | summarize last = max(timestamp)": "last",
    "let latest = toscalar(traces | summarize max(timestamp)); traces | where timestamp == latest": "latest",
    "AppTraces | count": "AppTraces",
    "traces | summarize n = count( by message": "by",
}


@cache
def problems() -> dict[str, list[str]]:
    """Return the problems of all queries, by file, and of the refused ones, by text; one run takes two seconds."""
    tables = {
        table: "(" + ", ".join(f"{name}: {kind}" for name, kind in columns.items()) + ")"
        for table, columns in TABLES.items()
    }
    queries = {name: query_file(name) for name in query_names()} | {text: text for text in REFUSED}
    task = json.dumps({"service": str(setup.kusto()), "tables": tables, "queries": queries})
    node = [str(setup.node()), str(PROGRAM)]
    run = subprocess.run(node, input=task, capture_output=True, text=True, encoding="utf-8", check=True)
    return json.loads(run.stdout)


def test_every_query_parses_and_binds() -> None:
    assert {name: problems().get(name) for name in query_names()} == dict.fromkeys(query_names())


@pytest.mark.parametrize(("query", "at_fault"), REFUSED.items())
def test_what_azure_would_refuse_is_named(query: str, at_fault: str) -> None:
    assert any(problem.endswith(f" {at_fault}") for problem in problems()[query])
