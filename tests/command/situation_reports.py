"""The facts and wishes that the tests of situation reports share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.command.domain.incident import decider, figures, series, series_rules
from services.command.domain.incident.facts import Metric, SourceKind
from services.command.domain.incident.series import SituationReportKind
from tests.command import incidents as known
from tests.spec import spec


def decide(command: series.Command, state: decider.State) -> Sequence[series.Event]:
    """Decide by the rules of the series alone."""
    assert isinstance(state, decider.Open)
    return series_rules.decide(command, decider.report_ground(known.RULES, state), state.series)


given = spec(decide, decider.evolve, decider.INITIAL)


def figure(
    metric: Metric, value: int, fact_id: str, *, scope: str = "", at: datetime = known.NOW
) -> figures.FigureRecorded:
    return figures.FigureRecorded(
        incident_id="i1",
        adcode="431281102",
        fact_id=fact_id,
        metric=metric,
        value=value,
        source_kind=SourceKind.SCENE,
        source="现场指挥部",
        scope=scope,
        note="",
        basis="",
        recorded_by="commander.li",
        occurred_at=at,
    )


initial = known.tell
follow_up = replace(
    known.tell,
    situation_report_id="s2",
    kind=SituationReportKind.FOLLOW_UP,
    contents={"course": "仍在搜救", "measures": "增派一队"},
    claimed={},
    occurred_at=known.NOW + timedelta(hours=1),
)
followed_up = replace(
    known.told,
    situation_report_id="s2",
    kind=SituationReportKind.FOLLOW_UP,
    number=2,
    contents={"course": "仍在搜救", "affected": "被困2人", "measures": "增派一队"},
    occurred_at=follow_up.occurred_at,
)
zero = replace(follow_up, contents={}, zero_report=True)
zeroed = replace(
    followed_up,
    contents={"course": known.RULES.situation_reports.unchanged, "affected": "被困2人"},
    zero_report=True,
)
final = replace(follow_up, situation_report_id="s9", kind=SituationReportKind.FINAL)
finished = replace(
    followed_up,
    situation_report_id="s9",
    kind=SituationReportKind.FINAL,
    contents={
        "disaster_kind": "滑坡",
        "time_place_extent": "1时10分，稔禾村",
        **followed_up.contents,
    },
)
