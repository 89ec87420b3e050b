"""Resources: units, supplies and shelters, and who holds them.  Composition root."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

from anlan.resources.v1 import (
    need_service_pb2,
    shelter_service_pb2,
    stock_service_pb2,
    unit_service_pb2,
)
from anlan.resources.v1.need_service_pb2_grpc import add_NeedServiceServicer_to_server
from anlan.resources.v1.shelter_service_pb2_grpc import add_ShelterServiceServicer_to_server
from anlan.resources.v1.stock_service_pb2_grpc import add_StockServiceServicer_to_server
from anlan.resources.v1.unit_service_pb2_grpc import add_UnitServiceServicer_to_server
from services.resources import reactions
from services.resources.codec import DEPOT, NEED_REF, SHELTER, STOCK, TRANSFER, UNIT
from services.resources.domain.items import Items
from services.resources.policies import holds, shipping
from services.resources.projections import RESOURCES
from services.resources.reactions import Needs
from services.resources.relay import SOURCE, STREAM, SUBJECTS, public
from services.resources.servicer.need import NeedServicer
from services.resources.servicer.shelter import ShelterServicer
from services.resources.servicer.stock import StockServicer
from services.resources.servicer.unit import UnitServicer
from services.runtime import app, broker, reference
from services.runtime.alarm import Alarm
from services.runtime.handle import CommandHandler
from services.runtime.inbox import Delivered, inbox
from services.runtime.place import Regions
from services.runtime.readmodel import ReadModel
from services.runtime.relay import relay
from services.runtime.serve import guarded_server
from services.runtime.settings import Settings
from services.runtime.store import EventStore

DOMAIN = "resources.anlan"


async def serve(settings: Settings) -> None:
    store = EventStore(settings.esdb_uri)
    await store.connect()
    model = ReadModel(RESOURCES, store, settings.read_model_url)
    await model.open()

    units = CommandHandler(store, UNIT)
    shipments = shipping.Shipping(CommandHandler(store, STOCK), CommandHandler(store, TRANSFER))
    needs = Needs(CommandHandler(store, NEED_REF))
    expiry = holds.Expiry(units, model, now)
    following = holds.Following(units)
    regions = reference.load(settings.reference, "regions", Regions)
    server = guarded_server(settings, DOMAIN)
    add_UnitServiceServicer_to_server(
        UnitServicer(units=units, model=model, regions=regions, now=now), server.grpc
    )
    add_StockServiceServicer_to_server(
        StockServicer(
            depots=CommandHandler(store, DEPOT),
            shipping=shipments,
            model=model,
            regions=regions,
            items=reference.load(settings.reference, "items", Items),
            now=now,
        ),
        server.grpc,
    )
    add_ShelterServiceServicer_to_server(
        ShelterServicer(
            shelters=CommandHandler(store, SHELTER), model=model, regions=regions, now=now
        ),
        server.grpc,
    )

    add_NeedServiceServicer_to_server(NeedServicer(model=model, now=now), server.grpc)

    async def on_need(delivered: Delivered) -> None:
        await needs.on_event(delivered.event)

    async def publish(js: broker.JetStream) -> None:
        await broker.ensure_stream(js, STREAM, SUBJECTS, replicas=settings.nats_replicas)
        await relay(
            subscribe=lambda after: model.follow(RESOURCES.categories, after),
            public=public,
            js=js,
            stream=STREAM,
            source=SOURCE,
        )

    def on_broker(js: broker.JetStream) -> list[Coroutine[Any, Any, None]]:
        return [
            publish(js),
            inbox(
                js=js,
                stream=STREAM,
                durable="resources",
                subjects=shipping.SUBJECTS,
                react=shipments.react,
            ),
            inbox(
                js=js,
                stream="ANLAN_DISPATCH",
                durable="resources_holds",
                subjects=holds.SUBJECTS,
                react=following.react,
            ),
            inbox(
                js=js,
                stream="ANLAN_COMMAND",
                durable="resources_needs",
                subjects=reactions.SUBJECTS,
                react=on_need,
            ),
        ]

    try:
        await app.run(
            server,
            [
                module.DESCRIPTOR.services_by_name[name].full_name
                for module, name in (
                    (unit_service_pb2, "UnitService"),
                    (stock_service_pb2, "StockService"),
                    (shelter_service_pb2, "ShelterService"),
                    (need_service_pb2, "NeedService"),
                )
            ],
            [model],
            [
                broker.while_connected(settings.nats_url, "resources", on_broker),
                Alarm(model, expiry.next_due, expiry.ring).run(now),
            ],
        )
    finally:
        await model.close()
        await store.close()


def now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    app.main("resources", serve)
