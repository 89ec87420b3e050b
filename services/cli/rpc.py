"""The public RPCs by name, read off their descriptors."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import Descriptor, ServiceDescriptor
from google.protobuf.message import Message

from services.cli import stubs
from services.cli.exits import CannotGoOn, Exit
from services.cli.suite import SERVICES


class UnknownRpc(CannotGoOn):
    """No public RPC is called so."""

    exit_code = Exit.USAGE


@dataclass(frozen=True, slots=True)
class Rpc:
    """``service`` is the one that answers, e.g. dispatch.

    One ``streams`` whose single request has many answers; where each of many requests has one
    answer, a call with one request is as any other.
    """

    service: str
    interface: str
    method: str
    request: type[Message]
    response: type[Message]
    streams: bool = False

    @property
    def path(self) -> str:
        return f"/anlan.{self.service}.v1.{self.interface}/{self.method}"

    def __str__(self) -> str:
        return f"{self.service}.{self.interface}/{self.method}"


def find(name: str) -> Rpc:
    """Return the RPC called e.g. ``command.ReportService/SubmitReport``.  Raises UnknownRpc.

    The service may be left out, and the interface too where no other has such a method.
    """
    wanted = name.removeprefix("/").removeprefix("anlan.").replace(".v1.", ".")
    found = [rpc for rpc in public() if str(rpc) == wanted]
    found = found or [r for r in public() if wanted in {f"{r.interface}/{r.method}", r.method}]
    if len(found) != 1:
        near = sorted(str(r) for r in public() if r.method == wanted.rpartition("/")[2]) or sorted(
            {f"{r.service}.{r.interface}" for r in public()}
        )
        raise UnknownRpc(f"no RPC {name!r}; there is {', '.join(near)}")
    return found[0]


@cache
def public() -> tuple[Rpc, ...]:
    """Return every RPC of the suite's services."""
    stubs.reach()
    found: list[Rpc] = []
    for service in SERVICES:
        package = importlib.import_module(f"anlan.{service}.v1")
        for module in pkgutil.iter_modules(package.__path__):
            if module.name.endswith("_service_pb2"):
                generated = importlib.import_module(f"{package.__name__}.{module.name}")
                for interface in generated.DESCRIPTOR.services_by_name.values():
                    found += _methods(service, interface)
    return tuple(found)


def _methods(service: str, interface: ServiceDescriptor) -> list[Rpc]:
    pool: Any = descriptor_pool.Default()  # type: ignore[no-untyped-call]
    return [
        Rpc(
            service,
            interface.name,
            method.name,
            message_factory.GetMessageClass(
                pool.FindMessageTypeByName(method.input_type.full_name)
            ),
            message_factory.GetMessageClass(
                pool.FindMessageTypeByName(method.output_type.full_name)
            ),
            bool(method.server_streaming and not method.client_streaming),
        )
        for method in interface.methods
    ]


def plain(message: Message) -> dict[str, Any]:
    """Return the JSON form, with the protos' own names and every field; null what is absent."""
    tree: dict[str, Any] = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return _completed(tree, message.DESCRIPTOR)


def _completed(tree: dict[str, Any], descriptor: Descriptor) -> dict[str, Any]:
    for field in descriptor.fields:
        inner = field.message_type
        if inner is None or inner.full_name.startswith("google."):
            tree.setdefault(field.name, None)
            continue
        found = tree.setdefault(field.name, None)
        for part in found if isinstance(found, list) else [found]:
            if isinstance(part, dict):
                _completed(part, inner)
    return tree


def dig(tree: Any, path: str) -> Any:
    """Return what stands at e.g. ``assignment.state`` or ``entries.0.type``; None if nothing."""
    for name in path.split("."):
        if isinstance(tree, list):
            tree = tree[int(name)] if name.isdigit() and int(name) < len(tree) else None
        elif isinstance(tree, dict):
            tree = tree.get(name)
        else:
            return None
    return tree


def same(got: Any, wanted: Any) -> bool:
    """Compare as JSON has it: 64-bit integers are strings there.  A list means any of its."""
    if isinstance(wanted, list):
        return any(same(got, one) for one in wanted)
    if isinstance(got, bool) or isinstance(wanted, bool):
        return got is wanted
    return str("" if got is None else got) == str("" if wanted is None else wanted)
