"""A node, a broker, and the parts of notify put together in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from tests.broker import Broker
from tests.node import Node
from tests.notify.bench import Bench


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    started = Node.start(tmp_path_factory.mktemp("node"))
    yield started
    started.kill()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    started = Broker.start(tmp_path_factory.mktemp("broker"))
    yield started
    started.kill()


@pytest.fixture
async def bench(node: Node) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        yield await Bench.open(node.uri, stack)
