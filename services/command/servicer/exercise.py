"""The exercise API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from anlan.command.v1 import exercise_service_pb2 as pb
from anlan.command.v1.exercise_service_pb2_grpc import ExerciseServiceServicer
from services.command.domain import exercise
from services.command.projections.exercises import EXERCISES
from services.runtime import call, reading
from services.runtime.alarm import Alarms
from services.runtime.handle import CommandHandler
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import Invalid, NotFound
from services.runtime.times import known, stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class ExerciseServicer(ExerciseServiceServicer):
    """``alarms`` are those that heed the clocks of exercises."""

    exercises: CommandHandler[exercise.Command, exercise.State, exercise.Event]
    model: ReadModel
    alarms: Alarms
    now: Callable[[], datetime]

    async def AdvanceExerciseClock(
        self, request: pb.AdvanceExerciseClockRequest, context: Any
    ) -> pb.AdvanceExerciseClockResponse:
        caller = call.current()
        if request.exercise_id != caller.exercise:
            raise Invalid(
                "EXERCISE_MISMATCH",
                field="exercise_id",
                got=request.exercise_id,
                allowed=f"the exercise of the call, {caller.exercise or 'none: it is in earnest'}",
            )
        command = exercise.AdvanceClock(
            by=caller.actor, exercise_id=request.exercise_id, clock=known(request, "clock")
        )
        # A story of its own: an exercise is often named as its incident is.
        cause = caller.cause(request.request_id, f"{request.exercise_id}.clock")
        written = await self.exercises.handle(
            request.exercise_id, command, cause, etag=request.etag
        )
        position = await self.alarms.ring_all(written.position, self.now())
        return pb.AdvanceExerciseClockResponse(etag=written.etag, position=position)

    async def GetExercise(
        self, request: pb.GetExerciseRequest, context: Any
    ) -> pb.GetExerciseResponse:
        statement = select(EXERCISES).where(EXERCISES.c.exercise == request.exercise_id)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is None:
            raise NotFound(
                "NO_SUCH_EXERCISE",
                f"exercise {request.exercise_id} has no clock of its own",
                exercise_id=request.exercise_id,
            )
        response = pb.GetExerciseResponse(
            exercise=pb.Exercise(
                exercise_id=row.exercise,
                clock=stamp(row.time),
                etag=str(row.revision),
                position=row.position,
            )
        )
        reading.freshen(response.freshness, seen)
        return response
