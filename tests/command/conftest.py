from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.command.codec import incident_decider
from services.command.policies.sheltering import Sheltering
from services.runtime.handle import CommandHandler
from services.runtime.store import EventStore
from tests.broker import Broker
from tests.command.incidents import WHOLE_RULES
from tests.command.shelters import Shelters
from tests.node import Node
from tests.service import Service, Tokens


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    return Tokens(tmp_path_factory.mktemp("tokens"))


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory, tokens: Tokens) -> Iterator[Service]:
    folder: Path = tmp_path_factory.mktemp("command")
    node = Node.start(folder / "node")
    broker = Broker.start(folder / "broker")
    service = Service.start("command", folder, tokens, node.uri, broker.url)
    try:
        yield service
    finally:
        service.stop()
        broker.stop()
        node.stop()


@pytest.fixture
async def shelters(command: Service) -> AsyncIterator[Shelters]:
    store = EventStore(command.environment["ANLAN_ESDB_URI"])
    await store.connect()
    incidents = CommandHandler(store, incident_decider(WHOLE_RULES))
    try:
        yield Shelters(incidents, Sheltering(incidents))
    finally:
        await store.close()
