"""A report (接报): what somebody said, until it is verified, joined to an incident or rejected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.command.domain.alert import Alert
from services.command.domain.casualties import Casualties
from services.runtime.actor import Actor
from services.runtime.place import Place


class Source(StrEnum):
    POLICE_110 = "police_110"
    FIRE_119 = "fire_119"
    MEDICAL_120 = "medical_120"
    WORK_SAFETY_12350 = "work_safety_12350"
    INFORMATION_OFFICER = "information_officer"
    SENSOR = "sensor"
    UPSTREAM = "upstream"
    OTHER = "other"
    SYSTEM = "system"  # another system, by an alert


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """上级指令: an order or a notice from above, by its issuer's own number."""

    issuer: str
    number: str
    reply_due_at: datetime | None


# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitReport:
    """``corrects`` are reports of the same sender that this one corrects or takes back."""

    by: Actor
    report_id: str
    source: Source
    reporter: str
    type_code: str
    place: Place
    casualties: Casualties
    text: str
    occurred_at: datetime
    callback: str = ""
    order: Order | None = None
    alert: Alert | None = None
    corrects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """Finds the report true.  ``type_code`` corrects the report's where it is not empty."""

    by: Actor
    report_id: str
    incident_id: str
    title: str
    type_code: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinReport:
    """``attached`` tells that the report has come to the incident already, with another one."""

    by: Actor
    report_id: str
    incident_id: str
    occurred_at: datetime
    attached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectReport:
    by: Actor
    report_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SupersedeReport:
    """``occurred_at`` is when the later report was said."""

    report_id: str
    by_report_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgeOrder:
    by: Actor
    report_id: str
    occurred_at: datetime


Settlement = VerifyReport | JoinReport | RejectReport
Command = SubmitReport | Settlement | SupersedeReport | AcknowledgeOrder


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSubmitted:
    report_id: str
    source: Source
    reporter: str
    type_code: str
    place: Place
    casualties: Casualties
    text: str
    callback: str
    order: Order | None
    alert: Alert | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionAnnounced:
    """Told of a report together with its submission: whoever sent it said those before."""

    report_id: str
    corrects: tuple[str, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportVerified:
    """Carries all that the incident needs, so that it can be opened from this event alone."""

    report_id: str
    incident_id: str
    title: str
    type_code: str
    place: Place
    casualties: Casualties
    reported_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportJoined:
    report_id: str
    incident_id: str
    casualties: Casualties
    reported_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRejected:
    report_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSuperseded:
    """Its sender has said otherwise since; what it said stays on record."""

    report_id: str
    by_report_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAcknowledged:
    report_id: str
    issuer: str
    number: str
    acknowledged_by: str
    occurred_at: datetime


Event = (
    ReportSubmitted
    | CorrectionAnnounced
    | ReportVerified
    | ReportJoined
    | ReportRejected
    | ReportSuperseded
    | OrderAcknowledged
)


# State.


@dataclass(frozen=True, slots=True)
class Expected:
    """Not here yet, and superseded already: messages overtake each other."""

    superseded_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Received:
    """``superseded_by`` has the latest last."""

    said: ReportSubmitted
    corrects: tuple[str, ...] = ()
    superseded_by: tuple[str, ...] = ()
    acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """``incident_id`` is empty for a report that was rejected; ``title`` is for one verified."""

    said: ReportSubmitted
    incident_id: str
    at: datetime
    verified: bool = False
    title: str = ""
    type_code: str = ""
    corrects: tuple[str, ...] = ()
    superseded_by: tuple[str, ...] = ()
    acknowledged: bool = False


State = Expected | Received | Settled | None
INITIAL: State = None
