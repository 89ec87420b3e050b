"""瞒报: what was known before a situation report, and is more than the report accounts for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from services.command.domain.incident.deadlines import ConcealmentSuspected
from services.command.domain.incident.facts import Fact, Facts, Metric
from services.command.domain.incident.series import SituationReportSubmitted


def suspect(
    accounted: Mapping[Metric, Collection[Metric]],
    facts: Facts,
    suspected: Collection[str],
    report: SituationReportSubmitted,
) -> list[ConcealmentSuspected]:
    """Return a suspicion for each fact that was said before the report and exceeds it.

    Of each source its newest word counts.  Whoever finds it wrong withdraws or corrects it, with
    the reason; that another value was declared authoritative settles nothing here.
    """
    found = []
    for metric, together in accounted.items():
        reported = sum(report.figures.get(one, 0) for one in together)
        found += [
            ConcealmentSuspected(
                incident_id=report.incident_id,
                adcode=report.adcode,
                situation_report_id=report.situation_report_id,
                number=report.number,
                recipient=report.recipient,
                metric=metric,
                fact_id=fact.fact_id,
                source=fact.source,
                known_value=fact.value,
                known_at=fact.occurred_at,
                reported_value=reported,
                occurred_at=report.occurred_at,
            )
            for fact in _newest(facts.live(metric))
            if fact.value > reported
            and fact.occurred_at <= report.occurred_at
            and fact.fact_id not in suspected
        ]
    return found


def _newest(live: Iterable[Fact]) -> list[Fact]:
    newest: dict[tuple[str, str, str], Fact] = {}
    for fact in live:
        source = (fact.source_kind, fact.source, fact.scope)
        known = newest.get(source)
        if known is None or fact.occurred_at >= known.occurred_at:
            newest[source] = fact
    return list(newest.values())
