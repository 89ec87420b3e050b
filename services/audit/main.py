"""Audit: timelines of what was recorded.  Composition root."""

from __future__ import annotations

from datetime import UTC, datetime

from anlan.audit.v1 import timeline_service_pb2 as pb
from anlan.audit.v1.timeline_service_pb2_grpc import add_TimelineServiceServicer_to_server
from services.audit.phrases import Phrases
from services.audit.projections import AUDIT
from services.audit.servicer import TimelineServicer
from services.runtime import app, reference
from services.runtime.readmodel import ReadModel
from services.runtime.serve import guarded_server
from services.runtime.settings import Settings
from services.runtime.store import EventStore

DOMAIN = "audit.anlan"


async def serve(settings: Settings) -> None:
    store = EventStore(settings.esdb_uri)
    await store.connect()
    model = ReadModel(AUDIT, store, settings.read_model_url)
    await model.open()
    server = guarded_server(settings, DOMAIN)
    phrases = reference.load(settings.reference, "phrases", Phrases)
    add_TimelineServiceServicer_to_server(
        TimelineServicer(model=model, phrases=phrases, now=now), server.grpc
    )
    try:
        name = pb.DESCRIPTOR.services_by_name["TimelineService"].full_name
        await app.run(server, [name], [model], [])
    finally:
        await model.close()
        await store.close()


def now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    app.main("audit", serve)
