"""Facts that disagree: every figure with its source, side by side, and the one that stands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from itertools import groupby

from services.command.domain.casualties import Casualties


class Metric(StrEnum):
    """What is counted, in people, houses, whole yuan or square metres."""

    DEAD = "dead"
    MISSING = "missing"
    SERIOUSLY_INJURED = "seriously_injured"
    SLIGHTLY_INJURED = "slightly_injured"
    TRAPPED = "trapped"
    PEOPLE_AFFECTED = "people_affected"
    PEOPLE_MOVED = "people_moved"
    PEOPLE_THREATENED = "people_threatened"
    HOUSES_COLLAPSED = "houses_collapsed"
    HOUSES_DAMAGED = "houses_damaged"
    DIRECT_LOSS_YUAN = "direct_loss_yuan"
    THREATENED_LOSS_YUAN = "threatened_loss_yuan"
    FOREST_BURNED_SQUARE_METRES = "forest_burned_square_metres"


CASUALTIES = (
    Metric.DEAD,
    Metric.MISSING,
    Metric.SERIOUSLY_INJURED,
    Metric.SLIGHTLY_INJURED,
    Metric.TRAPPED,
)


class SourceKind(StrEnum):
    REPORT = "report"  # a report of this incident
    TOWNSHIP = "township"
    DEPARTMENT = "department"
    HOSPITAL = "hospital"
    SCENE = "scene"  # the command on the spot
    ENTERPRISE = "enterprise"  # where it happened
    SENSOR = "sensor"
    UPSTREAM = "upstream"
    MEDIA = "media"
    OTHER = "other"
    TOWNSHIPS = "townships"  # the sum of what townships said, never recorded itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A value as one source said it at ``occurred_at``; ``scope`` is a township or the whole.

    ``parts`` are the facts that a sum of townships consists of.
    """

    fact_id: str
    metric: Metric
    value: int
    source_kind: SourceKind
    source: str
    occurred_at: datetime
    scope: str = ""
    note: str = ""
    basis: str = ""
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)  # no slots: what stands is worked out once for each state
class Facts:
    """``ended`` leads from a fact to what superseded it, to nothing when it was withdrawn."""

    known: Mapping[str, Fact] = field(default_factory=dict)
    ended: Mapping[str, str] = field(default_factory=dict)
    authoritative: frozenset[str] = frozenset()

    def live(self, metric: Metric) -> tuple[Fact, ...]:
        """Return all that is said of a metric and neither superseded nor withdrawn."""
        return tuple(fact for fact in self._live() if fact.metric is metric)

    def _live(self) -> Iterator[Fact]:
        return (fact for fact in self.known.values() if fact.fact_id not in self.ended)

    @cached_property
    def standing(self) -> Mapping[Metric, Fact]:
        """The fact that stands for each metric of which anything is said."""
        said: dict[Metric, list[Fact]] = {}
        for fact in self._live():
            said.setdefault(fact.metric, []).append(fact)
        return {metric: standing_of(live, self.authoritative) for metric, live in said.items()}

    def over_time(self) -> Iterator[tuple[datetime, Mapping[Metric, int]]]:
        """Yield each instant at which other values came to stand, with the values since.

        Only of what is live now: as if all of it had been known when it was said.
        """
        chosen: dict[Metric, dict[str, Fact]] = {}
        values: dict[Metric, int] = {}
        for moment, said in groupby(sorted(self._live(), key=_when), key=_when):
            before = dict(values)
            for fact in said:
                scopes = chosen.setdefault(fact.metric, {})
                so_far = [scopes[fact.scope]] if fact.scope in scopes else []
                scopes[fact.scope] = _chosen([*so_far, fact], self.authoritative)
                values[fact.metric] = _standing_of(scopes, self.authoritative).value
            if values != before:
                yield moment, dict(values)


