"""What a shelter may do: who gets a bed, who leaves, and where those are who are being moved.

A move touches two shelters.  The one that people leave sends them on; the one they go to decides
once, in its own stream, whether it takes them over, and only its refusal turns them back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from services.resources.domain import region
from services.resources.domain.shelter import (
    NO_CARE,
    AdmitPeople,
    Care,
    CloseShelter,
    Command,
    CompleteMove,
    DischargePeople,
    EndShelterNeed,
    Event,
    Household,
    InspectShelter,
    MoveCompleted,
    MoveRefused,
    Open,
    OpenShelter,
    PeopleAdmitted,
    PeopleDischarged,
    PeopleSentOn,
    PeopleTakenOver,
    PeopleTurnedBack,
    RaiseShelterNeed,
    RegisterShelter,
    SendPeopleOn,
    ShelterClosed,
    ShelterInspected,
    ShelterNeedEnded,
    ShelterNeedRaised,
    ShelterOpened,
    ShelterRegistered,
    Standby,
    State,
    TakePeopleOver,
    TurnPeopleBack,
)
from services.runtime.rejection import AlreadyExists, Invalid, NotFound, Rejection

CLOSED_WITH_SHELTER = "安置点关闭"


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    match command:
        case RegisterShelter():
            return register(command, state)
        case TakePeopleOver():
            return take_over(command, state)
        case CompleteMove():
            return complete(command, state)
        case TurnPeopleBack():
            return turn_back(command, state)
        case InspectShelter():
            return inspect(command, _there(command, state))
        case OpenShelter():
            return open_(command, _there(command, state))
        case AdmitPeople():
            return admit(command, _open(command, state))
        case DischargePeople():
            return discharge(command, _open(command, state))
        case SendPeopleOn():
            return send_on(command, _open(command, state))
        case RaiseShelterNeed():
            return raise_need(command, _open(command, state))
        case EndShelterNeed():
            return end_need(command, _open(command, state))
        case CloseShelter():
            return close(command, _there(command, state))
        case _:
            assert_never(command)


def register(command: RegisterShelter, state: State) -> list[Event]:
    region.require(command.by, command.place.adcode)
    registered = ShelterRegistered(
        shelter_id=command.shelter_id,
        name=command.name,
        place=command.place,
        capacity=command.capacity,
        kind=command.kind,
        day_capacity=command.day_capacity or command.capacity,
        occurred_at=command.occurred_at,
    )
    match state:
        case None:
            return [registered]
        case Standby(before) | Open(before):
            if replace(registered, occurred_at=before.occurred_at) == before:
                return []
            raise AlreadyExists(
                "SHELTER_EXISTS",
                f"{command.shelter_id} is registered already, as {before.name}",
                shelter_id=command.shelter_id,
                name=before.name,
            )
        case _:
            assert_never(state)


def inspect(command: InspectShelter, state: Standby | Open) -> list[Event]:
    return [
        ShelterInspected(
            shelter_id=command.shelter_id,
            adcode=state.registered.place.adcode,
            result=command.result,
            inspector=command.inspector,
            findings=command.findings,
            occurred_at=command.occurred_at,
        )
    ]


def open_(command: OpenShelter, state: Standby | Open) -> list[Event]:
    match state:
        case Standby(registered):
            if state.unfit:
                raise Rejection(
                    "SHELTER_UNFIT",
                    f"the last inspection found {command.shelter_id} unfit: inspect it anew first",
                    shelter_id=command.shelter_id,
                )
            return [
                ShelterOpened(
                    shelter_id=command.shelter_id,
                    adcode=registered.place.adcode,
                    incident_id=command.incident_id,
                    warden=command.warden,
                    contact=command.contact,
                    reason=command.reason,
                    capacity=registered.capacity,
                    occurred_at=command.occurred_at,
                )
            ]
        case Open(incident_id=incident_id, warden=warden):
            if (incident_id, warden) == (command.incident_id, command.warden):
                return []
            raise Rejection(
                "SHELTER_OPEN",
                f"{command.shelter_id} is open for {incident_id} already, under {warden}",
                shelter_id=command.shelter_id,
                incident_id=incident_id,
                warden=warden,
            )
        case _:
            assert_never(state)


def admit(command: AdmitPeople, state: Open) -> list[Event]:
    """Give a household beds: once, unless more of it come."""
    _check_care(command.care, command.people)
    before = state.groups.get(command.group_id)
    if before is not None and not command.additional:
        if (before.people, before.care) == (command.people, command.care):
            return []
        raise Rejection(
            "HOUSEHOLD_INSIDE",
            f"{before.people} of {command.group_id} are in {command.shelter_id} already: "
            "say that these are additional, or let some leave",
            shelter_id=command.shelter_id,
            group_id=command.group_id,
            inside=str(before.people),
            asked=str(command.people),
        )
    if command.elsewhere and not command.additional:
        raise Rejection(
            "HOUSEHOLD_ELSEWHERE",
            f"{command.group_id} is in {command.elsewhere}: move it from there",
            shelter_id=command.shelter_id,
            group_id=command.group_id,
            elsewhere=command.elsewhere,
        )
    if command.people > state.vacancies:
        raise _full(command.shelter_id, state, command.people)
    inside = before.people if before else 0
    return [
        PeopleAdmitted(
            shelter_id=command.shelter_id,
            adcode=state.registered.place.adcode,
            incident_id=state.incident_id,
            group_id=command.group_id,
            people=command.people,
            head=command.head,
            care=command.care,
            from_adcode=command.from_adcode or (before.from_adcode if before else ""),
            inside=inside + command.people,
            occupancy=state.occupancy + command.people,
            vacancies=state.vacancies - command.people,
            occurred_at=command.occurred_at,
        )
    ]


def discharge(command: DischargePeople, state: Open) -> list[Event]:
    leaving = _leaving(command.shelter_id, state, command.group_id, command.people, command.care)
    return [
        PeopleDischarged(
            shelter_id=command.shelter_id,
            adcode=state.registered.place.adcode,
            group_id=command.group_id,
            people=leaving.people,
            care=leaving.care,
            destination=command.destination,
            occupancy=state.occupancy - leaving.people,
            vacancies=state.vacancies + leaving.people,
            occurred_at=command.occurred_at,
        )
    ]


def send_on(command: SendPeopleOn, state: Open) -> list[Event]:
    if command.to_shelter_id == command.shelter_id:
        raise Invalid(
            "SAME_SHELTER",
            field="to_shelter_id",
            got=command.to_shelter_id,
            allowed=f"a shelter other than {command.shelter_id}",
        )
    leaving = _leaving(command.shelter_id, state, command.group_id, command.people, command.care)
    return [
        PeopleSentOn(
            shelter_id=command.shelter_id,
            adcode=state.registered.place.adcode,
            incident_id=leaving.incident_id or state.incident_id,
            move_id=command.move_id,
            to_shelter_id=command.to_shelter_id,
            group_id=command.group_id,
            people=leaving.people,
            head=leaving.head,
            care=leaving.care,
            from_adcode=leaving.from_adcode,
            reason=command.reason,
            occupancy=state.occupancy - leaving.people,
            vacancies=state.vacancies + leaving.people,
            occurred_at=command.occurred_at,
        )
    ]


def take_over(command: TakePeopleOver, state: State) -> list[Event]:
    """Decide a move: never twice, and never back on what was decided."""
    sent = command.sent
    if state is None:
        raise _no_such(command.shelter_id)
    if sent.move_id in state.moves.settled:
        return []
    refusal = why_not(state, sent.people)
    if refusal or isinstance(state, Standby):
        return [
            MoveRefused(
                shelter_id=command.shelter_id,
                adcode=state.registered.place.adcode,
                move_id=sent.move_id,
                from_shelter_id=sent.shelter_id,
                group_id=sent.group_id,
                people=sent.people,
                reason=refusal,
                occurred_at=sent.occurred_at,
            )
        ]
    return [
        PeopleTakenOver(
            shelter_id=command.shelter_id,
            adcode=state.registered.place.adcode,
            incident_id=sent.incident_id,
            move_id=sent.move_id,
            from_shelter_id=sent.shelter_id,
            group_id=sent.group_id,
            people=sent.people,
            head=sent.head,
            care=sent.care,
            from_adcode=sent.from_adcode,
            occupancy=state.occupancy + sent.people,
            vacancies=state.vacancies - sent.people,
            occurred_at=sent.occurred_at,
        )
    ]


def why_not(state: Standby | Open, people: int) -> str:
    """Return the reason for which ``people`` cannot come; empty where they can."""
    match state:
        case Standby():
            return "SHELTER_NOT_OPEN"
        case Open():
            return "SHELTER_FULL" if people > state.vacancies else ""
        case _:
            assert_never(state)


def complete(command: CompleteMove, state: State) -> list[Event]:
    sent = _sent(command.move_id, state)
    if sent is None:
        return []
    return [
        MoveCompleted(
            shelter_id=command.shelter_id,
            adcode=sent.adcode,
            move_id=command.move_id,
            to_shelter_id=sent.to_shelter_id,
            group_id=sent.group_id,
            people=sent.people,
            occurred_at=command.occurred_at,
        )
    ]


def turn_back(command: TurnPeopleBack, state: State) -> list[Event]:
    sent = _sent(command.move_id, state)
    if sent is None or not isinstance(state, Open):
        return []
    return [
        PeopleTurnedBack(
            shelter_id=command.shelter_id,
            adcode=sent.adcode,
            move_id=command.move_id,
            group_id=sent.group_id,
            people=sent.people,
            head=sent.head,
            care=sent.care,
            reason=command.reason,
            occupancy=state.occupancy + sent.people,
            occurred_at=command.occurred_at,
        )
    ]


def raise_need(command: RaiseShelterNeed, state: Open) -> list[Event]:
    raised = ShelterNeedRaised(
        shelter_id=command.shelter_id,
        adcode=state.registered.place.adcode,
        incident_id=state.incident_id,
        need_id=command.need_id,
        item=command.item,
        quantity=command.quantity,
        unit=command.unit,
        note=command.note,
        needed_by=command.needed_by,
        occurred_at=command.occurred_at,
        opening=state.openings,
        name=state.registered.name,
        place=state.registered.place,
    )
    before = state.needs.get(command.need_id)
    if before is not None and replace(raised, occurred_at=before.occurred_at) == before:
        return []
    if command.need_id in state.needs_ever:
        raise AlreadyExists(
            "SHELTER_NEED_EXISTS",
            f"{command.shelter_id} has or had a need {command.need_id}: give it another id",
            shelter_id=command.shelter_id,
            need_id=command.need_id,
        )
    return [raised]


def end_need(command: EndShelterNeed, state: Open) -> list[Event]:
    need = state.needs.get(command.need_id)
    if need is None:
        if command.need_id in state.needs_ever:
            return []
        raise NotFound(
            "NO_SUCH_SHELTER_NEED",
            f"{command.shelter_id} has no need {command.need_id}",
            shelter_id=command.shelter_id,
            need_id=command.need_id,
        )
    return [
        ShelterNeedEnded(
            shelter_id=command.shelter_id,
            adcode=state.registered.place.adcode,
            need_id=command.need_id,
            item=need.item,
            met=command.met,
            outcome=command.outcome,
            occurred_at=command.occurred_at,
            incident_id=need.incident_id,
            opening=need.opening,
        )
    ]


def close(command: CloseShelter, state: Standby | Open) -> list[Event]:
    match state:
        case Standby():
            return []
        case Open(registered, occupancy=occupancy):
            on_their_way = state.on_their_way
            if occupancy or on_their_way:
                raise Rejection(
                    "SHELTER_NOT_EMPTY",
                    f"{occupancy} people are in {command.shelter_id} still, "
                    f"{on_their_way} on their way to another shelter",
                    shelter_id=command.shelter_id,
                    occupancy=str(occupancy),
                    moving=str(on_their_way),
                )
            said = {
                "shelter_id": command.shelter_id,
                "adcode": registered.place.adcode,
            }
            ended: list[Event] = [
                ShelterNeedEnded(
                    **said,
                    need_id=need.need_id,
                    item=need.item,
                    met=False,
                    outcome=CLOSED_WITH_SHELTER,
                    occurred_at=command.occurred_at,
                    incident_id=need.incident_id,
                    opening=need.opening,
                )
                for need in state.needs.values()
            ]
            return [*ended, ShelterClosed(**said, occurred_at=command.occurred_at)]
        case _:
            assert_never(state)


def _sent(move_id: str, state: State) -> PeopleSentOn | None:
    return None if state is None else state.moves.sent.get(move_id)


def _leaving(shelter_id: str, state: Open, group_id: str, people: int, care: Care) -> Household:
    """Return who leaves: 0 ``people`` are all of the household, with all who need care."""
    household = state.groups.get(group_id, Household())
    asked = people or household.people
    if not household.people or asked > household.people:
        raise Rejection(
            "GROUP_EXCEEDED",
            f"{household.people} of {group_id} are in {shelter_id}, not {asked}",
            shelter_id=shelter_id,
            group_id=group_id,
            inside=str(household.people),
            asked=str(asked),
        )
    if asked == household.people:
        return household
    _check_care(care, asked)
    return replace(household, people=asked, care=care)


def _check_care(care: Care, people: int) -> None:
    if care != NO_CARE and care.most > people:
        raise Invalid(
            "CARE_EXCEEDS_PEOPLE",
            field="care",
            got=str(care.most),
            allowed=f"at most {people} of each, as many as there are people",
        )


def _open(
    command: AdmitPeople | DischargePeople | SendPeopleOn | RaiseShelterNeed | EndShelterNeed,
    state: State,
) -> Open:
    match _there(command, state):
        case Open() as open_state:
            return open_state
        case Standby():
            raise Rejection(
                "SHELTER_NOT_OPEN",
                f"{command.shelter_id} is not open",
                shelter_id=command.shelter_id,
            )


def _there(
    command: InspectShelter
    | OpenShelter
    | AdmitPeople
    | DischargePeople
    | SendPeopleOn
    | RaiseShelterNeed
    | EndShelterNeed
    | CloseShelter,
    state: State,
) -> Standby | Open:
    if state is None:
        raise _no_such(command.shelter_id)
    region.require(command.by, state.registered.place.adcode)
    return state


def _no_such(shelter_id: str) -> NotFound:
    return NotFound(
        "NO_SUCH_SHELTER", f"no shelter {shelter_id} is registered", shelter_id=shelter_id
    )


def _full(shelter_id: str, state: Open, people: int) -> Rejection:
    capacity, occupancy = state.registered.capacity, state.occupancy + state.on_their_way
    return Rejection(
        "SHELTER_FULL",
        f"{shelter_id} takes {capacity} and has {occupancy}: {people} more do not fit",
        shelter_id=shelter_id,
        capacity=str(capacity),
        occupancy=str(occupancy),
        vacancies=str(state.vacancies),
        asked=str(people),
    )
