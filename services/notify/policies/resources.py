"""Units in danger, depots that run out, shelters that fill, villages that wait for relief."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.message import Message

from anlan.events.v1 import hazard_events_pb2 as hazard_pb
from anlan.events.v1 import relief_events_pb2 as relief_pb
from anlan.events.v1 import shelter_events_pb2 as shelter_pb
from anlan.events.v1 import stock_events_pb2 as stock_pb
from services.notify.policies.audience import Crew
from services.notify.policies.telling import Notice, Telling, at, degrees, listed

NEEDS = {"food": "食品", "water": "饮水", "bed": "住处", "medical": "医疗"}

HEARD: dict[str, tuple[type[Message], ...]] = {
    "unit": (hazard_pb.UnitEnteredHazardArea, hazard_pb.UnitLeftHazardArea),
    "stock": (stock_pb.StockFellBelowMinimum, stock_pb.StockRecovered, stock_pb.LotExpired),
    "shelter": (
        shelter_pb.PeopleAdmitted,
        shelter_pb.PeopleTakenOver,
        shelter_pb.PeopleDischarged,
    ),
    "relief": (relief_pb.ReliefWarned, relief_pb.ReliefMissed, relief_pb.VillageRelieved),
}


def notices(said: Message, telling: Telling) -> list[Notice]:
    match said:
        case hazard_pb.UnitEnteredHazardArea():
            return [_danger(said), _in_danger(telling, said)]
        case stock_pb.StockFellBelowMinimum():
            return [_short(telling, said)]
        case stock_pb.LotExpired():
            return [_expired(telling, said)]
        case shelter_pb.PeopleAdmitted() | shelter_pb.PeopleTakenOver():
            return _filling(telling, said)
        case relief_pb.ReliefWarned():
            return [_waiting(telling, said)]
        case relief_pb.ReliefMissed():
            return [_unrelieved(telling, said)]
        case _:
            return []


def settles(said: Message) -> tuple[str, ...]:
    match said:
        case hazard_pb.UnitLeftHazardArea():
            return (_area(said.unit_id, said.hazard_area_id),)
        case stock_pb.StockRecovered():
            return (_stock(said.depot_id, said.item),)
        case shelter_pb.PeopleDischarged():
            # Of one that was full before they went: everybody is told when it fills again.
            full = said.HasField("vacancies") and said.vacancies == said.people
            return (_room(said.shelter_id),) if full else ()
        case relief_pb.ReliefWarned() | relief_pb.ReliefMissed() | relief_pb.VillageRelieved():
            return (_village(said.incident_id, said.adcode),)
        case _:
            return ()


def _area(unit_id: str, hazard_area_id: str) -> str:
    return f"hazard_area.{unit_id}.{hazard_area_id}"


def _stock(depot_id: str, item: str) -> str:
    return f"stock.{depot_id}.{item}"


def _room(shelter_id: str) -> str:
    return f"shelter.{shelter_id}"


def _village(incident_id: str, adcode: str) -> str:
    return f"relief.{incident_id}.{adcode}"


def _danger(said: hazard_pb.UnitEnteredHazardArea) -> Notice:
    area = said.area_name or said.hazard_area_id
    return Notice(
        to=(Crew(said.unit_id),),
        subject=f"注意：{said.unit_id} 已进入危险区「{area}」",
        text=(
            f"{said.unit_id} {at(said.occur_time)}的定位在危险区「{area}」内"
            f"（{degrees(said.point)}）。无命令进入的请立即退出并报告。"
            f"危险区编号 {said.hazard_area_id}。"
        ),
        matter=_area(said.unit_id, said.hazard_area_id),
    )


def _in_danger(telling: Telling, said: hazard_pb.UnitEnteredHazardArea) -> Notice:
    area = said.area_name or said.hazard_area_id
    about = f"{telling.name()}，" if telling.incident_id else ""
    return Notice(
        to=telling.leaders,
        subject=f"{said.unit_id} 进入危险区「{area}」",
        text=(
            f"{said.unit_id} {at(said.occur_time)}的定位在危险区「{area}」内"
            f"（{degrees(said.point)}），请确认是否奉命进入。"
            f"{about}危险区编号 {said.hazard_area_id}。"
        ),
        matter=_area(said.unit_id, said.hazard_area_id),
    )


def _short(telling: Telling, said: stock_pb.StockFellBelowMinimum) -> Notice:
    return Notice(
        to=telling.officers,
        subject=f"库存低于下限：{said.depot_id} {said.item}",
        text=(
            f"{said.depot_id} 的 {said.item} {at(said.occur_time)}可用 {said.usable}，"
            f"低于下限 {said.minimum}，请补充。"
        ),
        matter=_stock(said.depot_id, said.item),
    )


def _expired(telling: Telling, said: stock_pb.LotExpired) -> Notice:
    return Notice(
        to=telling.officers,
        subject=f"物资过期：{said.depot_id} {said.item} {said.quantity}",
        text=(
            f"{said.depot_id} 的 {said.item} 批次 {said.lot_id} 有 {said.quantity} 于 "
            f"{said.expire_date} 到期，已不计入可用库存，请处置并补充。"
        ),
    )


def _filling(
    telling: Telling, said: shelter_pb.PeopleAdmitted | shelter_pb.PeopleTakenOver
) -> list[Notice]:
    """Tell when it becomes nearly full and when it becomes full; not with each household between.

    Of an old log that does not say what was left nobody is told.
    """
    if not said.HasField("vacancies"):
        return []
    room = said.occupancy + said.vacancies
    before, now = (
        100 * people >= telling.nearly_full_percent * room
        for people in (said.occupancy - said.people, said.occupancy)
    )
    if said.vacancies == 0:
        word, ask = "已满", "请另开安置点或向邻近安置点分流。"
    elif now and not before:
        word, ask = f"将满，余 {said.vacancies} 床", "请准备分流。"
    else:
        return []
    return [
        Notice(
            to=telling.leaders,
            subject=f"安置点{word}：{said.shelter_id}",
            text=(
                f"安置点 {said.shelter_id} {at(said.occur_time)}已有 {said.occupancy} 人，"
                f"余 {said.vacancies} 床。{ask}"
            ),
            matter=_room(said.shelter_id),
        )
    ]


def _waiting(telling: Telling, said: relief_pb.ReliefWarned) -> Notice:
    village, needs = telling.region(said.adcode), _needs(said.open_needs)
    return Notice(
        to=telling.leaders,
        subject=f"救助时限已过{said.percent}%：{village}缺{needs}",
        text=(
            f"{village}受灾群众须于{at(said.due_time)}前得到基本生活救助，时限已过"
            f"{said.percent}%，仍缺{needs}。{telling.name()}。"
        ),
        matter=_village(said.incident_id, said.adcode),
    )


def _unrelieved(telling: Telling, said: relief_pb.ReliefMissed) -> Notice:
    village, needs = telling.region(said.adcode), _needs(said.open_needs)
    return Notice(
        to=telling.leaders,
        subject=f"救助时限已过：{village}仍缺{needs}",
        text=(
            f"{village}受灾群众的基本生活救助时限{at(said.occur_time)}已过，仍缺{needs}，"
            f"请立即落实。{telling.name()}。"
        ),
        matter=_village(said.incident_id, said.adcode),
    )


def _needs(words: Iterable[str]) -> str:
    return listed(NEEDS.get(word, word) for word in words)
