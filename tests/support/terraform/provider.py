"""A Terraform provider that is nothing but a published schema: the core checks and plans against it, as ever.

It stands in for azurerm, azapi and azuread, where no registry and no Azure is: it refuses what the schema does not
know. Defaults, limits and dependencies between attributes are in the providers' code, so they are not checked. With
``STAND_IN_MARKS=1`` computed values are marks (``values.py``), and what is applied is as planned; otherwise they are
unknown, and nothing can be applied. Azure answers azapi's questions with ``STAND_IN_ANSWERS``, by path, or with marks.

As a program, serves the schema in the file that its argument names, until the core ends it.
"""

import json
import os
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import msgpack
from tf.gen import grpc_controller_pb2 as controller_messages
from tf.gen import grpc_controller_pb2_grpc as controller_service
from tf.gen import tfplugin_pb2 as messages
from tf.gen import tfplugin_pb2_grpc as service

from tests.support.terraform.values import Block, Marks, Values, answered, exported, planned, refused, resource_id

_NESTING = {"single": 1, "list": 2, "set": 3}
_ERROR = messages.Diagnostic.ERROR
_CAPABILITIES = messages.ServerCapabilities(plan_destroy=True, get_provider_schema_optional=True)


def _read(value: Any) -> Any:
    if value.json:
        return json.loads(value.json)
    return msgpack.unpackb(value.msgpack, ext_hook=msgpack.ExtType) if value.msgpack else None


def _written(value: object) -> Any:
    return messages.DynamicValue(msgpack=msgpack.packb(value))


def _schema(block: Block) -> Any:
    return messages.Schema(block=_block(block))


def _block(block: Block) -> Any:
    attributes = [
        messages.Schema.Attribute(
            name=name,
            type=json.dumps(attribute["type"]).encode(),
            **{flag: attribute.get(flag, False) for flag in ("required", "optional", "computed")},
        )
        for name, attribute in block["attributes"].items()
    ]
    nested = [
        messages.Schema.NestedBlock(
            type_name=name,
            block=_block(inner["block"]),
            nesting=_NESTING[inner["nesting_mode"]],
            **{limit: inner.get(limit, 0) for limit in ("min_items", "max_items")},
        )
        for name, inner in block["block_types"].items()
    ]
    return messages.Schema.Block(attributes=attributes, block_types=nested)


class Provider(service.ProviderServicer):
    """Answers the core's questions; the names of its methods are the protocol's."""

    def __init__(self, content: Block, *, marks: bool) -> None:
        self._content, self._marks, self._subscription = content, marks, ""
        self._resources, self._data = content["resource_schemas"], content["data_source_schemas"]

    def GetMetadata(self, request: Any, context: Any) -> Any:
        kinds = messages.GetMetadata
        return kinds.Response(
            server_capabilities=_CAPABILITIES,
            resources=[kinds.ResourceMetadata(type_name=name) for name in self._resources],
            data_sources=[kinds.DataSourceMetadata(type_name=name) for name in self._data],
        )

    def GetProviderSchema(self, request: Any, context: Any) -> Any:
        return messages.GetProviderSchema.Response(
            server_capabilities=_CAPABILITIES,
            provider=_schema(self._content["provider"]),
            resource_schemas={name: _schema(block) for name, block in self._resources.items()},
            data_source_schemas={name: _schema(block) for name, block in self._data.items()},
        )

    def ValidateProviderConfig(self, request: Any, context: Any) -> Any:
        return messages.ValidateProviderConfig.Response()

    def ConfigureProvider(self, request: Any, context: Any) -> Any:
        self._subscription = (_read(request.config) or {}).get("subscription_id") or ""
        return messages.ConfigureProvider.Response()

    def ValidateResourceConfig(self, request: Any, context: Any) -> Any:
        problems = _problems(self._resources[request.type_name], _read(request.config))
        return messages.ValidateResourceConfig.Response(diagnostics=problems)

    def ValidateDataResourceConfig(self, request: Any, context: Any) -> Any:
        problems = _problems(self._data[request.type_name], _read(request.config))
        return messages.ValidateDataResourceConfig.Response(diagnostics=problems)

    def PlanResourceChange(self, request: Any, context: Any) -> Any:
        config = _read(request.proposed_new_state)
        if config is None:  # it is to be deleted
            return messages.PlanResourceChange.Response(planned_state=request.proposed_new_state)
        new = self._planned(request.type_name, config, _read(request.prior_state))
        return messages.PlanResourceChange.Response(planned_state=_written(new))

    def _planned(self, kind: str, config: Values, prior: Values | None) -> Values:
        marks = Marks(resource_id(kind, config, self._subscription)) if self._marks else None
        new = planned(self._resources[kind], config, prior, marks)
        if not (marks and "output" in new):
            return new
        return {**new, "output": exported(config, "response_export_values", marks.resource, {})}

    def ApplyResourceChange(self, request: Any, context: Any) -> Any:
        if not self._marks:
            problem = messages.Diagnostic(severity=_ERROR, summary="This provider only plans.")
            return messages.ApplyResourceChange.Response(new_state=request.prior_state, diagnostics=[problem])
        return messages.ApplyResourceChange.Response(new_state=request.planned_state)

    def ReadDataSource(self, request: Any, context: Any) -> Any:
        kind, answers = request.type_name, json.loads(os.environ.get("STAND_IN_ANSWERS", "{}"))
        state = answered(self._data[kind], kind, _read(request.config), answers)
        return messages.ReadDataSource.Response(state=_written(state))

    def UpgradeResourceState(self, request: Any, context: Any) -> Any:
        return messages.UpgradeResourceState.Response(upgraded_state=messages.DynamicValue(json=request.raw_state.json))

    def ReadResource(self, request: Any, context: Any) -> Any:
        return messages.ReadResource.Response(new_state=request.current_state)

    def StopProvider(self, request: Any, context: Any) -> Any:
        return messages.StopProvider.Response()


def _problems(block: Block, config: Values) -> list[Any]:
    return [
        messages.Diagnostic(
            severity=_ERROR,
            summary="Value for unconfigurable attribute",
            detail=f'"{path[-1]}" is computed: the provider alone sets it.',
            attribute=messages.AttributePath(steps=[_step(part) for part in path]),
        )
        for path in refused(block, config)
    ]


def _step(part: str | int) -> Any:
    step = messages.AttributePath.Step
    return step(attribute_name=part) if isinstance(part, str) else step(element_key_int=part)


class _Controller(controller_service.GRPCControllerServicer):
    def __init__(self, ended: threading.Event) -> None:
        self._ended = ended

    def Shutdown(self, request: Any, context: Any) -> Any:
        self._ended.set()
        return controller_messages.Empty()


def main() -> None:
    """Serve until the core says that it needs the provider no longer, or is gone."""
    content, ended = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), threading.Event()
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    provider = Provider(content, marks=os.environ.get("STAND_IN_MARKS") == "1")
    service.add_ProviderServicer_to_server(provider, server)
    controller_service.add_GRPCControllerServicer_to_server(_Controller(ended), server)
    parent = os.getppid()
    with tempfile.TemporaryDirectory() as folder:
        server.add_insecure_port(f"unix://{folder}/socket")
        server.start()
        print(f"1|6|unix|{folder}/socket|grpc|", flush=True)  # what the core waits for
        while not ended.wait(1) and os.getppid() == parent:
            pass
        server.stop(0)


if __name__ == "__main__":
    main()
