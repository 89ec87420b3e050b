"""Starts the node: the file, the writer, the gRPC server, and their orderly end."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import grpc.aio
import structlog
import uvloop
from esdbclient.protos.Grpc import gossip_pb2_grpc, streams_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from services.eventstore.access import BasicAccess
from services.eventstore.checkpointing import Checkpointer
from services.eventstore.gossip import GossipServicer
from services.eventstore.ledger import Ledger
from services.eventstore.queries import Queries
from services.eventstore.reading import Reader
from services.eventstore.servicer import StreamsServicer
from services.eventstore.storage import (
    DirectoryInUse,
    lock_directory,
    open_for_reading,
    open_for_writing,
)
from services.eventstore.subscriptions import Hub
from services.eventstore.writing import Writer

STREAMS_SERVICE = "event_store.client.streams.Streams"
GRACE = 3.0
"""Seconds that calls have to end after SIGTERM; the process is gone 2 s later at the latest."""

LINGER = 0.05
"""Seconds for the last answers to leave the socket."""

TRANSPORT_BYTES = 16 * 1024 * 1024
SWITCH_INTERVAL = 0.0005
"""Seconds; at the default of 5 ms the writer waits that long for a busy loop, at each commit."""

log = structlog.get_logger()


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="services.eventstore", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory of the database")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=2113, help="0 takes a free one")
    parser.add_argument("--port-file", type=Path, help="written with the port once listening")
    parser.add_argument("--max-append-size", type=int, default=1024 * 1024, metavar="BYTES")
    parser.add_argument("--tls-cert", type=Path)
    parser.add_argument("--tls-key", type=Path)
    parser.add_argument("--username")
    parser.add_argument("--password-file", type=Path)
    options = parser.parse_args(arguments)
    if (options.tls_cert is None) != (options.tls_key is None):
        parser.error("--tls-cert and --tls-key go together")
    if (options.username is None) != (options.password_file is None):
        parser.error("--username and --password-file go together")
    if options.username is not None and options.tls_cert is None:
        parser.error("--username needs --tls-cert: a password does not travel in the clear")
    return options


def configure_log() -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def ticks() -> int:
    return time.time_ns() // 100


def build_server(options: argparse.Namespace) -> grpc.aio.Server:
    limit = max(TRANSPORT_BYTES, 2 * options.max_append_size)
    settings: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", limit),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),
        # Clients may ping every few seconds, also with no call open, and are not sent away.
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 1_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
        ("grpc.http2.max_ping_strikes", 0),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", 10_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    interceptors = []
    if options.username is not None:
        password = options.password_file.read_text().strip()
        interceptors.append(BasicAccess(options.username, password))
    return grpc.aio.server(options=settings, interceptors=interceptors)


def listen(server: grpc.aio.Server, options: argparse.Namespace) -> int:
    address = f"{options.host}:{options.port}"
    if options.tls_cert is None:
        return server.add_insecure_port(address)
    pair = (options.tls_key.read_bytes(), options.tls_cert.read_bytes())
    return server.add_secure_port(address, grpc.ssl_server_credentials([pair]))


async def run(options: argparse.Namespace) -> int:
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(code: int) -> None:
        if not stopped.done():
            stopped.set_result(code)

    def fail(error: BaseException) -> None:
        log.critical("writer_failed", exc_info=error)
        stop(1)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, 0)

    hub = Hub(loop)
    writing = open_for_writing(options.data)
    reader = Reader(open_for_reading(options.data), ticks)
    writer = Writer(Ledger(writing, ticks, uuid4), loop, hub.publish, fail)
    checkpointer = Checkpointer(options.data)
    streams = StreamsServicer(writer, Queries(reader, hub, uuid4), options.max_append_size, uuid4)

    server = build_server(options)
    port = listen(server, options)
    healthy = HealthServicer()
    streams_pb2_grpc.add_StreamsServicer_to_server(streams, server)  # type: ignore[no-untyped-call]
    gossip = GossipServicer(uuid4(), options.host, port)
    gossip_pb2_grpc.add_GossipServicer_to_server(gossip, server)  # type: ignore[no-untyped-call]
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)  # type: ignore[no-untyped-call]
    for service in ("", STREAMS_SERVICE):
        await healthy.set(service, health_pb2.HealthCheckResponse.SERVING)

    writer.start()
    checkpointer.start()
    await server.start()
    if options.port_file is not None:
        write_port(options.port_file, port)
    log.info("listening", host=options.host, port=port, position=writer.position)

    code = await stopped
    log.info("stopping", code=code)
    end_at_the_latest(GRACE + 2, code)
    await healthy.enter_graceful_shutdown()
    refusing_calls = asyncio.create_task(server.stop(GRACE))
    hub.close()
    ended = asyncio.create_task(streams.close())
    await asyncio.wait({refusing_calls, ended}, return_when=asyncio.FIRST_COMPLETED)
    # An idle client keeps its connection, for which a stop with grace would wait in vain.
    await asyncio.sleep(LINGER)
    await server.stop(None)
    if code == 0:
        await writer.close()
        checkpointer.close()
    log.info("stopped", position=writer.position)
    return code


def write_port(path: Path, port: int) -> None:
    """Whole or not at all: somebody may be waiting for the file to appear."""
    written = path.with_name(f"{path.name}.part")
    written.write_text(str(port))
    written.replace(path)


def end_at_the_latest(seconds: float, code: int) -> None:
    # grpc.aio can hang when its loop ends; what is acknowledged is durable already.
    timer = threading.Timer(seconds, os._exit, (code,))
    timer.daemon = True
    timer.start()


def main() -> None:
    options = parse(sys.argv[1:])
    configure_log()
    try:
        lock_directory(options.data)
    except DirectoryInUse as refusal:
        log.error("refused_to_start", reason=str(refusal))  # noqa: TRY400
        sys.exit(2)
    sys.setswitchinterval(SWITCH_INTERVAL)
    grpc.aio.init_grpc_aio()
    code = uvloop.run(run(options))
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
