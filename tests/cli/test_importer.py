"""The import: double bookings, late releases, refusals, and a second run, without any service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
import pytest

from services.cli.client import OutOfReach, Refusal
from services.cli.importer import Importer, Outcome
from services.cli.sffd import Record, Row
from tests.cli.test_player import Answer, Suite
from tests.cli.test_sffd import row


class Resources:
    """One unit's holds; a release takes effect only after ``lag`` further looks."""

    def __init__(self, lag: int = 0) -> None:
        self.holds: list[str] = []
        self.releasing: list[str] = []
        self.lag = lag
        self.rests = False
        self.overrides: list[str] = []

    def create(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        reason = fields.get("override_reason", "")
        if self.rests and not reason:
            raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "UNIT_RESTING", "rests", {})
        if self.holds and not reason:
            context = {"holder": self.holds[0]}
            raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "UNIT_HELD", "held", context)
        self.overrides += [reason] if reason else []
        self.holds.append(fields["assignment_id"])
        return {"assignment_id": fields["assignment_id"]}

    def clear(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        self.releasing.append(fields["assignment_id"])
        if not self.lag:
            self.release()
        return {}

    def look(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        self.lag -= 1
        if self.lag <= 0:
            self.release()
        return {"unit": {"unit_id": "E1", "holds": [{"holder": h} for h in self.holds]}}

    def release(self) -> None:
        self.holds = [hold for hold in self.holds if hold not in self.releasing]

    @property
    def answers(self) -> dict[str, Answer]:
        return {
            "CreateAssignment": self.create,
            "ClearAssignment": self.clear,
            "GetUnit": self.look,
        }


async def imported(suite: Suite, *rows: Row) -> Outcome:
    return await Importer(suite, Record(list(rows)), lambda *_: None).run()  # type: ignore[arg-type]


async def test_every_row_and_every_time_is_recorded_once_and_a_second_run_adds_nothing() -> None:
    suite = Suite(Resources().answers)
    rows = (
        row(1, dispatch=0, en_route=1, on_scene=3, clear=9),
        row(2, dispatch=10, en_route=12, clear=20),
    )
    outcome = await imported(suite, *rows)
    assert (outcome.units, outcome.incidents, outcome.assignments) == (1, 2, 2)
    assert outcome.steps == {"Response DtTm": 2, "On Scene DtTm": 1, "Available DtTm": 2}
    assert (outcome.refused, outcome.overridden, outcome.there_already) == ([], [], 0)
    position = suite.position
    again = await imported(suite, *rows)
    assert suite.position == position
    assert (again.written, again.there_already) == (0, outcome.written)


async def test_a_double_booking_is_recorded_as_a_reasoned_override() -> None:
    resources = Resources()
    outcome = await imported(
        Suite(resources.answers), row(1, dispatch=0, clear=9), row(2, dispatch=5, clear=7)
    )
    assert outcome.overridden == [("E1", "1", "2")]
    assert resources.overrides == ["the record has unit E1 on call 1 and 2 at once"]
    assert outcome.assignments == 2
    assert not resources.holds


async def test_a_release_still_on_its_way_is_waited_for_and_not_overridden() -> None:
    resources = Resources(lag=2)
    outcome = await imported(
        Suite(resources.answers), row(1, dispatch=0, clear=4), row(2, dispatch=5, clear=7)
    )
    assert outcome.assignments == 2
    assert not outcome.overridden
    assert not resources.overrides


async def test_a_refused_row_is_listed_with_its_reason_and_its_times_are_left() -> None:
    def gone(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "UNIT_OUT_OF_SERVICE", "broken", {})

    outcome = await imported(Suite({"CreateAssignment": gone}), row(1, dispatch=0, clear=4))
    assert outcome.refused == [("1-E1", "UNIT_OUT_OF_SERVICE: broken")]
    assert (outcome.assignments, outcome.steps.total()) == (0, 0)


async def test_without_its_incident_a_row_is_refused() -> None:
    def outside(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "POINT_OUTSIDE_ADCODE", "far", {})

    outcome = await imported(Suite({"SubmitReport": outside}), row(1, dispatch=0, clear=4))
    assert outcome.refused == [("1-E1", "incident i1: POINT_OUTSIDE_ADCODE: far")]


async def test_a_refused_time_is_listed_too() -> None:
    def closed(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "ASSIGNMENT_CLOSED", "over", {})

    outcome = await imported(
        Suite({"RecordEnRoute": closed}), row(1, dispatch=0, en_route=1, clear=4)
    )
    assert outcome.refused_steps == [("1-E1", "Response DtTm", "ASSIGNMENT_CLOSED: over")]
    assert outcome.assignments == 1


async def test_a_service_out_of_reach_ends_the_import() -> None:
    def away(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise OutOfReach("dispatch does not answer")

    with pytest.raises(OutOfReach):
        await imported(Suite({"CreateAssignment": away}), row(1, dispatch=0, clear=4))


async def test_a_unit_that_owed_a_rest_and_went_all_the_same_is_recalled() -> None:
    resources = Resources()
    resources.rests = True
    outcome = await imported(Suite(resources.answers), row(1, dispatch=0, clear=4))
    assert (outcome.assignments, outcome.recalled, outcome.refused) == (1, 1, [])
    assert resources.overrides == ["the record has unit E1 on call 1, resting or not"]
    assert not resources.holds
