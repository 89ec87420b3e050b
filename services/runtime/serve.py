"""A grpc.aio server: health, reflection, limits, TLS, and an end that loses no call."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence

import grpc
from grpc_health.v1 import _async as health_aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.runtime import reference
from services.runtime.gate import MAX_REQUEST_BYTES, Gate
from services.runtime.identity import Authority, DevelopmentIssuer, Verifier
from services.runtime.settings import Settings

GRACE_S = 5.0
OPTIONS = (
    # A larger request reaches the gate, which can say by how much; far larger ones do not.
    ("grpc.max_receive_message_length", 4 * MAX_REQUEST_BYTES),
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
)


class Server:
    """Answers NOT_SERVING on health until ``ready`` is called."""

    def __init__(self, settings: Settings, gate: Gate) -> None:
        refuse_insecure(settings)
        self._settings = settings
        self._gate = gate
        self.grpc = grpc.aio.server(interceptors=[gate], options=OPTIONS)
        self._health = health_aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self.grpc)  # type: ignore[no-untyped-call]
        self._names: Sequence[str] = ()

    async def start(self, service_names: Sequence[str]) -> str:
        """Listen and return the address, with the port that was taken."""
        self._names = ("", *service_names)
        reflection.enable_server_reflection(  # type: ignore[no-untyped-call]
            (*service_names, health.SERVICE_NAME, reflection.SERVICE_NAME), self.grpc
        )
        await self._tell(health_pb2.HealthCheckResponse.NOT_SERVING)
        listen = self._settings.listen
        if self._settings.tls_certificate and self._settings.tls_key:
            port = self.grpc.add_secure_port(listen, _credentials(self._settings))
        else:
            port = self.grpc.add_insecure_port(listen)
        await self.grpc.start()
        return f"{listen.rpartition(':')[0]}:{port}"

    async def ready(self) -> None:
        await self._tell(health_pb2.HealthCheckResponse.SERVING)

    async def stop(self) -> None:
        """Take no new call, end the watches, finish the calls under way, at most 5 s."""
        await self._health.enter_graceful_shutdown()
        stopping = asyncio.create_task(self.grpc.stop(GRACE_S))
        await asyncio.sleep(0)  # first it takes no new call, so that no watch comes back
        self._gate.end_streams()
        await stopping

    async def _tell(self, status: health_pb2.HealthCheckResponse.ServingStatus) -> None:
        for name in self._names:
            await self._health.set(name, status)


def guarded_server(settings: Settings, domain: str) -> Server:
    """Return a server behind the gate that the settings describe; ``domain`` names its refusals."""
    gate = Gate(
        domain,
        Verifier(settings.issuer, settings.jwks),
        reference.load(settings.reference, "authority", Authority),
    )
    return Server(settings, gate)


def refuse_insecure(settings: Settings, listen: str = "") -> None:
    """Exit where plain text or the development issuer would be reachable from other machines.

    ``listen`` is a port beside the one for gRPC.
    """
    listen = listen or settings.listen
    host = listen.rpartition(":")[0].strip("[]")
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    exposed = not settings.tls_certificate or settings.issuer == DevelopmentIssuer.NAME
    if exposed and not loopback and not settings.allow_insecure:
        raise SystemExit(
            f"refusing to serve {listen} without TLS or with the development issuer: set "
            "ANLAN_TLS_CERTIFICATE, ANLAN_TLS_KEY and ANLAN_ISSUER, or ANLAN_ALLOW_INSECURE=true"
        )


def _credentials(settings: Settings) -> grpc.ServerCredentials:
    assert settings.tls_key is not None
    assert settings.tls_certificate is not None
    ca = settings.tls_client_ca.read_bytes() if settings.tls_client_ca else None
    pair = (settings.tls_key.read_bytes(), settings.tls_certificate.read_bytes())
    return grpc.ssl_server_credentials([pair], ca, require_client_auth=ca is not None)
