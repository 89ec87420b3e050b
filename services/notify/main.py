"""Notify: who is told of what, until they answer; and public warnings.  Composition root."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from anlan.notify.v1 import contact_service_pb2 as contact_pb
from anlan.notify.v1 import notification_service_pb2 as notification_pb
from anlan.notify.v1 import warning_service_pb2 as warning_pb
from anlan.notify.v1.contact_service_pb2_grpc import add_ContactServiceServicer_to_server
from anlan.notify.v1.notification_service_pb2_grpc import (
    add_NotificationServiceServicer_to_server,
)
from anlan.notify.v1.warning_service_pb2_grpc import add_WarningServiceServicer_to_server
from services.notify.channels import Mail, Send, Webhook, webhook_client
from services.notify.codec import BRIEFING, CATEGORIES, CONTACT, MATTER, NOTIFICATION, WARNING
from services.notify.delivery import Delivery
from services.notify.domain.contact import Channel
from services.notify.gazetteer import Gazetteer
from services.notify.policies.news import subjects
from services.notify.projections import NOTIFY
from services.notify.reactions import Dispatch, Reactions
from services.notify.relay import STREAM, SUBJECTS, public
from services.notify.rulebook import Reference
from services.notify.servicer.contact import ContactServicer
from services.notify.servicer.notification import NotificationServicer
from services.notify.servicer.warning import IncidentTypes, WarningServicer
from services.notify.settings import NotifySettings
from services.runtime import app, broker, reference
from services.runtime.handle import CommandHandler
from services.runtime.inbox import inbox
from services.runtime.peer import Peer
from services.runtime.place import Regions
from services.runtime.readmodel import ReadModel
from services.runtime.relay import relay
from services.runtime.serve import guarded_server
from services.runtime.settings import Settings
from services.runtime.store import EventStore

DOMAIN = "notify.anlan"
PARKING = "ANLAN_PARKED"


async def serve(settings: Settings) -> None:
    ours = NotifySettings(**settings.model_dump())
    store = EventStore(ours.esdb_uri)
    await store.connect()
    model = ReadModel(NOTIFY, store, ours.read_model_url)
    await model.open()
    http = webhook_client()
    dispatch = Peer(ours.dispatch_address, ours)

    contacts = CommandHandler(store, CONTACT)
    notifications = CommandHandler(store, NOTIFICATION)
    regions = reference.load(ours.reference, "regions", Regions)
    about = reference.load(ours.reference, "notify", Reference)
    gazetteer = Gazetteer(regions, about.above)
    server = guarded_server(ours, DOMAIN)
    add_ContactServiceServicer_to_server(
        ContactServicer(contacts=contacts, model=model, gazetteer=gazetteer, now=now), server.grpc
    )
    add_NotificationServiceServicer_to_server(
        NotificationServicer(notifications=notifications, model=model, now=now), server.grpc
    )
    add_WarningServiceServicer_to_server(
        WarningServicer(
            warnings=CommandHandler(store, WARNING),
            model=model,
            gazetteer=gazetteer,
            reference=about,
            types=reference.load(ours.reference, "incident_types", IncidentTypes),
            now=now,
        ),
        server.grpc,
    )

    matters = CommandHandler(store, MATTER)
    reactions = Reactions(
        store=store,
        model=model,
        notifications=notifications,
        briefings=CommandHandler(store, BRIEFING),
        matters=matters,
        dispatch=Dispatch(dispatch, store),
        gazetteer=gazetteer,
        reference=about,
        now=now,
    )
    senders: dict[Channel, Send] = {Channel.WEBHOOK: Webhook(http), Channel.EMAIL: Mail(ours)}

    def delivery(channel: Channel) -> Delivery:
        return Delivery(
            channel=channel,
            senders=senders,
            model=model,
            contacts=contacts,
            notifications=notifications,
            matters=matters,
            persistence=ours.persistence,
            urgencies=about.urgencies,
            now=now,
            new_id=uuid4,
        )

    async def listen(js: broker.JetStream, stream: str, concurrency: int) -> None:
        await broker.ensure_parking(js, PARKING, replicas=settings.nats_replicas)
        await inbox(
            js=js,
            stream=stream,
            durable="notify",
            subjects=subjects(stream),
            react=reactions.react,
            concurrency=concurrency,
        )

    async def publish(js: broker.JetStream) -> None:
        await broker.ensure_stream(js, STREAM, SUBJECTS, replicas=settings.nats_replicas)
        await relay(
            subscribe=lambda after: model.follow(CATEGORIES, after),
            public=public,
            js=js,
            stream=STREAM,
            source="/anlan/notify",
        )

    def on_broker(js: broker.JetStream) -> list[Coroutine[Any, Any, None]]:
        return [
            publish(js),
            listen(js, "ANLAN_DISPATCH", concurrency=8),
            listen(js, "ANLAN_COMMAND", concurrency=1),  # its opening first
            listen(js, "ANLAN_RESOURCES", concurrency=2),
        ]

    try:
        await app.run(
            server,
            [
                contact_pb.DESCRIPTOR.services_by_name["ContactService"].full_name,
                notification_pb.DESCRIPTOR.services_by_name["NotificationService"].full_name,
                warning_pb.DESCRIPTOR.services_by_name["WarningService"].full_name,
            ],
            [model],
            [
                broker.while_connected(ours.nats_url, "notify", on_broker),
                *(delivery(channel).run() for channel in Channel),
            ],
        )
    finally:
        await http.aclose()
        await dispatch.close()
        await model.close()
        await store.close()


def now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    app.main("notify", serve)
