"""Drives Microsoft's own language runtime (``azure_functions_runtime``) as the Functions worker drives it; a program.

The worker's gRPC messages come from a host that is not here, so ``protos`` holds stand-ins with the same field
names. Everything between message and function, and back, is Microsoft's code: indexing, checking bindings against
annotations, the registry, decoding, the thread pool, exceptions.

``python -m tests.support.functions_runtime FOLDER`` reads a list of invocations as JSON from standard input (``function``,
``inputs`` by parameter, each ``{kind: value}`` as in the proto's ``TypedData``, and ``metadata`` alike) and prints
what the runtime answered, as one JSON document.
"""

import asyncio
import json
import sys
from types import SimpleNamespace
from typing import Any

from devstack.machine import loopback


class Message(SimpleNamespace):
    """A protobuf message with the fields that it was given."""


class Either(Message):
    """A message with a ``oneof``: the last field given is the one that is set."""

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802 - protobuf's name
        return next(reversed(vars(self)), None)


class StatusResult(Message):
    """How something ended."""

    Failure, Success, Cancelled = range(3)


class BindingInfo(Message):
    """One parameter's binding."""

    out, inout = 1, 2  # of the directions
    undefined = 0  # of the data types


_ANSWERS = (
    *("WorkerInitResponse", "WorkerMetadata", "FunctionMetadataResponse", "FunctionLoadResponse"),
    *("InvocationResponse", "RpcFunctionMetadata", "RpcRetryOptions", "RpcException"),
)
protos = SimpleNamespace(
    **{name: type(name, (Message,), {}) for name in _ANSWERS},
    StatusResult=StatusResult,
    BindingInfo=BindingInfo,
    TypedData=Either,
    ParameterBinding=Either,
)


def request(**content: Message) -> Message:
    """Return a message as the worker hands it to the runtime."""
    return Message(request=Message(**content), properties={"host": "127.0.0.1", "protos": protos})


def typed(data: dict[str, Any]) -> Either:
    """Return a value as the host sends it; an SDK type's reference is JSON inside of ``model_binding_data``."""
    ((kind, value),) = data.items()
    if kind == "model_binding_data":
        facts = {"version": "1.0", "source": "AzureStorageBlobs", "content_type": "application/json"}
        value = Message(**facts, content=json.dumps(value).encode())
    return Either(**{kind: value})


def invocation(number: int, function_id: str, asked: dict[str, Any]) -> Message:
    """Return the host's request to run a function once."""
    return request(
        invocation_request=Message(
            invocation_id=str(number),
            function_id=function_id,
            input_data=[Either(name=name, data=typed(value)) for name, value in asked["inputs"].items()],
            trigger_metadata={name: typed(value) for name, value in asked.get("metadata", {}).items()},
            trace_context=Message(trace_parent=f"00-{number + 1:032x}-{1:016x}-01", trace_state="", attributes={}),
            retry_context=Message(retry_count=0, max_retry_count=0, exception=None),
        )
    )


def told(result: StatusResult) -> dict[str, Any]:
    """Return a result as the host reads it."""
    exception = getattr(result, "exception", None)
    return {
        "succeeded": result.status == StatusResult.Success,
        "message": exception and exception.message,
        "stack_trace": exception and exception.stack_trace,
    }


async def run(folder: str, asked: list[dict[str, Any]]) -> dict[str, Any]:
    """Start the runtime on the app in ``folder``, load every function, and invoke them in order."""
    import azure_functions_runtime as runtime  # noqa: PLC0415 - not before the guard

    runtime.start_threadpool_executor()
    start = Message(capabilities={}, function_app_directory=folder)
    started = await runtime.worker_init_request(request(worker_init_request=start))
    indexed = await runtime.functions_metadata_request(request())
    functions = {found.name: found for found in indexed.function_metadata_results or []}
    loads, answers = {}, []
    for name, found in functions.items():
        load = Message(function_id=found.function_id, metadata=found)
        loads[name] = told((await runtime.function_load_request(request(function_load_request=load))).result)
    for number, each in enumerate(asked):
        function_id = functions[each["function"]].function_id
        answers.append(told((await runtime.invocation_request(invocation(number, function_id, each))).result))
    runtime.stop_threadpool_executor()
    return {
        "start": told(started.result),
        "bindings": {name: [json.loads(raw) for raw in found.raw_bindings] for name, found in functions.items()},
        "loads": loads,
        "invocations": answers,
        "left_loopback": loopback.violations,
    }


def main() -> None:
    """Run the program."""
    loopback.forbid_everything_else()
    folder, answer = sys.argv[1], sys.stdout
    sys.stdout = sys.stderr  # whatever the app or the runtime prints is no answer
    sys.path.insert(0, folder)
    json.dump(asyncio.run(run(folder, json.load(sys.stdin))), answer)


if __name__ == "__main__":
    main()