def standing_of(live: Sequence[Fact], authoritative: Collection[str]) -> Fact:
    """Return which of the live facts of one metric, in the order recorded, stands.

    Of the whole and of each township stands what was declared authoritative, else what was said
    last.  Townships are parts of the whole: their sum stands where nothing is said of the whole,
    or less than that sum and nobody has declared it.
    """
    chosen = {scope: _chosen(facts, authoritative) for scope, facts in _by_scope(live).items()}
    return _standing_of(chosen, authoritative)


def _standing_of(chosen: Mapping[str, Fact], authoritative: Collection[str]) -> Fact:
    whole = chosen.get("")
    parts = [chosen[scope] for scope in sorted(chosen) if scope]
    total = sum(part.value for part in parts)
    if whole is not None and (whole.fact_id in authoritative or whole.value >= total):
        return whole
    if len(parts) == 1:
        return parts[0]
    return Fact(
        fact_id=f"{SourceKind.TOWNSHIPS}:{parts[0].metric}",
        metric=parts[0].metric,
        value=total,
        source_kind=SourceKind.TOWNSHIPS,
        source="",
        occurred_at=max(part.occurred_at for part in parts),
        parts=tuple(part.fact_id for part in parts),
    )


def conflicting(live: Sequence[Fact]) -> bool:
    """Whether sources say different things of the same, or the whole is less than its parts."""
    scopes = _by_scope(live)
    if any(len({fact.value for fact in facts}) > 1 for facts in scopes.values()):
        return True
    whole = scopes.pop("", None)
    return whole is not None and whole[0].value < sum(facts[0].value for facts in scopes.values())


def _by_scope(live: Sequence[Fact]) -> dict[str, list[Fact]]:
    scopes: dict[str, list[Fact]] = {}
    for fact in live:
        scopes.setdefault(fact.scope, []).append(fact)
    return scopes


def _chosen(facts: Sequence[Fact], authoritative: Collection[str]) -> Fact:
    for fact in facts:
        if fact.fact_id in authoritative:
            return fact
    return max(reversed(facts), key=_when)


def _when(fact: Fact) -> datetime:
    return fact.occurred_at


def said_by_report(report_id: str, casualties: Casualties, reported_at: datetime) -> list[Fact]:
    """Return what a report says of casualties; to a report, none means not known."""
    return [
        Fact(
            fact_id=f"{report_id}.{metric}",
            metric=metric,
            value=value,
            source_kind=SourceKind.REPORT,
            source=report_id,
            occurred_at=reported_at,
            basis=report_id,
        )
        for metric in CASUALTIES
        if (value := getattr(casualties, metric))
    ]


def casualties(standing: Mapping[Metric, int]) -> Casualties:
    """Return the people harmed after the values that stand; what nobody speaks of is none."""
    return Casualties(**{str(metric): standing.get(metric, 0) for metric in CASUALTIES})


def take_in(facts: Facts, said: Iterable[Fact]) -> Facts:
    return replace(facts, known={**facts.known, **{fact.fact_id: fact for fact in said}})


def said_by(facts: Facts, reports: Collection[str]) -> set[str]:
    """Return the figures that these reports said, and what they were corrected to since."""
    found = {
        fact.fact_id
        for fact in facts.known.values()
        if fact.source_kind is SourceKind.REPORT and fact.basis in reports
    }
    corrected = set(found)
    while corrected := {facts.ended[old] for old in corrected if facts.ended.get(old)} - found:
        found |= corrected
    return found


def without_reports(facts: Facts, reports: Collection[str]) -> Facts:
    """Return the facts without what reports said that belong to another incident now."""
    gone = said_by(facts, reports)
    return Facts(
        known={key: fact for key, fact in facts.known.items() if key not in gone},
        ended={key: successor for key, successor in facts.ended.items() if key not in gone},
        authoritative=facts.authoritative - gone,
    )


def same(one: Fact, other: Fact) -> bool:
    """Whether two facts speak of the same thing."""
    return (one.metric, one.scope) == (other.metric, other.scope)
