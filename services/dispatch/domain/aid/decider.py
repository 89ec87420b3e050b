"""Who may say what, and when: one function per message."""

from __future__ import annotations

from typing import assert_never

from services.dispatch.domain.aid import lending
from services.dispatch.domain.aid.commands import (
    AnswerAid,
    AnswerExtension,
    AnswerReturn,
    CancelAid,
    Command,
    CommitAid,
    MoveAid,
    OfferAid,
    ReleaseUnits,
    ReportUnit,
    RequestAid,
    RequestExtension,
    RequestReturn,
    RequestStatus,
    RequisitionAid,
    RingAid,
)
from services.dispatch.domain.aid.events import (
    AidAnswered,
    AidAnswerOverdue,
    AidEnded,
    AidMoved,
    AidOffered,
    AidRequested,
    AidRequisitioned,
    AidTermEnded,
    Direction,
    Ending,
    Event,
    Reply,
)
from services.dispatch.domain.aid.sides import (
    about,
    helper_of,
    open_one,
    own,
    speaks,
    speaks_for_helper,
    speaks_for_requester,
    there,
    with_reason,
)
from services.dispatch.domain.aid.state import Aid, State
from services.runtime.rejection import AlreadyExists, Invalid, Rejection


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    match command:
        case RequestAid():
            return request(command, state)
        case OfferAid():
            return offer(command, state)
        case RingAid():
            return ring(command, there(command.aid_id, state))
        case MoveAid():
            return move(command, there(command.aid_id, state))
        case AnswerAid():
            return answer(command, own(command.by, command.aid_id, state))
        case RequisitionAid():
            return requisition(command, own(command.by, command.aid_id, state))
        case CommitAid():
            return lending.commit(command, own(command.by, command.aid_id, state))
        case ReportUnit():
            return lending.report(command, own(command.by, command.aid_id, state))
        case RequestStatus():
            return lending.request_status(command, own(command.by, command.aid_id, state))
        case ReleaseUnits():
            return lending.release(command, own(command.by, command.aid_id, state))
        case RequestReturn():
            return lending.request_return(command, own(command.by, command.aid_id, state))
        case AnswerReturn():
            return lending.answer_return(command, own(command.by, command.aid_id, state))
        case RequestExtension():
            return lending.request_extension(command, own(command.by, command.aid_id, state))
        case AnswerExtension():
            return lending.answer_extension(command, own(command.by, command.aid_id, state))
        case CancelAid():
            return cancel(command, own(command.by, command.aid_id, state))
        case _:
            assert_never(command)


def request(command: RequestAid, state: State) -> list[Event]:
    _fresh(command.aid_id, state)
    _future(command)
    codes = [one.adcode for one in command.recipients]
    asker = command.requester.adcode
    if asker in codes or len(set(codes)) < len(codes):
        raise Invalid(
            "AID_RECIPIENTS_UNCLEAR",
            field="recipients",
            got=", ".join(codes),
            allowed=f"different authorities, none of them {asker}, which asks",
        )
    speaks(command.by, command.requester, command.recipients, command.spoken_by)
    return [
        AidRequested(
            aid_id=command.aid_id,
            incident_id=command.incident_id,
            adcode=asker,
            direction=command.direction,
            requester=command.requester,
            recipients=command.recipients,
            place=command.place,
            items=command.items,
            until=command.until,
            reply_due_at=command.reply_due_at,
            reason=command.reason,
            requested_by=command.by.subject,
            rings=command.rings,
            spoken_by=command.spoken_by,
            occurred_at=command.occurred_at,
        )
    ]


def offer(command: OfferAid, state: State) -> list[Event]:
    _fresh(command.aid_id, state)
    _future(command)
    asker, helper = command.requester.adcode, command.helper.adcode
    if asker == helper:
        raise Invalid(
            "AID_RECIPIENTS_UNCLEAR", field="helper", got=helper, allowed="another authority"
        )
    speaks(command.by, command.helper, [command.requester], command.spoken_by)
    return [
        AidOffered(
            aid_id=command.aid_id,
            incident_id=command.incident_id,
            adcode=asker,
            direction=command.direction,
            requester=command.requester,
            helper=command.helper,
            place=command.place,
            items=command.items,
            until=command.until,
            reason=command.reason,
            offered_by=command.by.subject,
            rings=command.rings,
            spoken_by=command.spoken_by,
            occurred_at=command.occurred_at,
        )
    ]


