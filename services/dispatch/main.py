"""Dispatch: units sent to incidents and followed until they are cleared.  Composition root."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from anlan.dispatch.v1 import accountability_service_pb2 as accountability_pb
from anlan.dispatch.v1 import aid_service_pb2 as aid_pb
from anlan.dispatch.v1 import assignment_service_pb2 as pb
from anlan.dispatch.v1 import need_service_pb2 as need_pb
from anlan.dispatch.v1 import recommendation_service_pb2 as recommendation_pb
from anlan.dispatch.v1 import run_card_service_pb2 as run_card_pb
from anlan.dispatch.v1.accountability_service_pb2_grpc import (
    add_AccountabilityServiceServicer_to_server,
)
from anlan.dispatch.v1.aid_service_pb2_grpc import add_AidServiceServicer_to_server
from anlan.dispatch.v1.assignment_service_pb2_grpc import add_AssignmentServiceServicer_to_server
from anlan.dispatch.v1.need_service_pb2_grpc import add_NeedServiceServicer_to_server
from anlan.dispatch.v1.recommendation_service_pb2_grpc import (
    add_RecommendationServiceServicer_to_server,
)
from anlan.dispatch.v1.run_card_service_pb2_grpc import add_RunCardServiceServicer_to_server
from services.dispatch.codec import (
    AID,
    ASSIGNMENT,
    INCIDENT_REF,
    NEED_REF,
    PLANNED_START,
    RECOMMENDATION,
    ROLL_CALL,
    RUN_CARD,
    WITHDRAWAL,
)
from services.dispatch.domain.assignment.ways import Ways
from services.dispatch.domain.mobilisation import Mobilisation
from services.dispatch.domain.recommendation.inputs import Coverage, Rules
from services.dispatch.policies import (
    clocks,
    incidents,
    lending,
    moving,
    needs,
    releasing,
    starting,
    withdrawing,
)
from services.dispatch.policies.cards import Cards
from services.dispatch.policies.fleet import Fleet
from services.dispatch.policies.incidents import Incidents
from services.dispatch.policies.lending import Lending
from services.dispatch.policies.moving import Moving
from services.dispatch.policies.needs import Needs
from services.dispatch.policies.open_work import OpenWork
from services.dispatch.policies.preplanned import PreplannedClock
from services.dispatch.policies.recommending import Recommending
from services.dispatch.policies.releasing import Releasing
from services.dispatch.policies.routing import Routing
from services.dispatch.policies.sending import Sending
from services.dispatch.policies.starting import Starting
from services.dispatch.policies.units import Units
from services.dispatch.policies.withdrawing import Withdrawing
from services.dispatch.projections import DISPATCH
from services.dispatch.relay import CATEGORIES, STREAM, SUBJECTS, public
from services.dispatch.servicer.accountability import AccountabilityServicer
from services.dispatch.servicer.aid import AidServicer, Defaults
from services.dispatch.servicer.assignment import AssignmentServicer
from services.dispatch.servicer.need import NeedServicer
from services.dispatch.servicer.recommendation import RecommendationServicer
from services.dispatch.servicer.response_groups import Targets
from services.dispatch.servicer.roll_calls import Accountability
from services.dispatch.servicer.run_card import RunCardServicer
from services.dispatch.settings import DispatchSettings
from services.runtime import app, broker, reference
from services.runtime.alarm import Alarm, Alarms
from services.runtime.handle import CommandHandler
from services.runtime.inbox import Delivered, inbox
from services.runtime.peer import Peer
from services.runtime.place import Regions
from services.runtime.readmodel import ReadModel
from services.runtime.recorded import Recorded
from services.runtime.relay import relay
from services.runtime.serve import Server, guarded_server
from services.runtime.settings import Settings
from services.runtime.store import EventStore

DOMAIN = "dispatch.anlan"


NAMES = [
    accountability_pb.DESCRIPTOR.services_by_name["AccountabilityService"].full_name,
    aid_pb.DESCRIPTOR.services_by_name["AidService"].full_name,
    pb.DESCRIPTOR.services_by_name["AssignmentService"].full_name,
    need_pb.DESCRIPTOR.services_by_name["NeedService"].full_name,
    run_card_pb.DESCRIPTOR.services_by_name["RunCardService"].full_name,
    recommendation_pb.DESCRIPTOR.services_by_name["RecommendationService"].full_name,
]


async def serve(settings: Settings) -> None:
    async with wired(settings, now) as (server, model, tasks):
        await app.run(server, NAMES, [model], tasks)


@asynccontextmanager
async def wired(
    settings: Settings, now: Callable[[], datetime]
) -> AsyncIterator[tuple[Server, ReadModel, list[Coroutine[Any, Any, None]]]]:
    """Yield the server, its read model, and what runs beside them."""
    store = EventStore(settings.esdb_uri)
    await store.connect()
    model = ReadModel(DISPATCH, store, settings.read_model_url)
    await model.open()
    resources = Peer(settings.resources_address, settings)
    command = Peer(settings.command_address, settings)

    assignments = CommandHandler(store, ASSIGNMENT)
    units = Units(resources)
    way_table = ways(settings)
    letting_go = Releasing(assignments=assignments, units=units)
    refs = CommandHandler(store, INCIDENT_REF)
    known = Incidents(refs, model, command)
    recommending = _recommending(settings, Cards(model, known, command), Fleet(resources, now), now)
    sending = Sending(
        store=store,
        assignments=assignments,
        units=units,
        releasing=letting_go,
        ways=way_table,
        offer=recommending.offer,
        now=now,
    )
    needed = Needs(CommandHandler(store, NEED_REF))
    calls = CommandHandler(store, ROLL_CALL)
    withdrawals = CommandHandler(store, WITHDRAWAL)
    pulling_back = Withdrawing(
        assignments=assignments, withdrawals=withdrawals, releasing=letting_go, ways=way_table
    )
    starts = Starting(assignments=assignments, starts=CommandHandler(store, PLANNED_START))
    planned = PreplannedClock(
        store=store, assignments=assignments, incidents=known, sending=sending
    )
    aids = CommandHandler(store, AID)
    following = Moving(
        assignments=assignments,
        aids=aids,
        roll_calls=calls,
        withdrawals=withdrawals,
        refs=refs,
        work=OpenWork(store, model),
    )
    lent = Lending(aids=aids, units=units)
    aid_due = clocks.AidClock(store, aids)
    regions = reference.load(settings.reference, "regions", Regions)
    server = guarded_server(settings, DOMAIN)
    add_AssignmentServiceServicer_to_server(
        AssignmentServicer(
            assignments=assignments,
            incidents=known,
            sending=sending,
            releasing=letting_go,
            model=model,
            regions=regions,
            targets=reference.load(settings.reference, "response_targets", Targets),
            ways=way_table,
            now=now,
        ),
        server.grpc,
    )
    add_AccountabilityServiceServicer_to_server(
        AccountabilityServicer(
            store=store,
            assignments=assignments,
            calls=calls,
            withdrawals=withdrawals,
            withdrawing=pulling_back,
            incidents=known,
            model=model,
            timers=reference.load(settings.reference, "accountability", Accountability),
            now=now,
        ),
        server.grpc,
    )

    add_AidServiceServicer_to_server(
        AidServicer(
            aids=aids,
            lending=lent,
            incidents=known,
            model=model,
            regions=regions,
            defaults=reference.load(settings.reference, "aid", Defaults),
            now=now,
        ),
        server.grpc,
    )
    add_NeedServiceServicer_to_server(NeedServicer(model=model, now=now), server.grpc)
    _add_run_cards(server, store, model, recommending, regions)
    add_RecommendationServiceServicer_to_server(
        RecommendationServicer(
            handler=CommandHandler(store, RECOMMENDATION),
            recommending=recommending,
            incidents=known,
            starting=starts,
            model=model,
            regions=regions,
            now=now,
        ),
        server.grpc,
    )

    async def publish(js: broker.JetStream) -> None:
        await broker.ensure_stream(js, STREAM, SUBJECTS, replicas=settings.nats_replicas)
        await relay(
            subscribe=lambda after: model.follow(CATEGORIES, after),
            public=public,
            js=js,
            stream=STREAM,
            source="/anlan/dispatch",
        )

    def on_broker(js: broker.JetStream) -> list[Coroutine[Any, Any, None]]:
        return [
            publish(js),
            recommending.fleet.follow_positions(js),
            inbox(
                js=js,
                stream="ANLAN_COMMAND",
                durable="dispatch_incidents",
                subjects=incidents.SUBJECTS,
                react=told(known.on_event, following.on_incident),
            ),
            inbox(
                js=js,
                stream="ANLAN_COMMAND",
                durable="dispatch_needs",
                subjects=needs.SUBJECTS,
                react=told(needed.on_event),
            ),
            inbox(
                js=js,
                stream=STREAM,
                durable="dispatch_endings",
                subjects=releasing.ENDING_SUBJECTS,
                react=told(letting_go.on_ending),
            ),
            inbox(
                js=js,
                stream=STREAM,
                durable="dispatch_lending",
                subjects=lending.SUBJECTS,
                react=told(lent.on_event),
            ),
            inbox(
                js=js,
                stream=STREAM,
                durable="dispatch_aid",
                subjects=moving.AID_SUBJECTS,
                react=told(following.on_aid),
            ),
            inbox(
                js=js,
                stream=STREAM,
                durable="dispatch_moved",
                subjects=moving.MOVED_SUBJECTS,
                react=told(following.on_moved),
            ),
            inbox(
                js=js,
                stream=STREAM,
                durable="dispatch_roll_calls",
                subjects=moving.ROLL_CALL_SUBJECTS,
                react=told(following.on_roll_call),
            ),
            inbox(
                js=js,
                stream=STREAM,
                durable="dispatch_withdrawals",
                subjects=withdrawing.SUBJECTS,
                react=told(pulling_back.on_ordered, following.on_withdrawal),
            ),
            inbox(
                js=js,
                stream=STREAM,
                durable="dispatch_starts",
                subjects=starting.SUBJECTS,
                react=told(starts.on_planned),
            ),
            inbox(
                js=js,
                stream="ANLAN_RESOURCES",
                durable="dispatch_holds",
                subjects=releasing.HOLD_SUBJECTS,
                react=told(letting_go.on_hold, following.on_hold),
            ),
        ]

    tasks = [
        recommending.fleet.follow(),
        broker.while_connected(settings.nats_url, "dispatch", on_broker),
        Alarms(
            model,
            [
                Alarm(clocks.next_overdue, clocks.OverdueClock(store, assignments).ring),
                Alarm(clocks.next_aid_due, aid_due.ring),
                Alarm(clocks.next_preplanned, planned.ring),
                Alarm(clocks.next_roll_call, clocks.RollCallClock(store, calls).ring),
                Alarm(clocks.next_left_behind, sending.recover),
            ],
        ).run(now),
    ]
    try:
        yield server, model, tasks
    finally:
        for opened in (recommending.routing, resources, command, model, store):
            await opened.close()


def _recommending(
    settings: Settings, cards: Cards, fleet: Fleet, now: Callable[[], datetime]
) -> Recommending:
    ours, folder = DispatchSettings(**settings.model_dump()), settings.reference
    return Recommending(
        cards=cards,
        fleet=fleet,
        routing=Routing(ours.osrm_url, ours.osrm_profile),
        rules=reference.load(folder, "recommendation", Rules),
        coverage=reference.load(folder, "coverage", Coverage),
        mobilisation=reference.load(folder, "mobilisation", Mobilisation),
        now=now,
    )


def _add_run_cards(
    server: Server,
    store: EventStore,
    model: ReadModel,
    recommending: Recommending,
    regions: Regions,
) -> None:
    add_RunCardServiceServicer_to_server(
        RunCardServicer(
            handler=CommandHandler(store, RUN_CARD),
            cards=recommending.cards,
            model=model,
            regions=regions,
            now=recommending.now,
        ),
        server.grpc,
    )


def told(
    *reacting: Callable[[Recorded], Awaitable[None]],
) -> Callable[[Delivered], Awaitable[None]]:
    """Return what reacts to a delivery as each of ``reacting`` in turn does to the event in it."""

    async def on(delivered: Delivered) -> None:
        for react in reacting:
            await react(delivered.event)

    return on


def ways(settings: Settings) -> Ways:
    found = reference.load(settings.reference, "assignment_states", Ways)
    try:
        found.check()
    except ValueError as wrong:
        raise SystemExit(f"reference data assignment_states.json: {wrong}") from None
    return found


def now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    app.main("dispatch", serve)
