"""Forces, crews and status words over real gRPC: who may order whom, and what time brings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from anlan.resources.v1 import force_service_pb2 as pb
from anlan.resources.v1 import unit_service_pb2 as unit_pb
from anlan.resources.v1.force_service_pb2_grpc import ForceServiceStub
from anlan.type.v1 import read_pb2
from tests.resources.conftest import Api
from tests.resources.test_unit_servicer import a_reservation, a_unit, fresh, get
from tests.service import Caller, Service, Tokens, refusal, request_id


def stamp(moment: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def soon(**ahead: float) -> Timestamp:
    return stamp(datetime.now(UTC) + timedelta(**ahead))


@pytest.fixture
async def forces(resources: Service) -> Any:
    async with resources.channel() as channel:
        yield ForceServiceStub(channel)


@pytest.fixture
def mayor(tokens: Tokens) -> Caller:
    return tokens.caller("mayor.chen", "leader")


async def a_force(forces: Any, registrar: Caller, *, whole: bool = True) -> str:
    force_id = fresh("force")
    said: dict[str, Any] = {"force_id": force_id}
    await forces.RegisterForce(
        pb.RegisterForceRequest(
            request_id=request_id(),
            **said,
            name="蓝天救援队",
            force_class="social",
            adcode="431281",
            responsible="贺某",
        ),
        metadata=registrar.metadata,
    )
    if whole:
        await forces.RecogniseForce(
            pb.RecogniseForceRequest(
                request_id=request_id(),
                **said,
                authority="怀化市应急管理局",
                level=2,
                branches=["water_search"],
                valid_until_time=soon(days=30),
            ),
            metadata=registrar.metadata,
        )
        await forces.InsureForce(
            pb.InsureForceRequest(
                request_id=request_id(),
                **said,
                insurer="某财险",
                policy="P1",
                people=30,
                valid_until_time=soon(days=30),
            ),
            metadata=registrar.metadata,
        )
    return force_id


def an_approval(force_id: str, **more: Any) -> pb.ApproveMobilisationRequest:
    fields: dict[str, Any] = {"request_id": request_id(), "incident_id": "flood", **more}
    return pb.ApproveMobilisationRequest(force_id=force_id, **fields)


def on_behalf(service: Caller, subject: str, role: str, jurisdiction: str) -> Any:
    """Return the headers with which a service calls for somebody."""
    return (
        *service.metadata,
        ("x-actor", subject),
        ("x-actor-roles", role),
        ("x-actor-jurisdiction", jurisdiction),
    )


async def test_a_dispatcher_orders_a_social_force_only_with_an_approval(
    api: Api, forces: Any, mayor: Caller
) -> None:
    force_id = await a_force(forces, api.registrar)
    unit_id = await a_unit(api, type="boat_1", force_id=force_id)

    refused = await refusal(
        api.units.ReserveUnit(a_reservation(unit_id), metadata=api.zhao.metadata)
    )
    assert refused.code is grpc.StatusCode.FAILED_PRECONDITION
    assert refused.reason == "MOBILISATION_APPROVAL_REQUIRED"
    assert "政府负责人" in refused.metadata["may_approve"]
    presumed = await refusal(
        forces.ApproveMobilisation(an_approval(force_id), metadata=api.zhao.metadata)
    )
    assert presumed.reason == "NOT_AN_APPROVER"

    request = an_approval(force_id, unit_ids=[unit_id])
    first = await forces.ApproveMobilisation(request, metadata=mayor.metadata)
    again = await forces.ApproveMobilisation(request, metadata=mayor.metadata)
    assert first == again
    reserved = await api.units.ReserveUnit(a_reservation(unit_id), metadata=api.zhao.metadata)
    unit = await get(api, unit_id, reserved.position)
    assert unit.holds[0].held_by == "dispatcher.zhao"
    assert unit.mobilisation_class == "social"
    assert unit.minimum_staffing == 3
    assert unit.primary_status == unit_pb.PRIMARY_STATUS_NOT_AVAILABLE


async def test_the_person_behind_a_service_is_who_must_have_the_authority(
    api: Api, forces: Any, tokens: Tokens
) -> None:
    force_id = await a_force(forces, api.registrar)
    unit_id = await a_unit(api, force_id=force_id)
    dispatch = tokens.caller("service:dispatch", "service")

    refused = await refusal(
        api.units.ReserveUnit(
            a_reservation(unit_id),
            metadata=on_behalf(dispatch, "dispatcher.qian", "dispatcher", "431281"),
        )
    )
    township = await refusal(
        api.units.ReserveUnit(
            a_reservation(unit_id),
            metadata=on_behalf(dispatch, "head.anjiang", "leader", "431281102"),
        )
    )
    await api.units.ReserveUnit(
        a_reservation(unit_id),
        metadata=on_behalf(dispatch, "mayor.chen", "leader", "431281"),
    )

    assert refused.reason == township.reason == "MOBILISATION_APPROVAL_REQUIRED"


async def test_a_force_that_lacks_its_papers_is_flagged_and_needs_a_reason(
    api: Api, forces: Any, tokens: Tokens, mayor: Caller
) -> None:
    force_id = await a_force(forces, api.registrar, whole=False)
    unit_id = await a_unit(api, force_id=force_id)
    call_up: dict[str, Any] = {"force_id": force_id, "incident_id": "flood", "task": "转移"}

    refused = await refusal(
        forces.CallUpForce(
            pb.CallUpForceRequest(request_id=request_id(), **call_up), metadata=mayor.metadata
        )
    )
    assert refused.reason == "FORCE_NOT_ELIGIBLE"
    assert refused.metadata["lacks"] == "recognition, insurance"
    unit_refused = await refusal(
        api.units.ReserveUnit(a_reservation(unit_id), metadata=mayor_dispatcher(tokens).metadata)
    )
    assert unit_refused.reason == "FORCE_NOT_ELIGIBLE"

    called = await forces.CallUpForce(
        pb.CallUpForceRequest(request_id=request_id(), override_reason="群众被困", **call_up),
        metadata=mayor.metadata,
    )
    await api.units.ReserveUnit(a_reservation(unit_id), metadata=api.zhao.metadata)
    voucher = pb.CompensateForceRequest(
        request_id=request_id(),
        force_id=force_id,
        call_up_id=called.call_up_id,
        compensation_id="v1",
        amount_fen=100,
        payer="财政局",
        basis="误工",
    )
    paid = await forces.CompensateForce(voucher, metadata=api.registrar.metadata)
    voucher.request_id = request_id()
    twice = await forces.CompensateForce(voucher, metadata=api.registrar.metadata)
    assert paid.total_fen == twice.total_fen == 100

    read = read_pb2.ReadOptions(min_position=paid.position)
    answer = await forces.GetForce(
        pb.GetForceRequest(force_id=force_id, read=read), metadata=api.zhao.metadata
    )
    assert list(answer.force.lacks) == ["recognition", "insurance"]
    assert answer.force.call_ups[0].overridden
    assert answer.force.call_ups[0].compensated_fen == 100
    lacking = await forces.ListForces(
        pb.ListForcesRequest(page_size=500, filter=pb.ForceFilter(lacking=True), read=read),
        metadata=api.zhao.metadata,
    )
    assert force_id in {force.force_id for force in lacking.forces}


def mayor_dispatcher(tokens: Tokens) -> Caller:
    return tokens.caller("mayor.chen", "leader,dispatcher")


async def test_a_force_is_seen_as_it_was(api: Api, forces: Any) -> None:
    force_id = await a_force(forces, api.registrar, whole=False)
    insured = await forces.InsureForce(
        pb.InsureForceRequest(
            request_id=request_id(),
            force_id=force_id,
            insurer="某财险",
            policy="P1",
            people=3,
            valid_until_time=soon(days=1),
        ),
        metadata=api.registrar.metadata,
    )

    before = read_pb2.ReadOptions(as_of_position=insured.position - 1)
    answer = await forces.GetForce(
        pb.GetForceRequest(force_id=force_id, read=before), metadata=api.zhao.metadata
    )
    watch = forces.WatchForces(
        pb.WatchForcesRequest(resume_position=insured.position - 1), metadata=api.zhao.metadata
    )
    changed = await anext(aiter(watch))
    watch.cancel()

    assert not answer.force.HasField("insurance")
    assert changed.force.force_id == force_id
    assert changed.force.insurance.policy == "P1"


async def test_a_shift_begins_and_ends_by_itself_and_watchers_see_who_is_on_duty(api: Api) -> None:
    unit_id = await a_unit(api, minimum_staffing=1)
    said: dict[str, Any] = {"unit_id": unit_id}
    assigned = await api.units.AssignCrew(
        unit_pb.AssignCrewRequest(
            request_id=request_id(),
            **said,
            member_id="wu",
            name="吴某",
            qualifications=[unit_pb.Qualification(code="swift_water")],
        ),
        metadata=api.zhao.metadata,
    )
    skilled = unit_pb.UnitFilter(qualifications=["swift_water"])
    watch = api.units.WatchUnits(
        unit_pb.WatchUnitsRequest(resume_position=assigned.position, filter=skilled),
        metadata=api.zhao.metadata,
    )
    changes = (change async for change in watch if change.unit.unit_id == unit_id)
    await api.units.ScheduleShift(
        unit_pb.ScheduleShiftRequest(
            request_id=request_id(),
            **said,
            shift_id="night",
            start_time=soon(seconds=0.4),
            end_time=soon(seconds=0.8),
            member_ids=["wu"],
        ),
        metadata=api.zhao.metadata,
    )

    on_duty: list[tuple[bool, int]] = []
    async for change in changes:
        on_duty.append((change.matches, change.unit.crew_on_duty))
        if len(on_duty) > 1 and not change.unit.shifts:
            break
    watch.cancel()

    assert on_duty[0] == (False, 0)
    assert on_duty[-1] == (False, 0)
    # A slow watcher may see the newest row only; one that saw it begin saw it match.
    assert all(matches == bool(crew) for matches, crew in on_duty)


async def test_a_unit_says_its_status_in_one_word(api: Api) -> None:
    unit_id = await a_unit(api)

    def word(said: str, **more: Any) -> unit_pb.SetUnitStatusRequest:
        return unit_pb.SetUnitStatusRequest(
            request_id=request_id(),
            unit_id=unit_id,
            word=said,
            source=unit_pb.STATUS_SOURCE_CREW,
            **more,
        )

    unknown = await refusal(api.units.SetUnitStatus(word("飞行"), metadata=api.zhao.metadata))
    eats = await api.units.SetUnitStatus(word("用餐"), metadata=api.zhao.metadata)
    late = await api.units.SetUnitStatus(
        word("检修", occur_time=soon(hours=-1)), metadata=api.zhao.metadata
    )
    both = await refusal(
        api.units.SetUnitStatus(word("用餐", codes=["Meal"]), metadata=api.zhao.metadata)
    )
    unit = await get(api, unit_id, late.position)

    assert unknown.reason == "STATUS_WORD_UNKNOWN"
    assert "靠岸" in unknown.metadata["allowed"]
    assert both.reason == "WORD_OR_CODES"
    assert not eats.late
    assert late.late
    assert unit.status_fact.word == "用餐"
    assert list(unit.secondary_statuses) == ["Meal"]
    assert unit.primary_status == unit_pb.PRIMARY_STATUS_CONDITIONALLY_AVAILABLE
    assert list(unit.primary_reasons) == ["STATUS"]
    assert unit.status_fact.record_time.ToDatetime() > unit.status_fact.occur_time.ToDatetime()


async def test_units_are_found_by_what_they_are(api: Api, forces: Any) -> None:
    force_id = await a_force(forces, api.registrar)
    unit_id = await a_unit(
        api, type="boat_3", attributes=["shallow_draught", "uav"], force_id=force_id
    )
    await a_unit(api, force_id=force_id)
    said = await api.units.SetUnitStatus(
        unit_pb.SetUnitStatusRequest(
            request_id=request_id(),
            unit_id=unit_id,
            codes=["OffDuty"],
            source=unit_pb.STATUS_SOURCE_DEVICE,
        ),
        metadata=api.zhao.metadata,
    )
    mine: dict[str, Any] = {"force_id": force_id}

    async def found(**wanted: Any) -> list[str]:
        request = unit_pb.ListUnitsRequest(
            page_size=500,
            filter=unit_pb.UnitFilter(**mine, **wanted),
            read=read_pb2.ReadOptions(min_position=said.position),
        )
        answer = await api.units.ListUnits(request, metadata=api.zhao.metadata)
        return [unit.unit_id for unit in answer.units]

    assert len(await found()) == 2
    assert await found(type="boat_3") == [unit_id]
    assert await found(attributes=["uav"]) == [unit_id]
    assert await found(attributes=["uav", "foam"]) == []
    assert await found(primary_status=unit_pb.PRIMARY_STATUS_NOT_AVAILABLE) == [unit_id]
    assert await found(qualifications=["diver"]) == []


async def test_what_the_vocabulary_does_not_have_is_refused(api: Api) -> None:
    for field, value, reason in (
        ("type", "engine_1", "UNIT_TYPE_UNKNOWN"),
        ("attributes", ["wings"], "ATTRIBUTE_UNKNOWN"),
        ("force_id", "nobody", "NO_SUCH_FORCE"),
    ):
        said: dict[str, Any] = {field: value}
        refused = await refusal(a_unit(api, **said))
        assert refused.reason == reason
    vocabulary = await api.units.GetUnitVocabulary(
        unit_pb.GetUnitVocabularyRequest(kind="medical"), metadata=api.zhao.metadata
    )
    assert {"转运", "归队"} <= {word.word for word in vocabulary.words}
