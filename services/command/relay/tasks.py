"""What the world may know of an incident's tasks."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import task_events_pb2 as task_pb
from services.command.domain.incident import tasks
from services.runtime.times import to_proto


def of_task(event: tasks.Event) -> Message | None:
    occurred = to_proto(event.occurred_at)
    match event:
        case tasks.TaskOverdue():
            return task_pb.TaskOverdue(
                incident_id=event.incident_id,
                task_id=event.task_id,
                title=event.title,
                assignee=event.assignee,
                due_time=to_proto(event.due_at),
                occur_time=occurred,
            )
        case tasks.TaskCompleted():
            return task_pb.TaskCompleted(
                incident_id=event.incident_id, task_id=event.task_id, occur_time=occurred
            )
        case tasks.TaskCancelled():
            return task_pb.TaskCancelled(
                incident_id=event.incident_id,
                task_id=event.task_id,
                reason=event.reason,
                occur_time=occurred,
            )
        case (
            tasks.TaskAssigned()
            | tasks.TaskAccepted()
            | tasks.TaskProgressReported()
            | tasks.TaskReassigned()
        ):
            return None
