from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker import Broker
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
