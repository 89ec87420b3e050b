"""A log in memory, to fold into rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from services.command.codec import INCIDENT_CODEC, REPORT_CODEC
from services.command.domain import report
from services.command.domain.incident import decider
from services.runtime.recorded import Recorded

BEGAN = datetime(2026, 6, 18, 1, 30, tzinfo=UTC)


def recorded(events: Sequence[report.Event | decider.Event], exercise: str = "") -> list[Recorded]:
    """Store the events in memory, each in the stream that it belongs to."""
    revisions: dict[str, int] = {}
    log = []
    for number, event in enumerate(events, 1):
        if isinstance(event, report.Event):
            stream, (type_, data) = f"report-{event.report_id}", REPORT_CODEC.encode(event)
        else:
            stream, (type_, data) = f"incident-{event.incident_id}", INCIDENT_CODEC.encode(event)
        revisions[stream] = revisions.get(stream, -1) + 1
        log.append(
            Recorded(
                id=uuid5(NAMESPACE_URL, str(number)),
                type=type_,
                stream=stream,
                revision=revisions[stream],
                position=number * 7,
                created_at=BEGAN + timedelta(milliseconds=number),
                data=data,
                metadata={"exercise": exercise} if exercise else {},
            )
        )
    return log
