from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from anlan.resources.v1.hazard_area_service_pb2_grpc import HazardAreaServiceStub
from anlan.resources.v1.map_service_pb2_grpc import MapServiceStub
from anlan.resources.v1.position_service_pb2_grpc import PositionServiceStub
from anlan.resources.v1.shelter_service_pb2_grpc import ShelterServiceStub
from anlan.resources.v1.stock_service_pb2_grpc import StockServiceStub
from anlan.resources.v1.unit_service_pb2_grpc import UnitServiceStub
from services.runtime.store import EventStore
from tests.broker import Broker
from tests.node import Node
from tests.service import Caller, Service, Tokens, free_port


@dataclass(frozen=True)
class Api:
    """The three APIs of one running service, and who calls them."""

    units: Any
    stocks: Any
    shelters: Any
    registrar: Caller
    zhao: Caller
    qian: Caller
    storekeeper: Caller
    warden: Caller
    commander: Caller


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    return Tokens(tmp_path_factory.mktemp("tokens"))


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = Node.start(tmp_path_factory.mktemp("node"))
    try:
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker.start(tmp_path_factory.mktemp("broker"))
    try:
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="session")
def resources(
    tmp_path_factory: pytest.TempPathFactory, tokens: Tokens, node: Node, broker: Broker
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("resources")
    phones = f"127.0.0.1:{free_port()}"
    service = Service.start(
        "resources", folder, tokens, node.uri, broker.url, listen_positions=phones
    )
    try:
        yield service
    finally:
        service.stop()


@pytest.fixture
async def store(node: Node) -> AsyncIterator[EventStore]:
    store = EventStore(node.uri)
    await store.connect()
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def api(resources: Service, tokens: Tokens) -> AsyncIterator[Api]:
    async with resources.channel() as channel:
        yield Api(
            units=UnitServiceStub(channel),
            stocks=StockServiceStub(channel),
            shelters=ShelterServiceStub(channel),
            registrar=tokens.caller("registrar.wu", "registrar"),
            zhao=tokens.caller("dispatcher.zhao", "dispatcher"),
            qian=tokens.caller("dispatcher.qian", "dispatcher"),
            storekeeper=tokens.caller("storekeeper.sun", "storekeeper"),
            warden=tokens.caller("warden.he", "warden", "431281102"),
            commander=tokens.caller("commander.li", "commander,dispatcher"),
        )


@dataclass(frozen=True)
class Field:
    """The APIs of who is where, and the URL at which phones report."""

    positions: Any
    areas: Any
    map: Any
    phones: str
    gateway: Caller


@pytest.fixture
async def field(resources: Service, tokens: Tokens) -> AsyncIterator[Field]:
    async with resources.channel() as channel:
        yield Field(
            positions=PositionServiceStub(channel),
            areas=HazardAreaServiceStub(channel),
            map=MapServiceStub(channel),
            phones=f"http://{resources.environment['ANLAN_LISTEN_POSITIONS']}/",
            gateway=tokens.caller("gateway.radio", "gateway"),
        )
