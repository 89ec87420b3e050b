"""One exchange of every public RPC, recorded while drills are played, and written down as docs."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import error_details_pb2

from services.cli.client import Client, Refusal
from services.cli.rpc import Rpc, public
from tests.service import ROOT

DOCS = ROOT / "docs" / "examples"
VARIES = "…"
VARYING = re.compile(
    r"^(position|\w*_position|\w*Position|\w*Positions|etag|eventTime|recordTime|\w*RecordTime"
    r"|revision|nextPageToken|age|fleetAgeS|cursor)$"
)
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
AGE = re.compile(r'(?<="age_s":)\d+')
LOCAL_URL = re.compile(r"(?<=http://127\.0\.0\.1:)\d+")
OF_NOW = {"freshness", "vacancies", "expire_time"}
"""How fresh a read is, how many beds are left, until when a unit is held."""
OF_THIS_SECOND = {"age"}
SHOWN_ELEMENTS = 2
MAPS = {"contents", "metadata"}
"""Fields whose keys come in no order of their own."""
WIDTH = 100
DETAILS = {
    kind.DESCRIPTOR.full_name: kind
    for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest)
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as somebody made it; ``because`` is what led to it."""

    rpc: Rpc
    request: Message
    token: str
    exercise: str = ""
    because: str = ""

    @property
    def mutates(self) -> bool:
        return "request_id" in self.request.DESCRIPTOR.fields_by_name

    def buf(self, address: str) -> list[str]:
        """Return the arguments of `buf` that make this call."""
        return [
            *("curl", "--protocol", "grpc", "--http2-prior-knowledge", "--reflect"),
            *("--reflect-header", f"authorization: Bearer {self.token}"),
            *self._headers_and_body(),
            f"http://{address}{self.rpc.path}",
        ]

    def grpcurl(self, address: str) -> list[str]:
        """Return the arguments of `grpcurl` that make this call."""
        return ["-plaintext", *self._headers_and_body(), address, self.rpc.path[1:]]

    def _headers_and_body(self) -> Iterator[str]:
        headers = {
            "authorization": f"Bearer {self.token}",
            "x-exercise-id": self.exercise,
            "x-causation-id": self.because,
        }
        for name, value in headers.items():
            if value:
                yield from ("-H", f"{name}: {value}")
        body = json_format.MessageToDict(self.request, preserving_proto_field_name=True)
        yield from ("-d", json.dumps(body, ensure_ascii=False))


@dataclass(frozen=True, slots=True)
class Example:
    """``answer`` is the first one of a stream."""

    asked: Asked
    answer: Message


class Recorder(Client):
    """Keeps the latest exchange of each RPC, and the latest call that met each refusal.

    What is asked without a person's token is the player's own business and is not kept.
    """

    def __init__(self, addresses: Mapping[str, str], token: str) -> None:
        super().__init__(addresses, lambda: token)
        self.examples: dict[str, Example] = {}
        self.refused: dict[tuple[str, str], Asked] = {}

    async def call(
        self,
        rpc: Rpc,
        request: Message,
        *,
        token: str = "",
        exercise: str = "",
        because: str = "",
        patience_s: float = 0.0,
    ) -> Any:
        asked = Asked(rpc, as_a_reader_would(request), token, exercise, because)
        ask = partial(super().call, rpc, request, token=token, exercise=exercise, because=because)
        try:
            answer = await ask(patience_s=patience_s)
        except Refusal as refusal:
            if token:
                self.refused[rpc.service, refusal.reason] = asked
            raise
        if token:
            self.examples[str(rpc)] = Example(asked, answer)
        return answer


def as_a_reader_would(request: Message) -> Message:
    """Copy a request, without the position that the player waits for, which is of this run only."""
    copied = type(request)()
    copied.CopyFrom(request)
    if "read" in copied.DESCRIPTOR.fields_by_name and copied.HasField("read"):
        read: Any = copied.read  # type: ignore[attr-defined]
        read.ClearField("min_position")
        if not read.ListFields():
            copied.ClearField("read")
    return copied


def settled(answer: Message) -> Message:
    """Copy an answer, without what a repetition tells as it is by then."""
    copied = type(answer)()
    copied.CopyFrom(answer)
    for name in OF_NOW & set(copied.DESCRIPTOR.fields_by_name):
        copied.ClearField(name)
    _settle(copied)
    return copied


