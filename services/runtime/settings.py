"""What a service is told from outside: every setting is an ANLAN_… environment variable."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

REPOSITORY = Path(__file__).parents[2]


class Settings(BaseSettings):
    """Each field is set by ``ANLAN_`` and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="ANLAN_", extra="ignore")

    listen: str = "127.0.0.1:0"
    """Where this service serves gRPC, host:port; port 0 takes a free one."""
    listen_positions: str = ""
    """Where resources takes in positions by HTTP, as phones send them (OsmAnd, Traccar); empty is
    nowhere."""
    esdb_uri: str = "esdb://127.0.0.1:4310?Tls=false"
    """The event store: the embedded node, or an EventStoreDB/KurrentDB cluster."""
    nats_url: str = "nats://127.0.0.1:4311"
    nats_replicas: int = 1
    """On how many brokers each stream is kept: 3 in a cluster.  Counts when a stream is made."""
    read_model_url: str = "sqlite+aiosqlite://"
    """SQLAlchemy URL of this service's own database; the default lasts as long as the process."""
    issuer: str = "anlan-development"
    """Whose tokens are accepted."""
    jwks: str = ""
    """The issuer's public keys: a file or an https URL."""
    service_token_file: Path | None = None
    """The token with which this service calls others; read anew when the file changes."""
    reference: Path = REPOSITORY / "reference"
    """The folder of reference data: codes, places, roles."""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    """With it, callers must show a certificate that it signed (mTLS)."""
    allow_insecure: bool = False
    """Serve plain text, and accept the development issuer, on addresses other than loopback."""
    log_level: str = "info"
    command_address: str = "127.0.0.1:4312"
    resources_address: str = "127.0.0.1:4313"
    dispatch_address: str = "127.0.0.1:4314"
    notify_address: str = "127.0.0.1:4315"
    audit_address: str = "127.0.0.1:4316"
