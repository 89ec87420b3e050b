"""The command post (指挥部): who commands, and who is asked to."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import incident_events_pb2 as incident_pb
from services.notify.policies.audience import Person, people
from services.notify.policies.telling import Notice, Telling, at, sentence, why

HEARD: dict[str, tuple[type[Message], ...]] = {
    "incident": (
        incident_pb.CommandEstablished,
        incident_pb.TransferProposed,
        incident_pb.TransferDeclined,
        incident_pb.TransferWithdrawn,
        incident_pb.CommandTransferred,
    )
}


def notices(said: Message, telling: Telling) -> list[Notice]:
    match said:
        case incident_pb.CommandEstablished():
            return [_established(telling, said)]
        case incident_pb.TransferProposed():
            return [_offered(telling, said), _proposed(telling, said)]
        case incident_pb.TransferDeclined():
            return [_declining(telling, said)]
        case incident_pb.TransferWithdrawn():
            return [_withdrawn(telling, said)]
        case incident_pb.CommandTransferred():
            return [_transferred(telling, said)]
        case _:
            return []


def settles(said: Message) -> tuple[str, ...]:
    """Return what is no longer asked of anybody."""
    match said:
        case incident_pb.TransferDeclined() | incident_pb.TransferWithdrawn():
            return (_matter(said.transfer_id),)
        case _:
            return ()


def _matter(transfer_id: str) -> str:
    return f"transfer.{transfer_id}"


def _established(telling: Telling, said: incident_pb.CommandEstablished) -> Notice:
    post = f"指挥部设在{sentence(said.command_post)}" if said.command_post else ""
    return Notice(
        to=(*telling.everybody, Person(said.commander)),
        subject=f"{said.commander} 任指挥长：{telling.title()}",
        text=(
            f"{telling.place()}，自{_from(said)}起由 {said.commander} 任指挥长，"
            f"现场听从其指挥。{post}{telling.name()}。"
        ),
    )


def _offered(telling: Telling, said: incident_pb.TransferProposed) -> Notice:
    return Notice(
        to=(Person(said.incoming),),
        subject=f"请接任指挥长：{telling.title()}",
        text=(
            f"{telling.place()}，{at(said.occur_time)}由 {said.proposed_by} "
            f"提议你接替 {said.outgoing} 任指挥长{_planned(said)}。{why(said.reason)}"
            f"移交简报：{sentence(said.briefing)}请确认已了解简报后接受，或说明理由不接受；"
            f"接受之前仍由 {said.outgoing} 指挥。{telling.name()}，移交编号 {said.transfer_id}。"
        ),
        matter=_matter(said.transfer_id),
    )


def _proposed(telling: Telling, said: incident_pb.TransferProposed) -> Notice:
    return Notice(
        to=(*telling.officers, *people(said.outgoing, said.proposed_by)),
        subject=f"提议移交指挥权：{telling.title()}",
        text=(
            f"{telling.place()}，{at(said.occur_time)}由 {said.proposed_by} "
            f"提议 {said.outgoing} 向 {said.incoming} 移交指挥权{_planned(said)}。"
            f"{why(said.reason)}{said.incoming} 接受之前仍由 {said.outgoing} 指挥。"
            f"{telling.name()}，移交编号 {said.transfer_id}。"
        ),
        matter=_matter(said.transfer_id),
    )


def _declining(telling: Telling, said: incident_pb.TransferDeclined) -> Notice:
    return Notice(
        to=(*telling.officers, *people(said.outgoing, said.proposed_by)),
        subject=f"{said.incoming} 不接受指挥权：{telling.title()}",
        text=(
            f"{telling.place()}，{at(said.occur_time)} {said.incoming} 不接受指挥权移交，"
            f"指挥长不变。{why(said.reason)}{telling.name()}，移交编号 {said.transfer_id}。"
        ),
    )


def _withdrawn(telling: Telling, said: incident_pb.TransferWithdrawn) -> Notice:
    return Notice(
        to=(*telling.officers, *people(said.outgoing, said.incoming)),
        subject=f"撤回指挥权移交：{telling.title()}",
        text=(
            f"{telling.place()}，{at(said.occur_time)} {said.proposed_by} 撤回向 "
            f"{said.incoming} 移交指挥权的提议，指挥长不变。{why(said.reason)}"
            f"{telling.name()}，移交编号 {said.transfer_id}。"
        ),
    )


def _transferred(telling: Telling, said: incident_pb.CommandTransferred) -> Notice:
    how = "双方已确认。"
    if said.taken:
        how = f"由上级接管。{why(said.reason)}"
    if said.instead_of:
        how += f"原定由 {said.instead_of} 接任，不再生效。"
    return Notice(
        to=(*telling.everybody, *people(*said.concerned, said.outgoing, said.incoming)),
        subject=f"指挥权移交 {said.incoming}：{telling.title()}",
        text=(
            f"{telling.place()}，自{_from(said)}起指挥长由 {said.outgoing} "
            f"改为 {said.incoming}，{how}此前听从 {said.outgoing} 指挥，"
            f"此后听从 {said.incoming} 指挥。{telling.name()}。"
        ),
    )


def _from(said: incident_pb.CommandEstablished | incident_pb.CommandTransferred) -> str:
    """Return from when on somebody commands."""
    return at(said.effective_time if said.HasField("effective_time") else said.occur_time)


def _planned(said: incident_pb.TransferProposed) -> str:
    return f"，{at(said.effective_time)}起生效" if said.HasField("effective_time") else ""
