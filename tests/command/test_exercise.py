"""A scripted exercise has a clock of its own, which a director moves and nobody turns back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from anlan.command.v1 import exercise_service_pb2 as pb
from anlan.command.v1.exercise_service_pb2_grpc import ExerciseServiceStub
from anlan.type.v1 import read_pb2
from services.command.domain import exercise
from services.runtime.actor import Actor
from tests.service import Service, Tokens, refusal, request_id
from tests.spec import spec

given = spec(exercise.decide, exercise.evolve, exercise.INITIAL)
NIGHT = datetime(2026, 6, 18, 1, 10, tzinfo=UTC)
WU = Actor(subject="director.wu", roles=("director",), jurisdiction="431281")

advance = exercise.AdvanceClock(by=WU, exercise_id="x1", clock=NIGHT)
advanced = exercise.ExerciseClockAdvanced(
    exercise_id="x1", advanced_by="director.wu", occurred_at=NIGHT
)


def test_the_clock_shows_what_the_director_says() -> None:
    given().when(advance).then(advanced)


def test_the_same_instant_again_changes_nothing() -> None:
    given(advanced).when(advance).then()


def test_time_never_runs_backwards() -> None:
    earlier = replace(advance, clock=NIGHT - timedelta(seconds=1))
    given(advanced).when(earlier).then_refused("EXERCISE_CLOCK_RUNS_BACKWARDS")


@pytest.fixture
async def exercises(command: Service) -> AsyncIterator[Any]:
    async with command.channel() as channel:
        yield ExerciseServiceStub(channel)


def to(clock: datetime, exercise_id: str) -> pb.AdvanceExerciseClockRequest:
    request = pb.AdvanceExerciseClockRequest(
        request_id=request_id(), exercise_id=exercise_id, clock=Timestamp()
    )
    request.clock.FromDatetime(clock)
    return request


async def test_an_exercise_shows_its_clock(exercises: Any, tokens: Tokens) -> None:
    director = replace(tokens.caller("director.wu", "director"), exercise="drill-1").metadata
    moved = await exercises.AdvanceExerciseClock(to(NIGHT, "drill-1"), metadata=director)

    found = await exercises.GetExercise(
        pb.GetExerciseRequest(
            exercise_id="drill-1", read=read_pb2.ReadOptions(min_position=moved.position)
        ),
        metadata=director,
    )

    assert found.exercise.clock.ToDatetime(UTC) == NIGHT
    assert found.exercise.position <= found.freshness.position


async def test_the_clock_of_another_exercise_or_of_earnest_is_not_to_be_moved(
    exercises: Any, tokens: Tokens
) -> None:
    for caller in (
        tokens.caller("director.wu", "director"),
        replace(tokens.caller("director.wu", "director"), exercise="drill-3"),
    ):
        refused = await refusal(
            exercises.AdvanceExerciseClock(to(NIGHT, "drill-2"), metadata=caller.metadata)
        )
        assert (refused.code, refused.reason, refused.fields) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "EXERCISE_MISMATCH",
            ("exercise_id",),
        )


async def test_only_a_director_moves_the_clock(exercises: Any, tokens: Tokens) -> None:
    commander = replace(tokens.caller("commander.li", "commander"), exercise="drill-4")
    refused = await refusal(
        exercises.AdvanceExerciseClock(to(NIGHT, "drill-4"), metadata=commander.metadata)
    )
    assert refused.reason == "CAPABILITY_REQUIRED"


async def test_an_exercise_without_a_clock_is_not_there(exercises: Any, tokens: Tokens) -> None:
    refused = await refusal(
        exercises.GetExercise(
            pb.GetExerciseRequest(exercise_id="nobody"),
            metadata=tokens.caller("director.wu", "director").metadata,
        )
    )
    assert refused.reason == "NO_SUCH_EXERCISE"
