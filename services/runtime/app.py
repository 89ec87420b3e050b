"""Runs one service: its server, and the tasks beside it, until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import grpc
import structlog
import uvloop

from services.runtime import telemetry
from services.runtime.readmodel import ReadModel
from services.runtime.serve import Server
from services.runtime.settings import Settings

HARD_STOP_S = 10.0

log = structlog.get_logger()


def main(service: str, serve: Callable[[Settings], Awaitable[None]]) -> None:
    """Run ``serve`` in this process; the entry point of every service's main.py."""
    settings = Settings()
    telemetry.configure(service, settings.log_level)

    async def initialised() -> None:
        grpc.aio.init_grpc_aio()  # without it grpc.aio 1.71 can hang when the loop ends
        await serve(settings)

    uvloop.run(initialised())


async def run(
    server: Server,
    service_names: Sequence[str],
    models: Sequence[ReadModel],
    tasks: Sequence[Coroutine[Any, Any, None]],
) -> None:
    """Serve until SIGTERM or SIGINT.  Healthy once every read model has caught up.

    A task that ends with an error ends the process: its supervisor starts it again.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    address = await server.start(service_names)
    log.info("listening", address=address)
    gc.collect()
    gc.freeze()  # what is there now stays: no later collection need look through it again
    async with asyncio.TaskGroup() as group:
        beside = [group.create_task(task) for task in (*(m.run() for m in models), *tasks)]
        beside.append(group.create_task(_announce(server, models)))
        await stopping.wait()
        log.info("stopping")
        _exit_by_force_later()
        await server.stop()
        for task in beside:
            task.cancel()


async def _announce(server: Server, models: Sequence[ReadModel]) -> None:
    for model in models:
        await model.caught_up.wait()
    await server.ready()
    log.info("ready")


def _exit_by_force_later() -> None:
    timer = threading.Timer(HARD_STOP_S, os._exit, (1,))
    timer.daemon = True
    timer.start()
