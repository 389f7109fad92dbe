"""Tells a function about its call, as the worker does for functions with a parameter ``context``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class TraceContext:
    """The trace in which a call runs, by the W3C headers of these names."""

    trace_parent: str
    trace_state: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CallContext:
    """The call, its function and its trace: of ``azure.functions.Context``, what has a meaning here."""

    invocation_id: str
    function_name: str
    function_directory: str
    trace_context: TraceContext


def context_of(call: dict[str, Any]) -> CallContext:
    """Return the context of a call as the host describes it."""
    return CallContext(str(call["number"]), call["function"], str(Path.cwd()), TraceContext(call["trace_parent"]))
