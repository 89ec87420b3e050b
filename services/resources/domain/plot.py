"""What the map shows of an incident: where it is, what it is, how grave, and whether it is over.

``version`` is the revision of the incident's own stream that a fact speaks of: news may overtake
each other on the way, and of each aspect the newest counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from services.runtime.place import Place


class Aspect(StrEnum):
    """What of an incident changes: its grade, its response level, and its state."""

    GRADE = "grade"
    RESPONSE = "response"
    STATE = "state"


class Standing(StrEnum):
    """The values of Aspect.STATE."""

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotIncident:
    incident_id: str
    title: str
    type_code: str
    place: Place
    version: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePlot:
    """``value`` is empty for none: no response is active."""

    incident_id: str
    aspect: Aspect
    value: str
    version: int
    occurred_at: datetime


Command = PlotIncident | ChangePlot


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentPlotted:
    incident_id: str
    title: str
    type_code: str
    place: Place
    version: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentPlotChanged:
    incident_id: str
    aspect: Aspect
    value: str
    version: int
    occurred_at: datetime


Event = IncidentPlotted | IncidentPlotChanged


@dataclass(frozen=True, slots=True)
class Plot:
    plotted: bool = False
    versions: Mapping[Aspect, int] = field(default_factory=dict)


State = Plot
INITIAL: State = Plot()


def decide(command: Command, state: State) -> list[Event]:
    """Return what is new in a command: nothing in what is old or known."""
    match command:
        case PlotIncident():
            if state.plotted:
                return []
            return [
                IncidentPlotted(
                    incident_id=command.incident_id,
                    title=command.title,
                    type_code=command.type_code,
                    place=command.place,
                    version=command.version,
                    occurred_at=command.occurred_at,
                )
            ]
        case ChangePlot():
            if command.version <= state.versions.get(command.aspect, -1):
                return []
            return [
                IncidentPlotChanged(
                    incident_id=command.incident_id,
                    aspect=command.aspect,
                    value=command.value,
                    version=command.version,
                    occurred_at=command.occurred_at,
                )
            ]
        case _:
            assert_never(command)


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    match event:
        case IncidentPlotted():
            return replace(state, plotted=True)
        case IncidentPlotChanged():
            return replace(state, versions={**state.versions, event.aspect: event.version})
        case _:
            assert_never(event)
