"""初报, 续报, 核报: the series of situation reports that the law wants of an incident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from services.command.domain.incident.facts import Metric
from services.runtime.actor import Actor


class SituationReportKind(StrEnum):
    INITIAL = "initial"  # 初报
    FOLLOW_UP = "follow_up"  # 续报
    FINAL = "final"  # 核报


class Tier(StrEnum):
    """How high an authority stands that a report is owed to."""

    COUNTY = "county"
    PREFECTURE = "prefecture"
    PROVINCE = "province"
    STATE = "state"


class Means(StrEnum):
    PHONE = "phone"  # 电话
    FAX = "fax"  # 传真
    DIRECT_REPORT = "direct_report"  # 直报系统
    WRITTEN = "written"  # 书面
    MESSAGE = "message"  # 政务短信, 电子邮件
    IN_PERSON = "in_person"  # 当面
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitSituationReport:
    """``claimed`` are figures that the caller states: they must be those that stand.

    ``contents`` are typed, by key; what can be drawn may be left out.
    """

    by: Actor
    incident_id: str
    situation_report_id: str
    kind: SituationReportKind
    recipient: str
    occurred_at: datetime
    contents: Mapping[str, str] = field(default_factory=dict)
    claimed: Mapping[Metric, int] = field(default_factory=dict)
    explanations: Mapping[Metric, str] = field(default_factory=dict)
    zero_report: bool = False
    corrects: str = ""
    correction_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSending:
    """``recipient_key`` names whom of the table it reached; empty for another recipient.

    ``sent_by`` may be another than who records it.
    """

    by: Actor
    incident_id: str
    situation_report_id: str
    sending_id: str
    recipient: str
    recipient_key: str
    means: Means
    sent_by: str
    note: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgeSituationReport:
    """The receipt of one sending, under the recipient's own number."""

    by: Actor
    incident_id: str
    situation_report_id: str
    sending_id: str
    acknowledged_by: str
    reference_number: str
    occurred_at: datetime


Command = SubmitSituationReport | RecordSending | AcknowledgeSituationReport


@dataclass(frozen=True, slots=True, kw_only=True)
class SituationReportSubmitted:
    """``number`` counts the incident's reports from 1.

    ``figures`` are what stood when it was submitted, each with the facts that it rests on
    (``fact_ids``; several where townships were added up).  ``contents`` are whole, typed and drawn,
    after a ``form`` of the table, which also names to whom such a report is ``owed_to``.
    """

    incident_id: str
    adcode: str
    situation_report_id: str
    kind: SituationReportKind
    number: int
    recipient: str
    form: str
    contents: Mapping[str, str]
    figures: Mapping[Metric, int]
    fact_ids: Mapping[Metric, tuple[str, ...]]
    explanations: Mapping[Metric, str]
    zero_report: bool
    corrects: str
    correction_reason: str
    owed_to: tuple[str, ...]
    table_version: str
    submitted_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SituationReportSent:
    """``occurred_at`` is when it was sent.

    ``tier`` is the recipient's where the table knows the recipient.
    """

    incident_id: str
    adcode: str
    situation_report_id: str
    number: int
    kind: SituationReportKind
    sending_id: str
    recipient: str
    recipient_key: str
    tier: Tier | None
    means: Means
    sent_by: str
    note: str
    occurred_at: datetime

    @property
    def sent_at(self) -> datetime:
        return self.occurred_at


@dataclass(frozen=True, slots=True, kw_only=True)
class SituationReportAcknowledged:
    """``occurred_at`` is when the recipient acknowledged it."""

    incident_id: str
    adcode: str
    situation_report_id: str
    number: int
    sending_id: str
    recipient: str
    acknowledged_by: str
    reference_number: str
    occurred_at: datetime


Event = SituationReportSubmitted | SituationReportSent | SituationReportAcknowledged


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    sent: SituationReportSent
    receipt: SituationReportAcknowledged | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """A report of the series and where it went."""

    number: int
    kind: SituationReportKind
    sendings: Mapping[str, Sending] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """``said`` is each content as it was last said; ``ended`` by a 核报, until reopened."""

    submitted: Mapping[str, Filed] = field(default_factory=dict)
    last: SituationReportSubmitted | None = None
    said: Mapping[str, str] = field(default_factory=dict)
    ended: bool = False


def evolve(series: Series, event: Event) -> Series:
    match event:
        case SituationReportSubmitted():
            filed = Filed(number=event.number, kind=event.kind)
            return replace(
                series,
                submitted={**series.submitted, event.situation_report_id: filed},
                last=event,
                said={**series.said, **event.contents},
                ended=event.kind is SituationReportKind.FINAL,
            )
        case SituationReportSent():
            return _with_sending(series, event, Sending(sent=event))
        case SituationReportAcknowledged():
            filed_ = series.submitted.get(event.situation_report_id)
            sending = None if filed_ is None else filed_.sendings.get(event.sending_id)
            if sending is None:
                return series
            return _with_sending(series, event, replace(sending, receipt=event))
        case _:
            assert_never(event)


def resume(series: Series) -> Series:
    """Let the series of an incident that was reopened go on."""
    return replace(series, ended=False)


def _with_sending(
    series: Series, event: SituationReportSent | SituationReportAcknowledged, sending: Sending
) -> Series:
    filed = series.submitted.get(event.situation_report_id)
    if filed is None:
        return series
    sendings = {**filed.sendings, event.sending_id: sending}
    return replace(
        series,
        submitted={
            **series.submitted,
            event.situation_report_id: replace(filed, sendings=sendings),
        },
    )
