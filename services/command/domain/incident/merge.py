"""并案: how an incident that turns out to be another is replaced by it, for good.

EIDO's Merge component (NENA-STA-021.1b) calls the one replaced and the other replacing.  A merge
crosses two streams.  It is decided on the incident that goes: from then on that one is read-only.
The other takes over all that was going on there, wherever its own way has led it meanwhile, and
then the first is told who took it.  Nothing can refuse the middle of it, so nothing must be undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.command.domain.incident.deadlines import Deadline
from services.command.domain.incident.facts import Fact, Facts
from services.command.domain.incident.needs import Need, Needs
from services.command.domain.incident.objectives import Objective, Objectives, ObjectiveState
from services.command.domain.incident.response import Level
from services.command.domain.incident.tasks import Task, Work
from services.runtime.actor import Actor
from services.runtime.rejection import Rejection

LEVELS = tuple(Level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far an incident's response has come: what may not be lost when it is merged."""

    level: Level | None
    commander: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginMerge:
    """``replacing`` and ``ancestors`` are the other's, as they were when this was asked."""

    by: Actor
    incident_id: str
    into: str
    reason: str
    replacing: Standing
    ancestors: tuple[str, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What goes over: all that is said, and all that is still to be done.

    ``replaced`` are incidents that were merged into this one before; figures, tasks, objectives
    and needs stand under the ids that they had, and hold those that they get.
    """

    incident_id: str
    reported_at: datetime
    reports: tuple[str, ...]
    replaced: tuple[str, ...]
    parent: str
    related: tuple[str, ...]
    decisions: tuple[str, ...]
    facts: Mapping[str, Fact]
    tasks: Mapping[str, Task]
    objectives: Mapping[str, Objective]
    needs: Mapping[str, Need]
    clocks: tuple[Deadline, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsorbIncident:
    by: Actor
    incident_id: str
    brought: Brought
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakRing:
    """Brings one of several incidents back that were merged into each other at the same time.

    ``brought`` are the others.
    """

    by: Actor
    incident_id: str
    brought: tuple[Brought, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcludeMerge:
    """Says who took the incident over: ``into`` need not be whom it was meant for."""

    by: Actor
    incident_id: str
    into: str
    occurred_at: datetime


Command = BeginMerge | AbsorbIncident | BreakRing | ConcludeMerge


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeBegun:
    incident_id: str
    adcode: str
    into: str
    reason: str
    begun_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentAbsorbed:
    """``reported_at`` is when the first report of what was absorbed was said."""

    incident_id: str
    adcode: str
    source_id: str
    reported_at: datetime
    reports: tuple[str, ...]
    replaced: tuple[str, ...]
    parent: str
    related: tuple[str, ...]
    decisions: tuple[str, ...]
    facts: Mapping[str, Fact]
    tasks: Mapping[str, Task]
    objectives: Mapping[str, Objective]
    needs: Mapping[str, Need]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeAbandoned:
    """Two incidents were merged into each other at once: this one goes on."""

    incident_id: str
    adcode: str
    into: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentMerged:
    incident_id: str
    adcode: str
    into: str
    reason: str
    occurred_at: datetime


Event = MergeBegun | IncidentAbsorbed | MergeAbandoned | IncidentMerged


@dataclass(frozen=True, slots=True, kw_only=True)
class Merges:
    """``replaced`` are all incidents that this one replaces, those among them too that did."""

    replaced: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What an incident has under ids of its own."""

    facts: Facts = field(default_factory=Facts)
    work: Work = field(default_factory=Work)
    objectives: Objectives = field(default_factory=Objectives)
    needs: Needs = field(default_factory=Needs)


def begin(command: BeginMerge, adcode: str, standing: Standing) -> list[Event]:
    if command.into == command.incident_id:
        raise Rejection(
            "MERGE_INTO_ITSELF",
            f"incident {command.incident_id} cannot be merged into itself: name another",
            incident_id=command.incident_id,
        )
    if command.incident_id in command.ancestors[1:]:
        raise Rejection(
            "LINK_CYCLE",
            f"incident {command.into} lies below {command.incident_id} through "
            f"{command.ancestors[0]}: unlink that one first",
            incident_id=command.incident_id,
            into_incident_id=command.into,
            through=command.ancestors[0],
        )
    _require_covered(command, standing)
    return [
        MergeBegun(
            incident_id=command.incident_id,
            adcode=adcode,
            into=command.into,
            reason=command.reason,
            begun_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def _require_covered(command: BeginMerge, standing: Standing) -> None:
    """Refuse to lose a response or a commander: who replaces must have as much."""
    replacing = command.replacing
    if standing.level is not None and (
        replacing.level is None or LEVELS.index(replacing.level) < LEVELS.index(standing.level)
    ):
        raise Rejection(
            "RESPONSE_NOT_COVERED",
            f"incident {command.incident_id} is responded to at level {standing.level}, "
            f"{command.into} at {replacing.level or 'none'}: raise that one first",
            incident_id=command.incident_id,
            level=standing.level,
            into_incident_id=command.into,
            into_level=replacing.level or "",
        )
    if standing.commander is not None and replacing.commander is None:
        raise Rejection(
            "COMMAND_NOT_COVERED",
            f"{standing.commander} commands incident {command.incident_id}, nobody commands "
            f"{command.into}: establish command there first",
            incident_id=command.incident_id,
            commander=standing.commander,
            into_incident_id=command.into,
        )


def bring(
    incident_id: str,
    reported_at: datetime,
    reports: Iterable[str],
    merges: Merges,
    holdings: Holdings,
) -> Brought:
    """Return what an incident brings along; links and decisions are the caller's to add."""
    return Brought(
        incident_id=incident_id,
        reported_at=reported_at,
        reports=tuple(sorted(reports)),
        replaced=tuple(sorted(merges.replaced)),
        parent="",
        related=(),
        decisions=(),
        facts={
            key: fact
            for key, fact in holdings.facts.known.items()
            if key not in holdings.facts.ended
        },
        tasks={task.asked.task_id: task for task in holdings.work.open()},
        objectives={
            key: objective
            for key, objective in holdings.objectives.objectives.items()
            if objective.state is ObjectiveState.OPEN
        },
        needs={need.asked.need_id: need for need in holdings.needs.open()},
    )


def absorb(command: AbsorbIncident, adcode: str, merges: Merges, holdings: Holdings) -> list[Event]:
    """Take everything over; what has an id that is taken here gets the other's id before its own.

    Nobody's declared figure is declared here: that one speaks of less than the whole.
    """
    brought = command.brought
    if brought.incident_id in merges.replaced:
        return []
    return [_absorbed(command.incident_id, adcode, brought, holdings, command.occurred_at)]


def break_ring(command: BreakRing, adcode: str, into: str, holdings: Holdings) -> list[Event]:
    """Bring this one back, with all that the others were: none of them can change any more."""
    events: list[Event] = [
        MergeAbandoned(
            incident_id=command.incident_id,
            adcode=adcode,
            into=into,
            occurred_at=command.occurred_at,
        )
    ]
    for brought in command.brought:
        absorbed = _absorbed(command.incident_id, adcode, brought, holdings, command.occurred_at)
        holdings = taken_over(holdings, absorbed)
        events.append(absorbed)
    return events


def brought_clocks(command: object) -> tuple[Deadline, ...]:
    """Return the law's clocks that ran on incidents which the command brings along."""
    match command:
        case AbsorbIncident():
            return command.brought.clocks
        case BreakRing():
            return tuple(clock for one in command.brought for clock in one.clocks)
        case _:
            return ()


def conclude(command: ConcludeMerge, adcode: str, begun: MergeBegun) -> list[Event]:
    return [
        IncidentMerged(
            incident_id=command.incident_id,
            adcode=adcode,
            into=command.into,
            reason=begun.reason,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(merges: Merges, event: IncidentAbsorbed) -> Merges:
    return replace(merges, replaced=merges.replaced | {event.source_id, *event.replaced})


def taken_over(holdings: Holdings, event: IncidentAbsorbed) -> Holdings:
    """Return what an incident holds with what it absorbed."""
    facts, work = holdings.facts, holdings.work
    aims, needs = holdings.objectives, holdings.needs
    come_facts = {fact.fact_id: fact for fact in event.facts.values()}
    come_tasks = {task.asked.task_id: task for task in event.tasks.values()}
    come_aims = {aim.wanted.objective_id: aim for aim in event.objectives.values()}
    come_needs = {need.asked.need_id: need for need in event.needs.values()}
    return Holdings(
        facts=replace(facts, known={**facts.known, **come_facts}),
        work=replace(work, tasks={**work.tasks, **come_tasks}),
        objectives=replace(aims, objectives={**aims.objectives, **come_aims}),
        needs=replace(needs, needs={**needs.needs, **come_needs}),
    )


def merged(incident_id: str, into: str) -> Rejection:
    """Return the refusal of any act on an incident that was merged."""
    return Rejection(
        "INCIDENT_MERGED",
        f"incident {incident_id} was merged into {into}: act on that one",
        incident_id=incident_id,
        into_incident_id=into,
    )


def _absorbed(
    incident_id: str, adcode: str, brought: Brought, holdings: Holdings, occurred_at: datetime
) -> IncidentAbsorbed:
    source = brought.incident_id
    facts = _renamed(source, brought.facts, holdings.facts.known)
    tasks = _renamed(source, brought.tasks, holdings.work.tasks)
    aims = _renamed(source, brought.objectives, holdings.objectives.objectives)
    needs = _renamed(source, brought.needs, holdings.needs.needs)
    return IncidentAbsorbed(
        incident_id=incident_id,
        adcode=adcode,
        source_id=source,
        reported_at=brought.reported_at,
        reports=brought.reports,
        replaced=brought.replaced,
        parent=brought.parent,
        related=brought.related,
        decisions=brought.decisions,
        facts={
            old: replace(fact, fact_id=facts[old])
            for old, fact in brought.facts.items()
            if holdings.facts.known.get(old) != fact  # the same was said here too
        },
        tasks={
            old: replace(
                task,
                asked=replace(
                    task.asked,
                    incident_id=incident_id,
                    adcode=adcode,
                    task_id=tasks[old],
                    objective_id=aims.get(task.asked.objective_id, ""),
                ),
            )
            for old, task in brought.tasks.items()
        },
        objectives={
            old: replace(
                aim,
                wanted=replace(
                    aim.wanted, incident_id=incident_id, adcode=adcode, objective_id=aims[old]
                ),
            )
            for old, aim in brought.objectives.items()
        },
        needs={
            old: replace(
                need,
                asked=replace(
                    need.asked,
                    incident_id=incident_id,
                    adcode=adcode,
                    need_id=needs[old],
                    objective_id=aims.get(need.asked.objective_id, ""),
                ),
            )
            for old, need in brought.needs.items()
        },
        occurred_at=occurred_at,
    )


def _renamed(source: str, brought: Iterable[str], taken: Mapping[str, object]) -> Mapping[str, str]:
    return {key: key if key not in taken else f"{source}.{key}" for key in brought}


def ring_winner(members: Mapping[str, Merges]) -> tuple[str, Sequence[str]]:
    """Return who of a ring of merged incidents comes back, and whom it takes over.

    One that another of them has taken over already is with that other.  Everybody who looks at a
    ring sees the same, for none of its members can change.
    """
    held = {key: {other for other in members if other in members[key].replaced} for key in members}
    taken = set().union(*held.values())
    winner = min(key for key in members if key not in taken)
    others = [key for key in sorted(members) if key != winner and key not in taken]
    return winner, others
