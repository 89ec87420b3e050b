"""An HTTP port beside the gRPC server, for devices that speak nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any, NoReturn

import structlog
import uvicorn

from services.runtime.serve import refuse_insecure
from services.runtime.settings import Settings

CONNECTIONS, KEEP_ALIVE_S = 2_000, 75
STOP_WITHIN_S = 3.0

log = structlog.get_logger()


class _Server(uvicorn.Server):
    """Leaves the signals to whom they belong."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(application: Any, listen: str, settings: Settings) -> NoReturn:
    """Serve an ASGI application on ``listen``, host:port, until cancelled; with TLS as for gRPC.

    Exits where plain text would be reachable from other machines.
    """
    refuse_insecure(settings, listen)
    host, _, port = listen.rpartition(":")
    server = _Server(
        uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=int(STOP_WITHIN_S),
            ssl_certfile=settings.tls_certificate,
            ssl_keyfile=settings.tls_key,
        )
    )
    with socket.create_server((host.strip("[]"), int(port)), backlog=1024) as bound:
        log.info("listening for HTTP", address=f"{host}:{bound.getsockname()[1]}")
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        try:
            await asyncio.shield(serving)
        finally:
            server.should_exit = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_WITHIN_S):
                    await serving
    raise OSError(f"the HTTP server on {listen} ended")
