"""Whenever command tells of an incident the map shows it: where, what, how grave, and the end."""

from __future__ import annotations

from dataclasses import dataclass

from anlan.command.v1 import incident_pb2 as command_pb
from anlan.events.v1 import incident_events_pb2 as pb
from anlan.events.v1 import link_events_pb2 as link_pb
from services.resources.domain import plot
from services.resources.domain.plot import Aspect, Standing
from services.runtime import place
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.recorded import Recorded
from services.runtime.settlement import Delivered
from services.runtime.times import from_proto

SUBJECTS = [
    "anlan.*.incident.IncidentOpened.>",
    "anlan.*.incident.IncidentGraded.>",
    "anlan.*.incident.ResponseActivated.>",
    "anlan.*.incident.ResponseLevelChanged.>",
    "anlan.*.incident.ResponseTerminated.>",
    "anlan.*.incident.IncidentClosed.>",
    "anlan.*.incident.IncidentReopened.>",
    "anlan.*.incident.IncidentMerged.>",
]
GRADES = {number: name.removeprefix("GRADE_").lower() for name, number in command_pb.Grade.items()}
LEVELS = {
    number: name.removeprefix("RESPONSE_LEVEL_")
    for name, number in command_pb.ResponseLevel.items()
}
NONE = ""

Plots = CommandHandler[plot.Command, plot.State, plot.Event]


@dataclass(frozen=True, slots=True)
class Plotting:
    plots: Plots

    async def react(self, delivered: Delivered) -> None:
        command = plotted(delivered.event)
        if command is not None:
            cause = Cause.reaction(delivered.event, "resources.on_incident")
            await self.plots.handle(command.incident_id, command, cause)


def plotted(event: Recorded) -> plot.Command | None:
    """Return what the map notes of a public event."""
    match event.type:
        case "anlan.events.v1.IncidentOpened":
            opened = pb.IncidentOpened.FromString(event.data)
            return plot.PlotIncident(
                incident_id=opened.incident_id,
                title=opened.title,
                type_code=opened.type_code,
                place=place.read(opened.place),
                version=event.revision,
                occurred_at=from_proto(opened.occur_time),
            )
        case "anlan.events.v1.IncidentGraded":
            graded = pb.IncidentGraded.FromString(event.data)
            return _changed(event, graded, Aspect.GRADE, GRADES[graded.grade])
        case "anlan.events.v1.ResponseActivated":
            activated = pb.ResponseActivated.FromString(event.data)
            return _changed(event, activated, Aspect.RESPONSE, LEVELS[activated.level])
        case "anlan.events.v1.ResponseLevelChanged":
            changed = pb.ResponseLevelChanged.FromString(event.data)
            return _changed(event, changed, Aspect.RESPONSE, LEVELS[changed.level])
        case "anlan.events.v1.ResponseTerminated":
            ended = pb.ResponseTerminated.FromString(event.data)
            return _changed(event, ended, Aspect.RESPONSE, NONE)
        case "anlan.events.v1.IncidentClosed":
            closed = pb.IncidentClosed.FromString(event.data)
            return _changed(event, closed, Aspect.STATE, Standing.CLOSED)
        case "anlan.events.v1.IncidentReopened":
            reopened = pb.IncidentReopened.FromString(event.data)
            return _changed(event, reopened, Aspect.STATE, Standing.OPEN)
        case "anlan.events.v1.IncidentMerged":
            merged = link_pb.IncidentMerged.FromString(event.data)
            return _changed(event, merged, Aspect.STATE, Standing.MERGED)
        case _:
            return None


Told = (
    pb.IncidentGraded
    | pb.ResponseActivated
    | pb.ResponseLevelChanged
    | pb.ResponseTerminated
    | pb.IncidentClosed
    | pb.IncidentReopened
    | link_pb.IncidentMerged
)


def _changed(event: Recorded, told: Told, aspect: Aspect, value: str) -> plot.ChangePlot:
    return plot.ChangePlot(
        incident_id=told.incident_id,
        aspect=aspect,
        value=value,
        version=event.revision,
        occurred_at=from_proto(told.occur_time),
    )
