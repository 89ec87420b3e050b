"""Basic authentication and TLS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from esdbclient import AsyncEventStoreDBClient, EventStoreDBClient, StreamState
from esdbclient.exceptions import AccessDeniedError, GrpcError
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.eventstore.events import events, ids
from tests.node import Node, NodeDied

ANY = StreamState.ANY


def write_certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anlan event store")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=3650))
        .not_valid_after(now + timedelta(days=36500))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "tls.crt", folder / "tls.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


@dataclass
class Secured:
    node: Node
    certificate: bytes

    def client(self, user: str | None) -> EventStoreDBClient:
        client = EventStoreDBClient(
            f"esdb://{user or 'nobody:nothing'}@127.0.0.1:{self.node.port}",
            root_certificates=self.certificate,
        )
        if user is None:  # the client insists on a name, which is then not sent
            client._call_credentials = None
        return client


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = write_certificate(folder)
    (folder / "password").write_text("changeit\n")
    tls = ("--tls-cert", str(certificate), "--tls-key", str(key))
    user = ("--username", "admin", "--password-file", str(folder / "password"))
    node = Node.start(folder / "data", 0, *tls, *user)
    yield Secured(node, certificate.read_bytes())
    assert node.stop() == 0


def test_the_right_password_does_everything(secured: Secured, stream: str) -> None:
    client = secured.client("admin:changeit")
    new = events(2)
    client.append_to_stream(stream, current_version=ANY, events=new)
    client.append_events(stream, current_version=ANY, events=events(1))
    assert ids(client.get_stream(stream, limit=2)) == ids(new)
    with client.subscribe_to_stream(stream) as followed:
        assert next(followed).id == new[0].id
    client.delete_stream(stream, current_version=2)
    client.close()


async def test_the_async_client_too(secured: Secured, stream: str) -> None:
    client = AsyncEventStoreDBClient(
        f"esdb://admin:changeit@127.0.0.1:{secured.node.port}",
        root_certificates=secured.certificate,
    )
    await client.connect()
    new = events(2)
    await client.append_to_stream(stream, current_version=ANY, events=new)
    assert ids(await client.get_stream(stream)) == ids(new)
    await client.close()


def test_a_wrong_password_is_not_let_in(secured: Secured, stream: str) -> None:
    client = secured.client("admin:wrong")
    for call in (
        lambda: client.append_to_stream(stream, current_version=ANY, events=events(1)),
        lambda: client.get_stream(stream),
        lambda: client.delete_stream(stream, current_version=ANY),
        client.read_gossip,
    ):
        with pytest.raises(GrpcError) as refusal:
            call()
        assert refusal.value.args[0].code() is grpc.StatusCode.UNAUTHENTICATED
    client.close()


def test_nobody_is_denied(secured: Secured, stream: str) -> None:
    client = secured.client(None)
    with pytest.raises(AccessDeniedError):
        client.append_to_stream(stream, current_version=ANY, events=events(1))
    with pytest.raises(GrpcError) as refusal:
        client.streams.append(stream, ANY, events(1))
    assert refusal.value.args[0].code() is grpc.StatusCode.PERMISSION_DENIED
    with pytest.raises(GrpcError, match="Access Denied"):
        client.get_stream(stream)
    client.close()


def test_health_needs_no_password(secured: Secured) -> None:
    credentials = grpc.ssl_channel_credentials(secured.certificate)
    with grpc.secure_channel(f"127.0.0.1:{secured.node.port}", credentials) as channel:
        health = health_pb2_grpc.HealthStub(channel)  # type: ignore[no-untyped-call]
        response = health.Check(health_pb2.HealthCheckRequest())
        assert response.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize(
    "options",
    [
        ("--tls-cert", "x"),
        ("--username", "admin"),
        ("--username", "admin", "--password-file", "x"),
    ],
)
def test_half_a_configuration_is_refused(tmp_path: Path, options: tuple[str, ...]) -> None:
    with pytest.raises(NodeDied, match=r"go together|needs --tls-cert"):
        Node.start(tmp_path, 0, *options)
