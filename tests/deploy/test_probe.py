"""The probe speaks to a service that asks for certificates, and says what it hears."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import HealthServicer

from tests.deploy.certificates import Authority
from tests.deploy.rendering import DEPLOY
from tests.service import free_port

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@dataclass
class Pod:
    certificates: Path
    port: int
    health: HealthServicer

    def say(self, status: health_pb2.HealthCheckResponse.ServingStatus) -> None:
        self.health.set("", status)  # type: ignore[no-untyped-call]

    def probe(self, name: str = "command") -> int:
        environment = {
            **os.environ,
            "ANLAN_LISTEN": f"0.0.0.0:{self.port}",
            "ANLAN_TLS_CERTIFICATE": str(self.certificates / "tls.crt"),
            "ANLAN_TLS_KEY": str(self.certificates / "tls.key"),
            "ANLAN_TLS_CLIENT_CA": str(self.certificates / "ca.crt"),
            "TLS_NAME": name,
        }
        probe = [sys.executable, str(DEPLOY / "probe.py")]
        return subprocess.run(probe, env=environment, check=False, capture_output=True).returncode


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    folder = Authority().issue(tmp_path / "tls", "command", "command.anlan.svc")
    credentials = grpc.ssl_server_credentials(
        [((folder / "tls.key").read_bytes(), (folder / "tls.crt").read_bytes())],
        (folder / "ca.crt").read_bytes(),
        require_client_auth=True,
    )
    server = grpc.server(ThreadPoolExecutor(1))
    health = HealthServicer()  # type: ignore[no-untyped-call]
    health_pb2_grpc.add_HealthServicer_to_server(health, server)  # type: ignore[no-untyped-call]
    port = server.add_secure_port("localhost:0", credentials)
    server.start()
    try:
        yield Pod(folder, port, health)
    finally:
        server.stop(None).wait()


def test_a_service_that_serves_is_healthy(pod: Pod) -> None:
    pod.say(SERVING)
    assert pod.probe() == 0


def test_a_service_that_catches_up_is_not_yet_healthy(pod: Pod) -> None:
    pod.say(NOT_SERVING)
    assert pod.probe() == 1


def test_a_service_that_shows_another_name_is_not_healthy(pod: Pod) -> None:
    pod.say(SERVING)
    assert pod.probe("dispatch") == 1


def test_a_service_that_is_not_there_is_not_healthy(pod: Pod) -> None:
    pod.port = free_port()
    assert pod.probe() == 1
