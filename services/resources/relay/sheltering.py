"""What the world may know of shelters, and of the clocks by which villages are owed relief."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import relief_events_pb2 as relief_pb
from anlan.events.v1 import shelter_events_pb2 as shelter_pb
from services.resources.domain import relief, shelter
from services.runtime import place
from services.runtime.times import to_proto


def of_shelter(event: shelter.Event) -> tuple[str, Message | None]:
    occur_time = to_proto(event.occurred_at)
    match event:
        case shelter.ShelterRegistered():
            return event.place.adcode, None
        case (
            shelter.ShelterInspected()
            | shelter.MoveRefused()
            | shelter.MoveCompleted()
            | shelter.PeopleTurnedBack()
        ):
            return event.adcode, None
        case shelter.ShelterOpened():
            return event.adcode, shelter_pb.ShelterOpened(
                shelter_id=event.shelter_id,
                incident_id=event.incident_id,
                capacity=event.capacity,
                occur_time=occur_time,
            )
        case shelter.PeopleAdmitted():
            return event.adcode, shelter_pb.PeopleAdmitted(
                shelter_id=event.shelter_id,
                group_id=event.group_id,
                people=event.people,
                occupancy=event.occupancy,
                incident_id=event.incident_id,
                from_adcode=event.from_adcode,
                household_people=event.inside,
                vacancies=event.vacancies,
                occur_time=occur_time,
            )
        case shelter.PeopleSentOn():
            return event.adcode, shelter_pb.PeopleSentOn(
                shelter_id=event.shelter_id,
                move_id=event.move_id,
                to_shelter_id=event.to_shelter_id,
                group_id=event.group_id,
                people=event.people,
                occupancy=event.occupancy,
                occur_time=occur_time,
            )
        case shelter.PeopleTakenOver():
            return event.adcode, shelter_pb.PeopleTakenOver(
                shelter_id=event.shelter_id,
                move_id=event.move_id,
                from_shelter_id=event.from_shelter_id,
                group_id=event.group_id,
                people=event.people,
                occupancy=event.occupancy,
                vacancies=event.vacancies,
                incident_id=event.incident_id,
                occur_time=occur_time,
            )
        case shelter.ShelterNeedRaised():
            raised = shelter_pb.ShelterNeedRaised(
                shelter_id=event.shelter_id,
                need_id=event.need_id,
                incident_id=event.incident_id,
                item=event.item,
                quantity=event.quantity,
                unit=event.unit,
                note=event.note,
                needed_by_time=to_proto(event.needed_by),
                occur_time=occur_time,
                opening=event.opening,
                shelter_name=event.name,
            )
            if event.place is not None:
                place.write(raised.place, event.place)
            return event.adcode, raised
        case shelter.ShelterNeedEnded():
            return event.adcode, shelter_pb.ShelterNeedEnded(
                shelter_id=event.shelter_id,
                need_id=event.need_id,
                met=event.met,
                outcome=event.outcome,
                occur_time=occur_time,
                incident_id=event.incident_id,
                opening=event.opening,
            )
        case shelter.PeopleDischarged():
            return event.adcode, shelter_pb.PeopleDischarged(
                shelter_id=event.shelter_id,
                group_id=event.group_id,
                people=event.people,
                occupancy=event.occupancy,
                vacancies=event.vacancies,
                occur_time=occur_time,
            )
        case shelter.ShelterClosed():
            return event.adcode, shelter_pb.ShelterClosed(
                shelter_id=event.shelter_id, occur_time=occur_time
            )


def of_relief(event: relief.Event) -> tuple[str, Message | None]:
    about = {"incident_id": event.incident_id, "adcode": event.adcode}
    occur_time = to_proto(event.occurred_at)
    match event:
        case relief.VillageAffected() | relief.AffectedFiguresRevised():
            return event.adcode, relief_pb.VillageAffected(
                **about,
                households=event.households,
                people=event.people,
                start_time=to_proto(event.started_at),
                due_time=to_proto(event.due_at),
            )
        case relief.ReliefWarned():
            return event.adcode, relief_pb.ReliefWarned(
                **about,
                percent=event.percent,
                open_needs=event.open_needs,
                due_time=to_proto(event.due_at),
                occur_time=occur_time,
            )
        case relief.ReliefMissed():
            return event.adcode, relief_pb.ReliefMissed(
                **about, open_needs=event.open_needs, occur_time=occur_time
            )
        case relief.VillageRelieved():
            return event.adcode, relief_pb.VillageRelieved(
                **about, late=event.late, occur_time=occur_time
            )
        case relief.ReliefCounted() | relief.ReliefNeedMet() | relief.ReliefNeedReopened():
            return event.adcode, None
