"""Every public RPC has an example in the docs, and every command line there works.

``ANLAN_WRITE_DOCS=1 pytest tests/e2e/test_examples.py`` writes docs/examples anew.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

from services.cli import tokens
from services.cli.player import Player
from services.cli.receiver import listening
from services.cli.rpc import Rpc, public
from services.cli.scenario import Person, Scenario
from services.cli.scenario_file import load
from services.cli.suite import DEFAULT_PORT_BASE, SERVICES
from services.cli.suite import Suite as Ports
from tests.e2e.examples import Example, Recorder, curl, pages
from tests.service import ROOT
from tests.suite import RunningSuite

DRILLS = ("drills/flood-2026.yaml", "drills/chemical-2026.yaml", "tests/e2e/tour.yaml")
BUF = Path(sys.executable).with_name("buf")
AT_ONCE = 4


async def test_every_rpc_has_an_example_that_runs(
    start_suite: Callable[[], RunningSuite],
) -> None:
    suite = start_suite()
    scenarios = [load(ROOT / path) for path in DRILLS]
    addresses = {service: suite.ports.address(service) for service in SERVICES}
    async with Recorder(addresses) as recorder:
        for scenario in scenarios:
            await play(suite, recorder, scenario)
        for rpc in public():
            if rpc.streams:
                recorder.examples[str(rpc)] = await watched(suite, rpc, scenarios[0].incident)
    examples = recorder.examples

    assert {str(rpc) for rpc in public()} - set(examples) == set()
    await run_all(examples, addresses)

    last_said = max(scenario.end for scenario in scenarios).isoformat()
    capabilities = json.loads((ROOT / "reference" / "authority.json").read_text())["rpcs"]
    published = {service: Ports(DEFAULT_PORT_BASE).address(service) for service in SERVICES}
    written = pages(examples, capabilities, published, last_said)
    if os.environ.get("ANLAN_WRITE_DOCS"):
        for path, text in written.items():
            path.write_text(text, encoding="utf-8")
    for path, text in written.items():
        assert text == path.read_text(encoding="utf-8"), f"{path} is stale: see this file's head"


async def play(suite: RunningSuite, recorder: Recorder, scenario: Scenario) -> None:
    def token(person: Person) -> str:
        return tokens.issue(suite.data, person.subject, person.roles, person.jurisdiction)

    async with listening(0) as receiver:
        player = Player(
            scenario=scenario,
            client=recorder,
            token=token,
            told=lambda _: None,
            speed=0,
            patience_s=60,
            receiver_url=receiver.url if scenario.receiver else "",
        )
        tally = await player.play()
    assert [one for one in tally.played if one.outcome.name == "UNEXPECTED"] == []


async def watched(suite: RunningSuite, rpc: Rpc, incident_id: str) -> Example:
    """Record the first message of a stream."""
    request: Any = rpc.request()
    if "incident_id" in rpc.request.DESCRIPTOR.fields_by_name:
        request.incident_id = incident_id
    caller = suite.caller("admin.he", "administrator")
    async with grpc.aio.insecure_channel(suite.ports.address(rpc.service)) as channel:
        stream = channel.unary_stream(
            rpc.path,
            request_serializer=rpc.request.SerializeToString,
            response_deserializer=rpc.response.FromString,
        )(request, timeout=10, metadata=caller.metadata)
        answer = await stream.read()
        stream.cancel()
    assert isinstance(answer, rpc.response), f"{rpc} streams nothing"
    return Example(rpc, request, answer, caller.token, "")


async def run_all(examples: dict[str, Example], addresses: dict[str, str]) -> None:
    """Run every command line: a repeated request gets its first answer."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def run(example: Example) -> str:
        async with turns:
            return await curled(example, addresses[example.rpc.service])

    wrong = await asyncio.gather(*(run(example) for example in examples.values()))
    assert [found for found in wrong if found] == []


async def curled(example: Example, address: str) -> str:
    """Return what was wrong with the answer; empty if nothing was."""
    process = await asyncio.create_subprocess_exec(
        BUF,
        *curl(example, address),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    if example.rpc.streams:
        first = await asyncio.wait_for(process.stdout.readline(), 20)
        process.kill()
        await process.communicate()
        return "" if first else f"{example.rpc}: no message"
    out, error = await process.communicate()
    if process.returncode:
        return f"{example.rpc}: {error.decode()[:500]}"
    first, again = example.answered(), json.loads(out)
    if "position" in first and again.get("position") != first["position"]:
        return f"{example.rpc}: {again}, first {first}"
    return ""
