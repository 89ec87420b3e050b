"""What the rest of the world may know: private facts to public messages."""

from __future__ import annotations

from google.protobuf.message import Message

from services.command.codec import INCIDENT_CODEC, PLAN_CODEC, REPORT_CODEC
from services.command.domain import report
from services.command.domain.incident import lifecycle
from services.command.relay.incidents import of_incident
from services.command.relay.plans import of_plan
from services.command.relay.reports import of_report
from services.runtime.actor import NATION
from services.runtime.published import Publication
from services.runtime.recorded import Recorded

STREAM = "ANLAN_COMMAND"
CATEGORIES = ("report", "incident", "plan")
SUBJECTS = ("anlan.*.report.>", "anlan.*.incident.>", "anlan.*.plan.>")


def public(recorded: Recorded) -> Publication | None:
    """Translate, or return None for what stays in this room."""
    if recorded.category == "report":
        event = REPORT_CODEC.decode(recorded.type, recorded.data)
        message: Message | None = of_report(event)
        known = report.ReportSubmitted | report.ReportVerified
        adcode = event.place.adcode if isinstance(event, known) else ""
    elif recorded.category == "plan":
        planned = PLAN_CODEC.decode(recorded.type, recorded.data)
        message, adcode = of_plan(planned), planned.adcode
    else:
        happened = INCIDENT_CODEC.decode(recorded.type, recorded.data)
        message = of_incident(happened)
        adcode = (
            happened.place.adcode
            if isinstance(happened, lifecycle.IncidentOpened)
            else happened.adcode
        )
    if message is None:
        return None
    region = adcode or recorded.metadata.get("jurisdiction", NATION)
    name = message.DESCRIPTOR.name
    return Publication(
        subject=f"anlan.{region}.{recorded.category}.{name}.{recorded.key}",
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
    )