def answer(command: AnswerAid, aid: Aid) -> list[Event]:
    """Take a reply.  What was received says nothing new to whoever has heard more."""
    helper = helper_of(aid, command.helper)
    speaks_for_helper(command.by, command.helper, aid, command.spoken_by)
    with_reason(command.reply, command.reason)
    open_one(aid)
    if (helper.reply, helper.reason) == (command.reply, command.reason):
        return []
    if helper.reply is not None and command.reply is Reply.ACKNOWLEDGE:
        return []
    late = helper.replied_at is not None and command.occurred_at < helper.replied_at
    if command.reply is Reply.DECLINE and aid.live(command.helper) and not late:
        raise Rejection(
            "AID_COMMITTED",
            f"{helper.authority.name} has committed units: withdraw those that are not here, "
            "ask for the return of the others",
            aid_id=aid.aid_id,
            helper=command.helper,
            unit_ids=", ".join(lent.unit.unit_id for lent in aid.live(command.helper)),
        )
    return [
        AidAnswered(
            **about(aid),
            helper=command.helper,
            reply=command.reply,
            reason=command.reason,
            late=late,
            spoken_by=command.spoken_by,
            occurred_at=command.occurred_at,
        )
    ]


def requisition(command: RequisitionAid, aid: Aid) -> list[Event]:
    helper = helper_of(aid, command.helper)
    speaks_for_requester(command.by, aid, command.spoken_by)
    open_one(aid)
    for item_id in command.items:
        if item_id not in aid.items:
            raise lending.no_such_item(aid, item_id)
    if helper.reply is Reply.DECLINE:
        raise Rejection(
            "AID_DECLINED",
            f"{helper.authority.name} declined: {helper.reason}",
            aid_id=aid.aid_id,
            helper=command.helper,
            why=helper.reason,
        )
    if helper.requisitioned == command.items:
        return []
    return [
        AidRequisitioned(
            **about(aid),
            helper=command.helper,
            items=command.items,
            spoken_by=command.spoken_by,
            occurred_at=command.occurred_at,
        )
    ]


def cancel(command: CancelAid, aid: Aid) -> list[Event]:
    """End it; whoever is on the way turns back, and whoever is here must be let go before."""
    speaks_for_requester(command.by, aid, command.spoken_by)
    if aid.ending is not None:
        if aid.end_reason == command.reason:
            return []
        open_one(aid)
    lending.none_here(aid)
    turned_back = [
        event
        for helper in aid.helpers
        for event in lending.let_go(aid, helper, (), command.reason, command)
    ]
    served = any(lent.ever_arrived for lent in aid.units.values())
    ended = AidEnded(
        **about(aid),
        ending=Ending.COMPLETED if served else Ending.CANCELLED,
        reason=command.reason,
        occurred_at=command.occurred_at,
    )
    return [*turned_back, ended]


def ring(command: RingAid, aid: Aid) -> list[Event]:
    """Say what is due by now and was not said: a clock rings once."""
    if aid.ending is not None or not aid.rings:
        return []
    found: list[Event] = []
    due = aid.reply_due_at
    if due is not None and due <= command.due_at and aid.awaits_answer:
        found.append(AidAnswerOverdue(**about(aid), helpers=aid.outstanding, occurred_at=due))
    lenders = [adcode for adcode in aid.helpers if aid.live(adcode)]
    for adcode in lenders:
        helper = aid.helpers[adcode]
        if helper.until <= command.due_at and not helper.term_rung:
            found.append(
                AidTermEnded(
                    **about(aid),
                    helper=adcode,
                    unit_ids=tuple(lent.unit.unit_id for lent in aid.live(adcode)),
                    occurred_at=helper.until,
                )
            )
    if not lenders and aid.until <= command.due_at:
        served = any(lent.ever_arrived for lent in aid.units.values())
        found.append(
            AidEnded(
                **about(aid),
                ending=Ending.COMPLETED if served else Ending.EXPIRED,
                reason="",
                occurred_at=aid.until,
            )
        )
    return found


def move(command: MoveAid, aid: Aid) -> list[Event]:
    """Let it follow our incident.

    What is over stays with the one that it was for; what we lend is for an incident of theirs,
    whatever that is called.
    """
    follows = aid.direction is Direction.INCOMING and aid.ending is None
    if not follows or aid.incident_id not in command.sources:
        return []
    return [
        AidMoved(
            **(about(aid) | {"incident_id": command.incident_id}),
            from_incident_id=aid.incident_id,
            occurred_at=command.occurred_at,
        )
    ]


def _fresh(aid_id: str, state: State) -> None:
    if state is not None:
        raise AlreadyExists(
            "AID_EXISTS",
            f"{aid_id} is an aid of {state.requester.name} for {state.incident_id}",
            aid_id=aid_id,
            incident_id=state.incident_id,
        )


def _future(command: RequestAid | OfferAid) -> None:
    if command.until <= command.occurred_at:
        raise Invalid(
            "AID_UNTIL_PAST",
            field="until_time",
            got=command.until.isoformat(),
            allowed=f"after {command.occurred_at.isoformat()}",
        )
    items = [item.item_id for item in command.items]
    if len(set(items)) < len(items):
        raise Invalid(
            "AID_ITEMS_UNCLEAR", field="items.item_id", got=", ".join(items), allowed="each once"
        )
