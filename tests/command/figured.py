"""The figures that the tests of facts and grading share."""

from __future__ import annotations

from datetime import timedelta

from services.command.domain.incident import decider, figures
from services.command.domain.incident.facts import Metric, SourceKind
from tests.command.incidents import LI, NOW, ZHANG


def incident(*events: decider.Event) -> decider.Open:
    """Return the open incident that these events make."""
    state = decider.fold(events, decider.INITIAL)
    assert isinstance(state, decider.Open)
    return state


HOSPITAL, POLICE = "洪江市人民医院", "安江派出所"
EARLIER, LATER = NOW - timedelta(minutes=30), NOW + timedelta(minutes=30)

record = figures.RecordFigure(
    by=LI,
    incident_id="i1",
    fact_id="f1",
    metric=Metric.DEAD,
    value=3,
    source_kind=SourceKind.HOSPITAL,
    source=HOSPITAL,
    scope="",
    note="",
    basis="",
    occurred_at=NOW,
)
correct = figures.CorrectFigure(
    by=LI,
    incident_id="i1",
    fact_id="f2",
    corrects="f1",
    value=2,
    source_kind=SourceKind.HOSPITAL,
    source=HOSPITAL,
    note="",
    basis="",
    reason="同一人重复统计",
    authoritative=False,
    occurred_at=LATER,
)
withdraw = figures.WithdrawFigure(
    by=LI, incident_id="i1", fact_id="f1", reason="误报", occurred_at=LATER
)
declare = figures.DeclareAuthoritative(
    by=ZHANG, incident_id="i1", fact_id="f1", reason="以医院为准", occurred_at=LATER
)
recorded = figures.FigureRecorded(
    incident_id="i1",
    adcode="431281102",
    fact_id="f1",
    metric=Metric.DEAD,
    value=3,
    source_kind=SourceKind.HOSPITAL,
    source=HOSPITAL,
    scope="",
    note="",
    basis="",
    recorded_by="commander.li",
    occurred_at=NOW,
)
corrected = figures.FigureCorrected(
    incident_id="i1",
    adcode="431281102",
    fact_id="f2",
    corrects="f1",
    metric=Metric.DEAD,
    previous_value=3,
    value=2,
    source_kind=SourceKind.HOSPITAL,
    source=HOSPITAL,
    scope="",
    note="",
    basis="",
    reason="同一人重复统计",
    authority=figures.Authority.NONE,
    corrected_by="commander.li",
    occurred_at=LATER,
)
withdrawn = figures.FigureWithdrawn(
    incident_id="i1",
    adcode="431281102",
    fact_id="f1",
    metric=Metric.DEAD,
    value=3,
    reason="误报",
    authority=figures.Authority.NONE,
    withdrawn_by="commander.li",
    occurred_at=LATER,
)
declared = figures.FigureDeclaredAuthoritative(
    incident_id="i1",
    adcode="431281102",
    fact_id="f1",
    metric=Metric.DEAD,
    value=3,
    source=HOSPITAL,
    previous="",
    reason="以医院为准",
    declared_by="mayor.zhang",
    occurred_at=LATER,
)
