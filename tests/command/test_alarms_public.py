"""What the world hears of command's alarms and of their ends."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from anlan.command.v1 import figure_pb2 as figure_pb
from anlan.command.v1 import incident_pb2 as command_pb
from anlan.events.v1 import deadline_events_pb2 as deadline_pb
from anlan.events.v1 import incident_events_pb2 as incident_pb
from anlan.events.v1 import task_events_pb2 as task_pb
from services.command.codec import INCIDENT_CODEC
from services.command.domain.grades import Grade
from services.command.domain.incident.deadlines import ConcealmentSuspected, DeadlineLifted, Why
from services.command.domain.incident.facts import Metric
from services.command.domain.incident.grading import ResponseMatched
from services.command.domain.levels import Level
from services.command.relay import public
from services.runtime.recorded import Recorded
from services.runtime.times import to_proto
from tests.command import incidents, work

NOW = incidents.NOW
STAMP = to_proto(NOW)
about: dict[str, Any] = {"incident_id": "i1", "adcode": "431281102", "occurred_at": NOW}

CASES = [
    (
        incidents.mismatched,
        incident_pb.ResponseMismatched(
            incident_id="i1",
            grade=command_pb.GRADE_LARGER,
            fitting=[
                command_pb.RESPONSE_LEVEL_III,
                command_pb.RESPONSE_LEVEL_II,
                command_pb.RESPONSE_LEVEL_I,
            ],
            occur_time=STAMP,
        ),
    ),
    (
        ResponseMatched(**about, grade=Grade.LARGER, level=Level.III),
        incident_pb.ResponseMatched(
            incident_id="i1",
            grade=command_pb.GRADE_LARGER,
            level=command_pb.RESPONSE_LEVEL_III,
            occur_time=STAMP,
        ),
    ),
    (
        work.overdue,
        task_pb.TaskOverdue(
            incident_id=work.overdue.incident_id,
            task_id=work.overdue.task_id,
            title="转移稔禾村低洼户",
            assignee="chen",
            due_time=to_proto(work.IN_AN_HOUR),
            occur_time=to_proto(work.IN_AN_HOUR),
        ),
    ),
    (
        DeadlineLifted(**about, deadline_id="d1", name="初报", why=next(iter(Why))),
        deadline_pb.DeadlineLifted(
            incident_id="i1", deadline_id="d1", name="初报", occur_time=STAMP
        ),
    ),
    (
        ConcealmentSuspected(
            **about,
            situation_report_id="s1",
            number=2,
            recipient="怀化市政府",
            metric=Metric.DEAD,
            fact_id="f1",
            source="医院",
            known_value=3,
            known_at=NOW,
            reported_value=1,
        ),
        deadline_pb.ConcealmentSuspected(
            incident_id="i1",
            situation_report_id="s1",
            number=2,
            recipient="怀化市政府",
            metric=figure_pb.METRIC_DEAD,
            fact_id="f1",
            known_value=3,
            known_time=STAMP,
            reported_value=1,
            occur_time=STAMP,
        ),
    ),
]


@pytest.mark.parametrize(("event", "told"), CASES, ids=lambda value: type(value).__name__)
def test_an_alarm_and_its_end_are_told_of(event: Any, told: Any) -> None:
    type_, data = INCIDENT_CODEC.encode(event)
    recorded = Recorded(
        id=UUID(int=1),
        type=type_,
        stream="incident-i1",
        revision=0,
        position=1,
        created_at=NOW,
        data=data,
        metadata={},
    )
    published = public(recorded)
    assert published is not None
    assert published.type == told.DESCRIPTOR.full_name
    assert type(told).FromString(published.payload) == told
    assert published.subject.split(".")[2:4] == ["incident", told.DESCRIPTOR.name]
