"""Mutual aid (跨区域增援): whoever must answer the other side, or do without it."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.dispatch.v1 import aid_service_pb2 as aid_pb
from anlan.events.v1 import aid_events_pb2 as pb
from services.notify.policies.audience import DutyOfficers, crews
from services.notify.policies.telling import Notice, Telling, at, listed, why

REPLIES = {
    aid_pb.AID_REPLY_ACKNOWLEDGE: "已收到，尚未答复",
    aid_pb.AID_REPLY_ACCEPT: "同意（尚未落实单元）",
    aid_pb.AID_REPLY_DECLINE: "不能提供",
}

HEARD: dict[str, tuple[type[Message], ...]] = {
    "aid_request": (
        pb.AidRequested,
        pb.AidOffered,
        pb.AidAnswered,
        pb.AidRequisitioned,
        pb.AidCommitted,
        pb.AidUnitReported,
        pb.AidStatusRequested,
        pb.AidUnitsReleased,
        pb.AidReturnRequested,
        pb.AidReturnAnswered,
        pb.AidExtensionRequested,
        pb.AidExtensionAnswered,
        pb.AidAnswerOverdue,
        pb.AidTermEnded,
        pb.AidEnded,
    )
}


def notices(said: Message, telling: Telling) -> list[Notice]:
    match said:
        case pb.AidRequested():
            return [_asked(telling, said)]
        case pb.AidOffered():
            return [_offered(telling, said)]
        case pb.AidAnswered() if not said.late:
            return [_answered(telling, said)]
        case pb.AidRequisitioned():
            return [_ordered(telling, said)]
        case pb.AidCommitted():
            return [_committed(telling, said)]
        case pb.AidUnitReported(state=aid_pb.AID_UNIT_STATE_WITHDRAWN) if not said.late:
            return [_not_coming(telling, said)]
        case pb.AidStatusRequested():
            return [_how_are_they(telling, said)]
        case pb.AidUnitsReleased():
            return [_let_go(telling, said)]
        case pb.AidReturnRequested():
            return [_back(telling, said)]
        case pb.AidReturnAnswered():
            return [_back_answered(telling, said)]
        case pb.AidExtensionRequested():
            return [_longer(telling, said)]
        case pb.AidExtensionAnswered():
            return [_longer_answered(telling, said)]
        case pb.AidAnswerOverdue():
            return [_overdue(telling, said)]
        case pb.AidTermEnded():
            return [_term(telling, said)]
        case _:
            return []


def settles(said: Message) -> tuple[str, ...]:
    """Return what nobody waits for any more."""
    match said:
        case pb.AidEnded():
            return (_matter(said.aid_id),)
        case _:
            return ()


def _matter(aid_id: str) -> str:
    return f"aid.{aid_id}"


def _asked(telling: Telling, said: pb.AidRequested) -> Notice:
    wanted = listed(f"{item.kind} {item.quantity}" for item in said.items)
    due = f"请于{at(said.reply_due_time)}前答复。" if said.reply_due_time.seconds else "请答复。"
    return Notice(
        to=tuple(DutyOfficers(one.adcode) for one in said.recipients),
        subject=f"{_who(telling, said.requester)}请求增援：{wanted}",
        text=(
            f"{_who(telling, said.requester)}{at(said.occur_time)}请求增援{wanted}，"
            f"用于{telling.where(said.place)}。{why(said.reason)}{due}"
            f"{telling.name()}，增援编号 {said.aid_id}。"
        ),
        matter=_matter(said.aid_id),
    )


def _offered(telling: Telling, said: pb.AidOffered) -> Notice:
    given = listed(f"{item.kind} {item.quantity}" for item in said.items)
    return Notice(
        to=(DutyOfficers(said.requester.adcode),),
        subject=f"{_who(telling, said.helper)}主动提供增援：{given}",
        text=(
            f"{_who(telling, said.helper)}{at(said.occur_time)}表示可提供{given}，"
            f"需要时请下达征用。{why(said.reason)}{telling.name()}，增援编号 {said.aid_id}。"
        ),
        matter=_matter(said.aid_id),
    )


def _answered(telling: Telling, said: pb.AidAnswered) -> Notice:
    helper, reply = telling.region(said.helper_adcode), REPLIES.get(said.reply, "")
    return Notice(
        to=telling.officers,
        subject=f"增援答复：{helper}{reply}",
        text=(
            f"{helper}{at(said.occur_time)}答复增援请求：{reply}。{why(said.reason)}"
            f"{telling.name()}，增援编号 {said.aid_id}。"
        ),
        matter=_matter(said.aid_id),
    )


def _ordered(telling: Telling, said: pb.AidRequisitioned) -> Notice:
    items = listed(f"{item.item_id} {item.quantity}" for item in said.items)
    return Notice(
        to=(DutyOfficers(said.helper_adcode),),
        subject=f"增援征用，请落实单元：{items}",
        text=(
            f"{at(said.occur_time)}征用{telling.region(said.helper_adcode)}{items}，"
            f"请指定单元并派出。{telling.name()}，增援编号 {said.aid_id}。"
        ),
        matter=_matter(said.aid_id),
    )


def _committed(telling: Telling, said: pb.AidCommitted) -> Notice:
    helper, units = telling.region(said.helper_adcode), listed(u.name for u in said.units)
    over = "已超出所请求的数量，请确认是否需要。" if said.over_committed else ""
    return Notice(
        to=telling.officers,
        subject=f"增援落实：{helper}派出 {units}",
        text=(
            f"{helper}{at(said.occur_time)}落实增援单元 {units}。{over}"
            f"{telling.name()}，增援编号 {said.aid_id}。"
        ),
        matter=_matter(said.aid_id),
    )


def _not_coming(telling: Telling, said: pb.AidUnitReported) -> Notice:
    helper = telling.region(said.helper_adcode)
    return Notice(
        to=telling.officers,
        subject=f"增援单元不能到达：{said.unit_id}",
        text=(
            f"{helper}增援单元 {said.unit_id} {at(said.occur_time)}报告不能到达，请另作安排。"
            f"{why(said.note)}{telling.name()}，增援编号 {said.aid_id}。"
        ),
        matter=_matter(said.aid_id),
    )


def _how_are_they(telling: Telling, said: pb.AidStatusRequested) -> Notice:
    return Notice(
        to=(*telling.officers, DutyOfficers(said.helper_adcode)),
        subject="请报告增援单元情况",
        text=(
            f"{telling.by} {at(said.occur_time)}询问增援单元情况"
            f"{f'：{said.question}' if said.question else ''}，请报告。"
            f"{telling.name()}，增援编号 {said.aid_id}。"
        ),
        matter=_matter(said.aid_id),
    )


def _let_go(telling: Telling, said: pb.AidUnitsReleased) -> Notice:
    units = listed(said.unit_ids)
    return Notice(
        to=(*crews(said.unit_ids), DutyOfficers(said.helper_adcode)),
        subject=f"增援结束，返回：{units}",
        text=(
            f"{units} {at(said.occur_time)}完成增援，可以返回{telling.region(said.helper_adcode)}。"
            f"{why(said.reason)}{telling.name()}，增援编号 {said.aid_id}。"
        ),
    )


def _back(telling: Telling, said: pb.AidReturnRequested) -> Notice:
    helper, units = telling.region(said.helper_adcode), listed(said.unit_ids)
    return Notice(
        to=telling.officers,
        subject=f"{helper}要求增援单元返回：{units}",
        text=(
            f"{helper}{at(said.occur_time)}要求 {units} 返回，请答复并安排接替。"
            f"{why(said.reason)}{telling.name()}，增援编号 {said.aid_id}。"
        ),
        matter=_matter(said.aid_id),
    )


def _back_answered(telling: Telling, said: pb.AidReturnAnswered) -> Notice:
    return Notice(
        to=(DutyOfficers(said.helper_adcode),),
        subject="增援单元返回要求的答复",
        text=(
            f"{at(said.occur_time)}答复{telling.region(said.helper_adcode)}的返回要求："
            f"{_yes_or_no(said.reply)}。{why(said.reason)}"
            f"{telling.name()}，增援编号 {said.aid_id}。"
        ),
        matter=_matter(said.aid_id),
    )


def _longer(telling: Telling, said: pb.AidExtensionRequested) -> Notice:
    return Notice(
        to=(DutyOfficers(said.helper_adcode),),
        subject=f"请求增援延期至{at(said.until_time)}",
        text=(
            f"{telling.by} {at(said.occur_time)}请求将"
            f"{telling.region(said.helper_adcode)}增援单元延期至{at(said.until_time)}，请答复。"
            f"{why(said.reason)}{telling.name()}，增援编号 {said.aid_id}。"
        ),
        matter=_matter(said.aid_id),
    )


def _longer_answered(telling: Telling, said: pb.AidExtensionAnswered) -> Notice:
    helper = telling.region(said.helper_adcode)
    until = f"，至{at(said.until_time)}" if said.until_time.seconds else ""
    return Notice(
        to=telling.officers,
        subject=f"增援延期的答复：{helper}{_yes_or_no(said.reply)}",
        text=(
            f"{helper}{at(said.occur_time)}答复增援延期：{_yes_or_no(said.reply)}{until}。"
            f"{why(said.reason)}{telling.name()}，增援编号 {said.aid_id}。"
        ),
        matter=_matter(said.aid_id),
    )


def _overdue(telling: Telling, said: pb.AidAnswerOverdue) -> Notice:
    helpers = listed(map(telling.region, said.helper_adcodes))
    return Notice(
        to=telling.officers,
        subject=f"增援逾期未答复：{helpers}",
        text=(
            f"至{at(said.occur_time)}，{helpers}仍未落实增援，缺口仍在，请电话催问或另请他处。"
            f"{telling.name()}，增援编号 {said.aid_id}。"
        ),
        matter=_matter(said.aid_id),
    )


def _term(telling: Telling, said: pb.AidTermEnded) -> Notice:
    helper, units = telling.region(said.helper_adcode), listed(said.unit_ids)
    return Notice(
        to=(*telling.officers, DutyOfficers(said.helper_adcode)),
        subject=f"增援期限已到：{units}",
        text=(
            f"{helper}增援单元 {units} 的期限{at(said.occur_time)}已到，人仍在，"
            f"请放行或商请延期。{telling.name()}，增援编号 {said.aid_id}。"
        ),
        matter=_matter(said.aid_id),
    )


def _who(telling: Telling, authority: aid_pb.Authority) -> str:
    return authority.name or telling.region(authority.adcode)


def _yes_or_no(reply: aid_pb.AidReply.ValueType) -> str:
    return {aid_pb.AID_REPLY_ACCEPT: "同意", aid_pb.AID_REPLY_DECLINE: "不同意"}.get(
        reply, "已收到"
    )
