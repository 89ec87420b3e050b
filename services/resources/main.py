"""Resources: units, supplies and shelters, and who holds them.  Composition root."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

from anlan.resources.v1 import (
    expert_service_pb2,
    force_service_pb2,
    hazard_area_service_pb2,
    landing_point_service_pb2,
    map_service_pb2,
    need_service_pb2,
    position_service_pb2,
    relief_service_pb2,
    risk_site_service_pb2,
    shelter_service_pb2,
    stock_service_pb2,
    supply_request_service_pb2,
    transfer_service_pb2,
    unit_service_pb2,
)
from anlan.resources.v1.expert_service_pb2_grpc import add_ExpertServiceServicer_to_server
from anlan.resources.v1.force_service_pb2_grpc import add_ForceServiceServicer_to_server
from anlan.resources.v1.hazard_area_service_pb2_grpc import (
    add_HazardAreaServiceServicer_to_server,
)
from anlan.resources.v1.landing_point_service_pb2_grpc import (
    add_LandingPointServiceServicer_to_server,
)
from anlan.resources.v1.map_service_pb2_grpc import add_MapServiceServicer_to_server
from anlan.resources.v1.need_service_pb2_grpc import add_NeedServiceServicer_to_server
from anlan.resources.v1.position_service_pb2_grpc import add_PositionServiceServicer_to_server
from anlan.resources.v1.relief_service_pb2_grpc import add_ReliefServiceServicer_to_server
from anlan.resources.v1.risk_site_service_pb2_grpc import add_RiskSiteServiceServicer_to_server
from anlan.resources.v1.shelter_service_pb2_grpc import add_ShelterServiceServicer_to_server
from anlan.resources.v1.stock_service_pb2_grpc import add_StockServiceServicer_to_server
from anlan.resources.v1.supply_request_service_pb2_grpc import (
    add_SupplyRequestServiceServicer_to_server,
)
from anlan.resources.v1.transfer_service_pb2_grpc import add_TransferServiceServicer_to_server
from anlan.resources.v1.unit_service_pb2_grpc import add_UnitServiceServicer_to_server
from services.resources import reactions
from services.resources.codec import (
    DEPOT,
    DEVICE,
    ENDED_INCIDENT,
    EXPERT,
    FORCE,
    HAZARD_AREA,
    LANDING_POINT,
    NEED_REF,
    PLOT,
    RELIEF,
    RISK_SITE,
    SHELTER,
    STOCK,
    SUPPLY_REQUEST,
    TRANSFER,
    UNIT,
)
from services.resources.domain import expert, landing_point
from services.resources.domain.fix import Limits
from services.resources.domain.items import Items
from services.resources.domain.mobilisation import Mobilisation
from services.resources.domain.relief import Rules
from services.resources.domain.vocabulary import UnitVocabulary
from services.resources.policies import (
    calling,
    expiring,
    holds,
    moving,
    promises,
    relieving,
    rosters,
    shipping,
)
from services.resources.positions.board import Board
from services.resources.positions.crossings import Crossings
from services.resources.positions.ending import Ending
from services.resources.positions.intake import Homes, Intake
from services.resources.positions.sharing import Sharing
from services.resources.projections import RESOURCES
from services.resources.reactions import Needs, noting, plots
from services.resources.reactions.noting import Noting
from services.resources.reactions.plots import Plotting
from services.resources.relay import SOURCE, STREAM, SUBJECTS, public
from services.resources.servicer.depots import Depots
from services.resources.servicer.expert import ExpertServicer
from services.resources.servicer.force import ForceServicer
from services.resources.servicer.hazard_area import HazardAreaServicer, Hazards
from services.resources.servicer.landing_point import LandingPointServicer
from services.resources.servicer.map import MapServicer
from services.resources.servicer.need import NeedServicer
from services.resources.servicer.phones import Phones
from services.resources.servicer.position import PositionServicer
from services.resources.servicer.relief import ReliefServicer
from services.resources.servicer.risk_site import RiskSiteServicer
from services.resources.servicer.shelter import ShelterServicer
from services.resources.servicer.stock import StockServicer
from services.resources.servicer.supply_request import SupplyRequestServicer
from services.resources.servicer.transfer import TransferServicer
from services.resources.servicer.unit import UnitServicer
from services.runtime import app, broker, http, reference
from services.runtime.alarm import Alarm, Alarms
from services.runtime.handle import CommandHandler
from services.runtime.inbox import Delivered, inbox
from services.runtime.place import Regions
from services.runtime.readmodel import ReadModel
from services.runtime.relay import relay
from services.runtime.serve import Server, guarded_server
from services.runtime.settings import Settings
from services.runtime.store import EventStore

DOMAIN = "resources.anlan"


async def serve(settings: Settings) -> None:
    store = EventStore(settings.esdb_uri)
    await store.connect()
    model = ReadModel(RESOURCES, store, settings.read_model_url)
    await model.open()

    units = CommandHandler(store, UNIT)
    stocks = CommandHandler(store, STOCK)
    requests = CommandHandler(store, SUPPLY_REQUEST)
    shipments = shipping.Shipping(stocks, CommandHandler(store, TRANSFER), requests)
    promised = promises.Promises(requests, stocks)
    depots = Depots(CommandHandler(store, DEPOT))
    items = reference.load(settings.reference, "items", Items)
    called = calling.Calling(
        store=store,
        model=model,
        experts=CommandHandler(store, EXPERT),
        forces=CommandHandler(store, FORCE),
        ended=calling.Ended(CommandHandler(store, ENDED_INCIDENT)),
    )
    needs = Needs(CommandHandler(store, NEED_REF))
    following = holds.Following(units)
    regions = reference.load(settings.reference, "regions", Regions)
    limits = reference.load(settings.reference, "positions", Limits)
    board = Board()
    sharing = Sharing(board, limits.share_every_s)
    intake = Intake(board, Homes(model, units), limits)
    noted = Noting(units, board, limits)
    plotting = Plotting(CommandHandler(store, PLOT))
    areas = CommandHandler(store, HAZARD_AREA)
    devices = CommandHandler(store, DEVICE)
    rules = reference.load(settings.reference, "mobilisation", Mobilisation)
    server = guarded_server(settings, DOMAIN)
    add_PositionServiceServicer_to_server(
        PositionServicer(
            intake=intake,
            board=board,
            whole=sharing.whole.is_set,
            limits=limits,
            devices=devices,
            model=model,
            now=now,
        ),
        server.grpc,
    )
    add_HazardAreaServiceServicer_to_server(
        HazardAreaServicer(
            areas=areas,
            model=model,
            regions=regions,
            hazards=reference.load(settings.reference, "hazards", Hazards),
            now=now,
        ),
        server.grpc,
    )
    add_MapServiceServicer_to_server(
        MapServicer(model=model, board=board, whole=sharing.whole.is_set, limits=limits, now=now),
        server.grpc,
    )
    add_UnitServiceServicer_to_server(
        UnitServicer(
            units=units,
            forces=called.forces,
            model=model,
            vocabulary=reference.load(settings.reference, "units", UnitVocabulary),
            rules=rules,
            regions=regions,
            now=now,
        ),
        server.grpc,
    )
    add_ForceServiceServicer_to_server(
        ForceServicer(
            forces=called.forces,
            ended=called.ended,
            model=model,
            rules=rules,
            regions=regions,
            now=now,
        ),
        server.grpc,
    )
    add_StockServiceServicer_to_server(
        StockServicer(
            depots=depots, shipping=shipments, model=model, regions=regions, items=items, now=now
        ),
        server.grpc,
    )
    add_TransferServiceServicer_to_server(
        TransferServicer(depots=depots, shipping=shipments, model=model, regions=regions, now=now),
        server.grpc,
    )
    add_SupplyRequestServiceServicer_to_server(
        SupplyRequestServicer(
            depots=depots, promises=promised, model=model, regions=regions, items=items, now=now
        ),
        server.grpc,
    )
    moves, relieved = serve_shelters(server, settings, store, model, regions)
    serve_sites(server, settings, store, model, regions, called)

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
            sharing.follow(js),
            sharing.publish(js, replicas=settings.nats_replicas),
            inbox(
                js=js,
                stream=STREAM,
                durable="resources_positions",
                subjects=noting.UNIT_SUBJECTS,
                react=noted.react,
            ),
            inbox(
                js=js,
                stream="ANLAN_DISPATCH",
                durable="resources_positions",
                subjects=noting.ASSIGNMENT_SUBJECTS,
                react=noted.react,
            ),
            inbox(
                js=js,
                stream="ANLAN_COMMAND",
                durable="resources_plots",
                subjects=plots.SUBJECTS,
                react=plotting.react,
            ),
            inbox(
                js=js,
                stream=STREAM,
                durable="resources",
                subjects=shipping.SUBJECTS,
                react=shipments.react,
            ),
            inbox(
                js=js,
                stream=STREAM,
                durable="resources_promises",
                subjects=promises.SUBJECTS,
                react=promised.react,
            ),
            inbox(
                js=js,
                stream=STREAM,
                durable="resources_moves",
                subjects=moving.SUBJECTS,
                react=moves.react,
            ),
            inbox(
                js=js,
                stream=STREAM,
                durable="resources_relief",
                subjects=relieving.SUBJECTS,
                react=relieved.react,
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
                durable="resources_calling",
                subjects=calling.INCIDENT_SUBJECTS,
                react=called.on_incident,
            ),
            inbox(
                js=js,
                stream=STREAM,
                durable="resources_calling",
                subjects=calling.CALL_UP_SUBJECTS,
                react=called.on_call_up,
            ),
            inbox(
                js=js,
                stream="ANLAN_COMMAND",
                durable="resources_needs",
                subjects=reactions.SUBJECTS,
                react=on_need,
            ),
        ]

    phones = Phones(intake=intake, devices=devices, now=now)
    by_http = (
        [http.serve(phones.application(), settings.listen_positions, settings)]
        if settings.listen_positions
        else []
    )
    try:
        await app.run(
            server,
            [
                module.DESCRIPTOR.services_by_name[name].full_name
                for module, name in (
                    (unit_service_pb2, "UnitService"),
                    (force_service_pb2, "ForceService"),
                    (stock_service_pb2, "StockService"),
                    (transfer_service_pb2, "TransferService"),
                    (supply_request_service_pb2, "SupplyRequestService"),
                    (shelter_service_pb2, "ShelterService"),
                    (relief_service_pb2, "ReliefService"),
                    (risk_site_service_pb2, "RiskSiteService"),
                    (landing_point_service_pb2, "LandingPointService"),
                    (expert_service_pb2, "ExpertService"),
                    (need_service_pb2, "NeedService"),
                    (position_service_pb2, "PositionService"),
                    (hazard_area_service_pb2, "HazardAreaService"),
                    (map_service_pb2, "MapService"),
                )
            ],
            [model],
            [
                broker.while_connected(settings.nats_url, "resources", on_broker),
                Alarms(
                    model,
                    [
                        Alarm(clock.next_due, clock.ring)
                        for clock in (
                            holds.Expiry(units, model, now),
                            rosters.Turns(units, model, now),
                            expiring.Expiring(stocks, model, now),
                            Ending(areas, model),
                            relieving.ReliefClock(relieved.reliefs, model),
                        )
                    ],
                ).run(now),
                Crossings(board, model, units, limits).run(),
                *by_http,
            ],
        )
    finally:
        await model.close()
        await store.close()


def serve_shelters(
    server: Server, settings: Settings, store: EventStore, model: ReadModel, regions: Regions
) -> tuple[moving.Moving, relieving.Relieving]:
    """Add the APIs of shelters and relief; return what reacts to them."""
    moves = moving.Moving(CommandHandler(store, SHELTER))
    rules = reference.load(settings.reference, "relief", Rules)
    relieved = relieving.Relieving(CommandHandler(store, RELIEF), rules)
    add_ShelterServiceServicer_to_server(
        ShelterServicer(moving=moves, model=model, regions=regions, now=now), server.grpc
    )
    add_ReliefServiceServicer_to_server(
        ReliefServicer(
            reliefs=relieved.reliefs, model=model, regions=regions, rules=rules, now=now
        ),
        server.grpc,
    )
    return moves, relieved


def serve_sites(
    server: Server,
    settings: Settings,
    store: EventStore,
    model: ReadModel,
    regions: Regions,
    called: calling.Calling,
) -> None:
    """Add the APIs of risk sites, landing points and experts: what a county keeps lists of."""
    add_RiskSiteServiceServicer_to_server(
        RiskSiteServicer(
            sites=CommandHandler(store, RISK_SITE), model=model, regions=regions, now=now
        ),
        server.grpc,
    )
    add_LandingPointServiceServicer_to_server(
        LandingPointServicer(
            points=CommandHandler(store, LANDING_POINT),
            model=model,
            regions=regions,
            vocabulary=reference.load(
                settings.reference, "landing_points", landing_point.Vocabulary
            ),
            now=now,
        ),
        server.grpc,
    )
    add_ExpertServiceServicer_to_server(
        ExpertServicer(
            experts=called.experts,
            ended=called.ended,
            model=model,
            regions=regions,
            vocabulary=reference.load(settings.reference, "experts", expert.Vocabulary),
            now=now,
        ),
        server.grpc,
    )


def now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    app.main("resources", serve)
