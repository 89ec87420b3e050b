"""One service as another process, with its node and broker, and callers who hold tokens."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from services.runtime.actor import Actor
from services.runtime.identity import DevelopmentIssuer

ROOT = Path(__file__).parent.parent
START_SECONDS, STOP_SECONDS = 30.0, 15.0


@dataclass(frozen=True)
class Caller:
    """A person or a device with a token; calls carry it."""

    token: str
    exercise: str = ""

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        exercise = (("x-exercise-id", self.exercise),) if self.exercise else ()
        return (("authorization", f"Bearer {self.token}"), *exercise)


class Tokens:
    """The development issuer of one test."""

    def __init__(self, folder: Path) -> None:
        self.issuer = DevelopmentIssuer(folder / "issuer")
        self.issuer.ensure()
        self.service_file = folder / "service.token"
        self.service_file.write_text(self.issue("service:test", "service", "000000"))

    def issue(self, subject: str, role: str, jurisdiction: str = "431281") -> str:
        actor = Actor(subject=subject, roles=tuple(role.split(",")), jurisdiction=jurisdiction)
        return self.issuer.issue(actor, datetime.now(UTC), timedelta(hours=1))

    def caller(
        self, subject: str, role: str, jurisdiction: str = "431281", exercise: str = ""
    ) -> Caller:
        return Caller(self.issue(subject, role, jurisdiction), exercise)


@dataclass
class Service:
    """Holds one process; `restart` runs it again with the same settings and port."""

    name: str
    environment: dict[str, str]
    address: str
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    @classmethod
    def start(
        cls, name: str, folder: Path, tokens: Tokens, esdb_uri: str, nats_url: str, **more: str
    ) -> Service:
        """Return once the service is healthy.  ``more`` are further ANLAN_… settings."""
        folder.mkdir(parents=True, exist_ok=True)
        address = more.pop("listen", "") or f"127.0.0.1:{free_port()}"
        environment = {
            "ANLAN_LISTEN": address,
            "ANLAN_ESDB_URI": esdb_uri,
            "ANLAN_NATS_URL": nats_url,
            "ANLAN_READ_MODEL_URL": f"sqlite+aiosqlite:///{folder / name}.db",
            "ANLAN_JWKS": str(tokens.issuer.jwks),
            "ANLAN_SERVICE_TOKEN_FILE": str(tokens.service_file),
            **{f"ANLAN_{key.upper()}": value for key, value in more.items()},
        }
        log = folder / f"{name}.log"
        service = cls(name, environment, address, log, _spawn(name, environment, log))
        service.await_healthy()
        return service

    def await_healthy(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        with grpc.insecure_channel(self.address) as channel:
            health = health_pb2_grpc.HealthStub(channel)  # type: ignore[no-untyped-call]
            while time.monotonic() < deadline:
                if self.process.poll() is not None:
                    raise AssertionError(f"{self.name} ended: {self.log.read_text()[-4000:]}")
                try:
                    answer = health.Check(
                        health_pb2.HealthCheckRequest(), timeout=1, wait_for_ready=True
                    )
                except grpc.RpcError:
                    continue
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
                time.sleep(0.02)
        raise AssertionError(f"{self.name} is not healthy: {self.log.read_text()[-4000:]}")

    def kill(self) -> None:
        """SIGKILL, as power loss would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.kill()

    def restart(self) -> None:
        if self.process.poll() is None:
            self.stop()
        self.process = _spawn(self.name, self.environment, self.log)
        self.await_healthy()

    def channel(self) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(self.address)


def _spawn(name: str, environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    path = os.pathsep.join((str(ROOT), str(ROOT / "proto" / "gen")))
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", f"services.{name}.main"],
            cwd=ROOT,
            env={**os.environ, **environment, "PYTHONPATH": path},
            stdout=file,
            stderr=file,
        )


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def request_id() -> str:
    return str(uuid4())


@dataclass(frozen=True)
class Refusal:
    """How a call was refused."""

    code: grpc.StatusCode
    reason: str
    metadata: dict[str, str]
    fields: tuple[str, ...]
    message: str


async def refusal(call: Any) -> Refusal:
    """Await a call that must be refused, and read the refusal."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return read_refusal(error)
    raise AssertionError(f"not refused: {json.dumps(str(answer))}")


def read_refusal(error: grpc.aio.AioRpcError) -> Refusal:
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    status = rpc_status.from_call(error)  # type: ignore[no-untyped-call]
    for detail in status.details if status is not None else ():
        detail.Unpack(info)
        detail.Unpack(bad)
    return Refusal(
        code=error.code(),
        reason=info.reason,
        metadata=dict(info.metadata),
        fields=tuple(violation.field for violation in bad.field_violations),
        message=error.details() or "",
    )
