"""One exchange of every public RPC, recorded while drills are played, and written down as docs."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from services.cli.client import Client
from services.cli.rpc import Rpc, public
from tests.service import ROOT

DOCS = ROOT / "docs" / "examples"
VARIES = "…"
VARYING = re.compile(
    r"(^|_)(position|token|etag|event_time|record_time|event_id|causation_id|revision)$"
)
UNCHOSEN_ID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$")
SHOWN_ELEMENTS = 2


@dataclass(frozen=True, slots=True)
class Example:
    rpc: Rpc
    request: Message
    response: Message
    token: str
    exercise: str

    def asked(self) -> dict[str, Any]:
        return as_json(self.request)

    def answered(self) -> dict[str, Any]:
        return as_json(self.response)


class Recorder(Client):
    """Keeps the latest accepted exchange of each RPC."""

    examples: dict[str, Example]

    def __init__(self, addresses: Mapping[str, str]) -> None:
        super().__init__(addresses, lambda: "")
        self.examples = {}

    async def call(
        self,
        rpc: Rpc,
        request: Message,
        *,
        token: str = "",
        exercise: str = "",
        patience_s: float = 0.0,
    ) -> Any:
        answer = await super().call(
            rpc, request, token=token, exercise=exercise, patience_s=patience_s
        )
        asked = type(request)()
        asked.CopyFrom(request)
        self.examples[str(rpc)] = Example(rpc, asked, answer, token, exercise)
        return answer


def as_json(message: Message) -> dict[str, Any]:
    tree: dict[str, Any] = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return tree


def steady(tree: Any, last_said: str, name: str = "") -> Any:
    """Return the tree with what differs from run to run left out.

    That is places in the log, ids that nobody chose, and instants after ``last_said``, which are
    the wall clock's.
    """
    if isinstance(tree, dict):
        return {key: steady(value, last_said, key) for key, value in tree.items()}
    if isinstance(tree, list):
        return [steady(value, last_said, name) for value in tree[:SHOWN_ELEMENTS]]
    wall_time = isinstance(tree, str) and re.match(r"^20\d\d-.*Z$", tree) and tree > last_said
    if VARYING.search(name) or wall_time or (isinstance(tree, str) and UNCHOSEN_ID.match(tree)):
        return VARIES
    return tree


def curl(example: Example, address: str) -> list[str]:
    """Return the arguments of `buf` that make this call."""
    headers = ["-H", f"authorization: Bearer {example.token}"]
    if example.exercise:
        headers += ["-H", f"x-exercise-id: {example.exercise}"]
    return [
        "curl",
        "--protocol",
        "grpc",
        "--http2-prior-knowledge",
        "--reflect",
        "--reflect-header",
        f"authorization: Bearer {example.token}",
        *headers,
        "-d",
        json.dumps(example.asked(), ensure_ascii=False),
        f"http://{address}{example.rpc.path}",
    ]


def pages(
    examples: Mapping[str, Example],
    capabilities: Mapping[str, str],
    addresses: Mapping[str, str],
    last_said: str,
) -> dict[Path, str]:
    """Return each service's page of examples."""
    written: dict[Path, str] = {}
    for service in sorted({rpc.service for rpc in public()}):
        text = [HEAD.format(service=service)]
        interface = ""
        for rpc in sorted(public(), key=lambda rpc: (rpc.interface, rpc.method)):
            if rpc.service != service or str(rpc) not in examples:
                continue
            if rpc.interface != interface:
                interface = rpc.interface
                text.append(f"\n## {interface}\n")
            text += _section(
                examples[str(rpc)], capabilities[rpc.path[1:]], addresses[service], last_said
            )
        written[DOCS / f"{service}.md"] = "\n".join(text)
    return written


HEAD = """# Examples: {service}

One exchange of each RPC, as a test recorded it (`tests/e2e/test_examples.py`, which also runs every
command line below). `…` stands for what differs from run to run. `$TOKEN` is a bearer token of
somebody with the capability (`anlan token`); calls of a drill carry `-H "x-exercise-id: NAME"`.
Lists show at most two elements.
"""


def _section(example: Example, capability: str, address: str, last_said: str) -> Iterator[str]:
    asked = json.dumps(steady(example.asked(), last_said), ensure_ascii=False, indent=2)
    answered = json.dumps(steady(example.answered(), last_said), ensure_ascii=False, indent=2)
    yield f"### {example.rpc.method}\n"
    yield f"Needs `{capability}`.\n"
    yield "```sh"
    yield "buf curl --protocol grpc --http2-prior-knowledge --reflect \\"
    yield '  --reflect-header "authorization: Bearer $TOKEN" \\'
    yield '  -H "authorization: Bearer $TOKEN" \\'
    yield f"  -d {shlex.quote(asked)} \\"
    yield f"  http://{address}{example.rpc.path}"
    yield "```\n"
    yield "```json"
    yield answered
    yield "```\n"
