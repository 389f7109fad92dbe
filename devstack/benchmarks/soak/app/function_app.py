# noqa: INP001 - the host finds it by its folder
"""Loads the app as it is deployed, with its waits shrunk, and with a fault built in if the soak asks for one."""

import importlib.util
import os

from devstack.benchmarks.soak import mutants, scale
from devstack.machine.setup import ROOT

scale.shrink_the_app()
if mutant := os.environ.get(mutants.SETTING):
    mutants.MUTANTS[mutant].apply()

_spec = importlib.util.spec_from_file_location("production", ROOT / "function_app.py")
assert _spec  # noqa: S101 - for the type checker
assert _spec.loader  # noqa: S101 - for the type checker
_production = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_production)
app = _production.app
