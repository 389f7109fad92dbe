"""Drives Microsoft's own language runtime (``azure_functions_runtime``) as the Functions worker does; a program.

There is no host to send gRPC messages, so ``protos`` holds stand-ins with the same field names. Everything between
message and function, and back, is Microsoft's code: indexing, checking bindings against annotations, the registry,
decoding, the thread pool, exceptions.

``python -m tests.support.functions_runtime FOLDER`` reads a list of invocations as JSON from standard input and prints
the runtime's answers as one JSON document. An invocation has a ``function``, ``inputs`` by parameter, each
``{kind: value}`` as in the proto's ``TypedData``, and ``metadata`` of the same form.
"""

import asyncio
import json
import sys
from types import SimpleNamespace
from typing import Any

from devstack.machine import loopback


class Message(SimpleNamespace):
    """A protobuf message with the given fields."""


class Either(Message):
    """A message with a ``oneof``: the last field given counts."""

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802 - protobuf's name
        return next(reversed(vars(self)), None)


class StatusResult(Message):
    """The result of a request."""

    Failure, Success, Cancelled = range(3)


class BindingInfo(Message):
    """One parameter's binding."""

    out, inout = 1, 2  # directions
    undefined = 0  # a data type


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
    """Return a message as the worker passes it to the runtime."""
    return Message(request=Message(**content), properties={"host": "127.0.0.1", "protos": protos})


def typed(data: dict[str, Any]) -> Either:
    """Return a value as the host sends it; ``model_binding_data`` holds the reference of an SDK type as JSON."""
    ((kind, value),) = data.items()
    if kind == "model_binding_data":
        facts = {"version": "1.0", "source": "AzureStorageBlobs", "content_type": "application/json"}
        value = Message(**facts, content=json.dumps(value).encode())
    return Either(**{kind: value})


def invocation(number: int, function_id: str, call: dict[str, Any]) -> Message:
    """Return the host's request to run a function once."""
    return request(
        invocation_request=Message(
            invocation_id=str(number),
            function_id=function_id,
            input_data=[Either(name=name, data=typed(value)) for name, value in call["inputs"].items()],
            trigger_metadata={name: typed(value) for name, value in call.get("metadata", {}).items()},
            trace_context=Message(trace_parent=f"00-{number + 1:032x}-{1:016x}-01", trace_state="", attributes={}),
            retry_context=Message(retry_count=0, max_retry_count=0, exception=None),
        )
    )


def summary(result: StatusResult) -> dict[str, Any]:
    """Return what the host reads from a result."""
    exception = getattr(result, "exception", None)
    return {
        "succeeded": result.status == StatusResult.Success,
        "message": exception and exception.message,
        "stack_trace": exception and exception.stack_trace,
    }


async def run(folder: str, calls: list[dict[str, Any]]) -> dict[str, Any]:
    """Start the runtime on the app in ``folder``, load every function, and invoke them in order."""
    import azure_functions_runtime as runtime  # noqa: PLC0415 - only after the guard is up

    runtime.start_threadpool_executor()
    start = Message(capabilities={}, function_app_directory=folder)
    started = await runtime.worker_init_request(request(worker_init_request=start))
    indexed = await runtime.functions_metadata_request(request())
    functions = {function.name: function for function in indexed.function_metadata_results or []}
    loads, answers = {}, []
    for name, function in functions.items():
        load = Message(function_id=function.function_id, metadata=function)
        loads[name] = summary((await runtime.function_load_request(request(function_load_request=load))).result)
    for number, call in enumerate(calls):
        function_id = functions[call["function"]].function_id
        answers.append(summary((await runtime.invocation_request(invocation(number, function_id, call))).result))
    runtime.stop_threadpool_executor()
    return {
        "start": summary(started.result),
        "bindings": {name: [json.loads(raw) for raw in each.raw_bindings] for name, each in functions.items()},
        "loads": loads,
        "invocations": answers,
        "left_loopback": loopback.violations,
    }


def main() -> None:
    """Run the program."""
    loopback.forbid_everything_else()
    folder, answer = sys.argv[1], sys.stdout
    sys.stdout = sys.stderr  # what the app or the runtime prints is not part of the answer
    sys.path.insert(0, folder)
    json.dump(asyncio.run(run(folder, json.load(sys.stdin))), answer)


if __name__ == "__main__":
    main()
