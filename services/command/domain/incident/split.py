"""分案: how an incident turns out to be two.

It is decided on the incident that some of the reports leave; they are gone from it at once.  Then
the new one is opened with them, and at last the first is told which it is: should somebody have
taken the id that was chosen in the meantime, it is another.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from services.command.domain.casualties import Casualties
from services.command.domain.incident import lifecycle
from services.command.domain.incident.deadlines import Evidence
from services.command.domain.incident.facts import Facts, without_reports
from services.command.domain.incident.tasks import ENDED, Task, Work
from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.rejection import AlreadyExists, NotFound, Rejection


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """A report that goes, as it was said."""

    report_id: str
    casualties: Casualties
    reported_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginSplit:
    """``reports`` go, earliest said first, to a new incident at ``place``."""

    by: Actor
    incident_id: str
    new_incident_id: str
    title: str
    type_code: str
    place: Place
    reports: tuple[Leaving, ...]
    tasks: tuple[str, ...]
    assignments: tuple[str, ...]
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSplit:
    """Opens the new incident, under the id that was chosen or another."""

    by: Actor
    incident_id: str
    begun: SplitBegun
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcludeSplit:
    """Says that ``new_incident_id``, as it was chosen, is ``into``."""

    by: Actor
    incident_id: str
    new_incident_id: str
    into: str
    occurred_at: datetime


Command = BeginSplit | ConcludeSplit


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitBegun:
    """``tasks`` stand under their ids, as far as they have come.

    ``told`` is what others had been told of the whole incident until then: it meets the clocks of
    what is split off, which start with its own reports.
    """

    incident_id: str
    adcode: str
    new_incident_id: str
    title: str
    type_code: str
    place: Place
    reports: tuple[Leaving, ...]
    tasks: Mapping[str, Task]
    assignments: tuple[str, ...]
    reason: str
    begun_by: str
    occurred_at: datetime
    told: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentSplitOff:
    """Told of the new incident, after its opening and its reports."""

    incident_id: str
    adcode: str
    source_id: str
    reports: tuple[str, ...]
    tasks: Mapping[str, Task]
    reason: str
    occurred_at: datetime
    told: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentSplit:
    """Told of the old incident: what went, and where to."""

    incident_id: str
    adcode: str
    new_incident_id: str
    into: str
    reports: tuple[str, ...]
    tasks: tuple[str, ...]
    assignments: tuple[str, ...]
    reason: str
    occurred_at: datetime


Event = SplitBegun | IncidentSplitOff | IncidentSplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """``begun`` are splits that are not done, by the id chosen; ``gone`` says where a report is."""

    source: str = ""
    begun: Mapping[str, SplitBegun] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)


def begin(
    command: BeginSplit,
    adcode: str,
    splits: Splits,
    reports: Collection[str],
    work: Work,
    told: tuple[Evidence, ...],
) -> list[Event]:
    wanted = [report.report_id for report in command.reports]
    if all(splits.gone.get(report_id) == command.new_incident_id for report_id in wanted):
        return []
    if command.new_incident_id in {*splits.begun, *splits.gone.values()}:
        raise AlreadyExists(
            "INCIDENT_EXISTS",
            f"incident {command.new_incident_id} was split off {command.incident_id} already: "
            "choose another id",
            incident_id=command.new_incident_id,
        )
    for report_id in wanted:
        _require_here(command.incident_id, report_id, reports, splits)
    if len(wanted) == len(reports):
        raise Rejection(
            "SPLIT_LEAVES_NOTHING",
            f"every report of incident {command.incident_id} would go: leave one at least",
            incident_id=command.incident_id,
        )
    return [
        SplitBegun(
            incident_id=command.incident_id,
            adcode=adcode,
            new_incident_id=command.new_incident_id,
            title=command.title,
            type_code=command.type_code,
            place=command.place,
            reports=command.reports,
            tasks={task_id: _open_task(command, task_id, work) for task_id in command.tasks},
            assignments=command.assignments,
            reason=command.reason,
            begun_by=command.by.subject,
            occurred_at=command.occurred_at,
            told=told,
        )
    ]


def open_(command: OpenSplit) -> list[lifecycle.Event | IncidentSplitOff]:
    """Open the new incident with all that comes to it."""
    begun, about = command.begun, command.incident_id
    first, *others = begun.reports
    adcode = begun.place.adcode
    return [
        lifecycle.IncidentOpened(
            incident_id=about,
            title=begun.title,
            type_code=begun.type_code,
            place=begun.place,
            report_id=first.report_id,
            casualties=first.casualties,
            reported_at=first.reported_at,
            occurred_at=command.occurred_at,
        ),
        *(
            lifecycle.ReportAttached(
                incident_id=about,
                adcode=adcode,
                report_id=report.report_id,
                casualties=report.casualties,
                reported_at=report.reported_at,
                occurred_at=command.occurred_at,
            )
            for report in others
        ),
        IncidentSplitOff(
            incident_id=about,
            adcode=adcode,
            source_id=begun.incident_id,
            reports=tuple(report.report_id for report in begun.reports),
            tasks={
                task_id: replace(
                    task,
                    asked=replace(task.asked, incident_id=about, adcode=adcode, objective_id=""),
                )
                for task_id, task in begun.tasks.items()
            },
            reason=begun.reason,
            occurred_at=command.occurred_at,
            told=begun.told,
        ),
    ]


def conclude(command: ConcludeSplit, adcode: str, splits: Splits) -> list[Event]:
    begun = splits.begun.get(command.new_incident_id)
    if begun is None:
        return []
    return [
        IncidentSplit(
            incident_id=command.incident_id,
            adcode=adcode,
            new_incident_id=command.new_incident_id,
            into=command.into,
            reports=tuple(report.report_id for report in begun.reports),
            tasks=tuple(begun.tasks),
            assignments=begun.assignments,
            reason=begun.reason,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(splits: Splits, event: Event) -> Splits:
    match event:
        case SplitBegun():
            going = {report.report_id: event.new_incident_id for report in event.reports}
            return replace(
                splits,
                begun={**splits.begun, event.new_incident_id: event},
                gone={**splits.gone, **going},
            )
        case IncidentSplitOff():
            return replace(splits, source=event.source_id)
        case IncidentSplit():
            left = {key: was for key, was in splits.begun.items() if key != event.new_incident_id}
            gone = dict.fromkeys(event.reports, event.into)
            return replace(splits, begun=left, gone={**splits.gone, **gone})
        case _:
            assert_never(event)


def come_back(splits: Splits, reports: Collection[str]) -> Splits:
    """Return the splits when ``reports`` are here again."""
    return replace(
        splits, gone={key: where for key, where in splits.gone.items() if key not in reports}
    )


def without(event: SplitBegun, facts: Facts, work: Work) -> tuple[Facts, Work]:
    """Return figures and tasks without those that go; what a report said goes with it."""
    leaving = {report.report_id for report in event.reports}
    return (
        without_reports(facts, leaving),
        replace(
            work, tasks={key: task for key, task in work.tasks.items() if key not in event.tasks}
        ),
    )


def require_none_begun(incident_id: str, splits: Splits) -> None:
    """Refuse to end an incident that something is about to leave."""
    for new_incident_id in splits.begun:
        raise Rejection(
            "SPLIT_UNDER_WAY",
            f"{new_incident_id} is being split off incident {incident_id}: try again in a moment",
            incident_id=incident_id,
            new_incident_id=new_incident_id,
        )


def require_stayed(incident_id: str, report_id: str, splits: Splits) -> None:
    """Refuse to attach a report that left for another incident."""
    if report_id in splits.gone:
        raise _moved(incident_id, report_id, splits.gone[report_id])


def _require_here(
    incident_id: str, report_id: str, reports: Collection[str], splits: Splits
) -> None:
    if report_id in reports:
        return
    require_stayed(incident_id, report_id, splits)
    raise NotFound(
        "REPORT_NOT_IN_INCIDENT",
        f"report {report_id} is not one of incident {incident_id}: name some of its own",
        incident_id=incident_id,
        report_id=report_id,
    )


def _moved(incident_id: str, report_id: str, to: str) -> Rejection:
    return Rejection(
        "REPORT_MOVED",
        f"report {report_id} left incident {incident_id} for {to}",
        incident_id=incident_id,
        report_id=report_id,
        into_incident_id=to,
    )


def _open_task(command: BeginSplit, task_id: str, work: Work) -> Task:
    task = work.tasks.get(task_id)
    if task is None:
        raise NotFound(
            "NO_SUCH_TASK",
            f"incident {command.incident_id} has no task {task_id}",
            incident_id=command.incident_id,
            task_id=task_id,
        )
    if task.state in ENDED:
        raise Rejection(
            "TASK_ENDED",
            f"task {task_id} is {task.state}: it stays with incident {command.incident_id}",
            task_id=task_id,
            state=task.state,
        )
    return task