def _settle(message: Any) -> None:
    """Leave out how old things are, however deep they stand."""
    for field, value in message.ListFields():
        if field.name in OF_THIS_SECOND:
            message.ClearField(field.name)
        elif field.name == "geojson":
            message.geojson = AGE.sub("0", value)
        elif field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for part in [value] if isinstance(value, Message) else value:
                _settle(part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """When the examples were recorded: what they name of that time is the wall clock's."""

    since: datetime
    until: datetime

    def steady(self, tree: Any, name: str = "") -> Any:
        """Return the tree with what differs from run to run left out, and lists cut short.

        That is places in the log, the wall clock's times, and the receiver's port.
        """
        if isinstance(tree, dict):
            items = sorted(tree.items()) if name in MAPS else tree.items()
            return {key: self.steady(value, key) for key, value in items}
        if VARYING.match(name):
            return VARIES
        if isinstance(tree, list):
            left = [VARIES] * (len(tree) > SHOWN_ELEMENTS)
            return [*(self.steady(value, name) for value in tree[:SHOWN_ELEMENTS]), *left]
        if isinstance(tree, str):
            return AGE.sub("0", INSTANT.sub(self._unless_now, LOCAL_URL.sub(VARIES, tree)))
        return tree

    def _unless_now(self, found: re.Match[str]) -> str:
        said = datetime.fromisoformat(found[0])
        return VARIES if self.since <= said <= self.until else found[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """What the pages are made of; ``refusals`` are how `buf curl` printed them."""

    run: Run
    examples: Mapping[str, Example]
    refusals: Mapping[str, list[tuple[Asked, str]]]
    capabilities: Mapping[str, str]
    addresses: Mapping[str, str]

    def pages(self) -> dict[Path, str]:
        """Return each service's page of examples."""
        return {
            DOCS / f"{service}.md": "\n".join(self._page(service))
            for service in sorted({rpc.service for rpc in public()})
        }

    def _page(self, service: str) -> Iterator[str]:
        told = told_of()
        rpcs = [rpc for rpc in public() if rpc.service == service]
        interfaces = sorted({rpc.interface for rpc in rpcs})
        yield HEAD.format(service=service)
        for interface in interfaces:
            methods = [rpc for rpc in rpcs if rpc.interface == interface]
            links = ", ".join(f"[{rpc.method}](#{rpc.method.lower()})" for rpc in methods)
            yield f"- {interface}: {links}"
        for interface in interfaces:
            yield f"\n## {interface}"
            for rpc in rpcs:
                if rpc.interface == interface:
                    yield f"\n### {rpc.method}\n"
                    yield f"{told[rpc.path[1:]]}\n\nNeeds `{self.capabilities[rpc.path[1:]]}`.\n"
                    yield from self._exchange(self.examples[str(rpc)])
        if service in self.refusals:
            yield "\n## Refusals"
            for asked, printed in self.refusals[service]:
                refused = json.loads(printed)
                refused["details"] = [decoded(detail) for detail in refused["details"]]
                yield f"\n### {asked.rpc.method}: {refused['details'][0]['reason']}\n"
                yield from self._lines(asked)
                yield from block(self.run.steady(refused))
        yield ""

    def _exchange(self, example: Example) -> Iterator[str]:
        yield from self._lines(example.asked)
        yield from block(self.run.steady(json_format.MessageToDict(example.answer)))

    def _lines(self, asked: Asked) -> Iterator[str]:
        """Show the command line, with the token of whoever made the call in a variable."""
        body = json_format.MessageToDict(asked.request, preserving_proto_field_name=True)
        typed = formatted(self.run.steady(body))
        shown = replace(asked, token="$TOKEN").grpcurl(self.addresses[asked.rpc.service])
        shown[shown.index("-d") + 1] = typed
        person = claims(asked.token)
        roles = " ".join(f"--role {role}" for role in person["roles"])
        yield "```sh"
        yield (
            f"TOKEN=$(.venv/bin/anlan token --subject {person['sub']} {roles} "
            f"--jurisdiction {person['jurisdiction']})"
        )
        yield from folded(["grpcurl", *(quoted(part) for part in shown)])
        yield "```\n"


HEAD = """# Examples: {service}

Written by `tests/e2e/test_examples.py`, which plays the drills in `drills` and each
`tests/e2e/tour*.yaml` against a whole suite, keeps an exchange of each RPC, and makes every call
that is here again: with `buf curl` always, with `grpcurl` where `ANLAN_GRPCURL` names it.  To
follow along, start a suite (`anlan up`) and play them (`anlan drill play FILE --speed 0`): then
each answers as shown.

- `TOKEN` is a bearer token; `anlan token` signs one with the development keys in `--data`, as
  [README.md](../../README.md) tells.  For `.venv/bin/buf curl`, which comes with the development
  requirements, put `--protocol grpc --http2-prior-knowledge --reflect` and the token again as
  `--reflect-header` for `-plaintext`, and `http://` before the address, `/` after it.
- `request_id` is a UUID of the caller's: sent again it gets the first answer, and nothing is
  written twice.
- `etag` is the state that was seen: sent with a write, that is refused if anything has changed.
- `position` is the place in the log: put a write's into `read.min_position` to see it in a read.
- `occur_time` is when it happened; left out it is now.
- `x-exercise-id` makes a call part of a drill; in earnest it is left out.  `x-causation-id` names
  what led to it.
- `…` stands for what differs from run to run, and for the rest of a list.  Fields with default
  values are not printed.  `report_id` of the proto is `reportId` in JSON; either is taken.
- A refusal carries `google.rpc.ErrorInfo`, whose `reason` is for programs, and for a field that is
  wrong `BadRequest`; see the end of this page.  `buf curl` prints details as base64; here they are
  decoded.

What each RPC is for stands in [api.md](../api.md), the rules of each field in the
[protos](../../proto/anlan), from which buf or protoc makes stubs for your language.
"""


def told_of() -> dict[str, str]:
    """Return what docs/api.md says of each RPC."""
    told, interface = {}, ""
    for line in (ROOT / "docs" / "api.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            interface = line[3:]
        elif found := re.match(r"- \*\*(\w+)\*\*(.*?): (.*)", line):
            told[f"{interface}/{found[1]}"] = found[3]
    return told


def claims(token: str) -> dict[str, Any]:
    """Return what a token says of its bearer, unchecked."""
    payload = token.split(".")[1]
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return said


def decoded(detail: Mapping[str, str]) -> dict[str, Any]:
    """Return an error's detail as `buf curl` prints it, with its value made legible."""
    value = detail["value"]
    message = DETAILS[detail["type"]].FromString(base64.b64decode(value + "=" * (-len(value) % 4)))
    return {"@type": detail["type"], **json_format.MessageToDict(message)}


def block(tree: Any) -> Iterator[str]:
    yield from ("```json", formatted(tree), "```")


def formatted(tree: Any, indent: str = "") -> str:
    """Write JSON with what fits on a line on one line."""
    flat = json.dumps(tree, ensure_ascii=False)
    if len(indent) + len(flat) <= WIDTH or not isinstance(tree, dict | list) or not tree:
        return flat
    deeper = f"{indent}  "
    if isinstance(tree, list):
        parts: Iterable[str] = (formatted(one, deeper) for one in tree)
        left, right = "[", "]"
    else:
        parts = (
            f"{json.dumps(key, ensure_ascii=False)}: {formatted(value, deeper)}"
            for key, value in tree.items()
        )
        left, right = "{", "}"
    return f"{left}\n{deeper}" + f",\n{deeper}".join(parts) + f"\n{indent}{right}"


def quoted(part: str) -> str:
    """Quote for a shell that is to fill in the token."""
    return f'"{part}"' if "$TOKEN" in part else shlex.quote(part)


def folded(parts: list[str]) -> Iterator[str]:
    """Lay a command out over lines: options stay with their values."""
    line, rest = "", list(parts)
    while rest:
        taken = 2 if rest[0] in {"--reflect-header", "-H", "-d"} else 1
        group, rest = " ".join(rest[:taken]), rest[taken:]
        ends = line.rpartition("\n")[2]
        if line and (
            group.startswith("-d") or len(f"{ends} {group.partition(chr(10))[0]}") > WIDTH
        ):
            yield f"{line} \\"
            line = f"  {group}"
        else:
            line = f"{line} {group}" if line else group
    yield line
