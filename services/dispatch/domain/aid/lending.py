"""Named units on their way there and back, and for how long."""

from __future__ import annotations

from services.dispatch.domain.aid.commands import (
    AnswerExtension,
    AnswerReturn,
    CancelAid,
    CommitAid,
    ReleaseUnits,
    ReportUnit,
    RequestExtension,
    RequestReturn,
    RequestStatus,
)
from services.dispatch.domain.aid.events import (
    AidCommitted,
    AidExtensionAnswered,
    AidExtensionRequested,
    AidReturnAnswered,
    AidReturnRequested,
    AidStatusRequested,
    AidUnitReported,
    AidUnitsReleased,
    Event,
    Unit,
    UnitState,
)
from services.dispatch.domain.aid.sides import (
    about,
    helper_of,
    open_one,
    speaks_for_helper,
    speaks_for_requester,
    with_reason,
)
from services.dispatch.domain.aid.state import Aid, Lent, lent_key
from services.runtime.rejection import Invalid, NotFound, Rejection

WAY = (
    UnitState.COMMITTED,
    UnitState.EN_ROUTE,
    UnitState.ARRIVED,
    UnitState.RELEASED,
    UnitState.RETURNED,
)


def commit(command: CommitAid, aid: Aid) -> list[Event]:
    """Lend units by name.  Too many are taken, and flagged: it is for people to let some go."""
    helper = helper_of(aid, command.helper)
    speaks_for_helper(command.by, command.helper, aid, command.spoken_by)
    open_one(aid)
    if aid.offered and not helper.requisitioned:
        raise Rejection(
            "AID_NOT_REQUISITIONED",
            f"what {helper.authority.name} offers was not ordered",
            aid_id=aid.aid_id,
            helper=command.helper,
        )
    fresh = tuple(unit for unit in command.units if _is_fresh(aid, command.helper, unit))
    names = [unit.unit_id for unit in command.units]
    if len(set(names)) < len(names):
        raise Invalid(
            "AID_UNITS_UNCLEAR", field="units.unit_id", got=", ".join(names), allowed="each once"
        )
    if not fresh:
        return []
    over = any(
        aid.committed(item_id) + sum(unit.item_id == item_id for unit in fresh) > item.quantity
        for item_id, item in aid.items.items()
    )
    return [
        AidCommitted(
            **about(aid),
            helper=command.helper,
            units=fresh,
            over_committed=over,
            spoken_by=command.spoken_by,
            occurred_at=command.occurred_at,
        )
    ]


def report(command: ReportUnit, aid: Aid) -> list[Event]:
    """Take how a unit fares.  Any milestone may be skipped; one that is behind is late."""
    helper_of(aid, command.helper)
    if command.unit_state is UnitState.ARRIVED and command.by.covers(aid.requester.adcode):
        pass  # whoever it came to sees it
    else:
        speaks_for_helper(command.by, command.helper, aid, command.spoken_by)
    lent = lent_of(aid, command.helper, command.unit_id)
    match command.unit_state:
        case UnitState.WITHDRAWN:
            if lent.state is UnitState.WITHDRAWN:
                return []
            _may_withdraw(command, aid, lent)
            late = False
        case _ if lent.state is UnitState.WITHDRAWN:
            raise Rejection(
                "AID_UNIT_WITHDRAWN",
                f"{command.unit_id} was withdrawn: {lent.note}; commit it again",
                aid_id=aid.aid_id,
                unit_id=command.unit_id,
            )
        case said if said is lent.state:
            if command.occurred_at <= lent.at:
                return []
            late = False
        case said:
            late = WAY.index(said) < WAY.index(lent.state)
            if said is UnitState.RETURNED and lent.state is not UnitState.RELEASED:
                raise Rejection(
                    "AID_UNIT_NOT_RELEASED",
                    f"{command.unit_id} is {lent.state}, nobody let it go",
                    aid_id=aid.aid_id,
                    unit_id=command.unit_id,
                    state=lent.state.upper(),
                )
            if late and said is UnitState.ARRIVED and command.occurred_at > lent.at:
                raise Rejection(
                    "AID_UNIT_RELEASED",
                    f"{command.unit_id} was let go before it arrived: {lent.note}",
                    aid_id=aid.aid_id,
                    unit_id=command.unit_id,
                )
    return [
        AidUnitReported(
            **about(aid),
            helper=command.helper,
            unit_id=command.unit_id,
            unit_state=command.unit_state,
            note=command.note,
            late=late,
            spoken_by=command.spoken_by,
            occurred_at=command.occurred_at,
        )
    ]


def request_status(command: RequestStatus, aid: Aid) -> list[Event]:
    """Ask; either side may, of units that are lent."""
    helper_of(aid, command.helper)
    if not aid.live(command.helper):
        raise _nothing_lent(aid, command.helper)
    return [
        AidStatusRequested(
            **about(aid),
            helper=command.helper,
            question=command.question,
            asked_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def release(command: ReleaseUnits, aid: Aid) -> list[Event]:
    helper_of(aid, command.helper)
    speaks_for_requester(command.by, aid, command.spoken_by)
    for unit_id in command.unit_ids:
        lent_of(aid, command.helper, unit_id)
    return let_go(aid, command.helper, command.unit_ids, command.reason, command)


def let_go(
    aid: Aid,
    helper: str,
    unit_ids: tuple[str, ...],
    reason: str,
    command: ReleaseUnits | CancelAid,
) -> list[Event]:
    """Release those of ``unit_ids``, or of all, that are not let go yet."""
    found = tuple(
        lent.unit.unit_id
        for lent in aid.live(helper)
        if not unit_ids or lent.unit.unit_id in unit_ids
    )
    if not found:
        return []
    return [
        AidUnitsReleased(
            **about(aid),
            helper=helper,
            unit_ids=found,
            reason=reason,
            spoken_by=command.spoken_by,
            occurred_at=command.occurred_at,
        )
    ]


def request_return(command: RequestReturn, aid: Aid) -> list[Event]:
    helper = helper_of(aid, command.helper)
    speaks_for_helper(command.by, command.helper, aid, command.spoken_by)
    for unit_id in command.unit_ids:
        lent_of(aid, command.helper, unit_id)
    wanted = tuple(
        lent.unit.unit_id
        for lent in aid.live(command.helper)
        if not command.unit_ids or lent.unit.unit_id in command.unit_ids
    )
    if not wanted:
        raise _nothing_lent(aid, command.helper)
    if (helper.return_asked, helper.return_reason) == (wanted, command.reason):
        return []
    return [
        AidReturnRequested(
            **about(aid),
            helper=command.helper,
            unit_ids=wanted,
            reason=command.reason,
            spoken_by=command.spoken_by,
            occurred_at=command.occurred_at,
        )
    ]


def answer_return(command: AnswerReturn, aid: Aid) -> list[Event]:
    helper = helper_of(aid, command.helper)
    speaks_for_requester(command.by, aid, command.spoken_by)
    with_reason(command.reply, command.reason)
    if not helper.return_asked:
        raise Rejection(
            "AID_NOTHING_ASKED",
            f"{helper.authority.name} wants no unit back that it was not answered about",
            aid_id=aid.aid_id,
            helper=command.helper,
        )
    return [
        AidReturnAnswered(
            **about(aid),
            helper=command.helper,
            reply=command.reply,
            reason=command.reason,
            spoken_by=command.spoken_by,
            occurred_at=command.occurred_at,
        )
    ]


def request_extension(command: RequestExtension, aid: Aid) -> list[Event]:
    helper = helper_of(aid, command.helper)
    speaks_for_requester(command.by, aid, command.spoken_by)
    open_one(aid)
    if not aid.live(command.helper):
        raise _nothing_lent(aid, command.helper)
    if command.until <= helper.until:
        raise Invalid(
            "AID_UNTIL_NOT_LATER",
            field="until_time",
            got=command.until.isoformat(),
            allowed=f"after {helper.until.isoformat()}, until when they stay anyhow",
        )
    if helper.extension_asked == command.until:
        return []
    return [
        AidExtensionRequested(
            **about(aid),
            helper=command.helper,
            until=command.until,
            reason=command.reason,
            spoken_by=command.spoken_by,
            occurred_at=command.occurred_at,
        )
    ]


def answer_extension(command: AnswerExtension, aid: Aid) -> list[Event]:
    helper = helper_of(aid, command.helper)
    speaks_for_helper(command.by, command.helper, aid, command.spoken_by)
    with_reason(command.reply, command.reason)
    open_one(aid)
    if helper.extension_asked is None:
        raise Rejection(
            "AID_NOTHING_ASKED",
            f"{helper.authority.name} was asked for no longer time that it has not answered",
            aid_id=aid.aid_id,
            helper=command.helper,
        )
    return [
        AidExtensionAnswered(
            **about(aid),
            helper=command.helper,
            reply=command.reply,
            until=helper.extension_asked,
            reason=command.reason,
            spoken_by=command.spoken_by,
            occurred_at=command.occurred_at,
        )
    ]


def none_here(aid: Aid) -> None:
    """Raise the refusal while a unit that came has not been let go."""
    here = [
        f"{lent.helper}-{lent.unit.unit_id}"
        for lent in aid.units.values()
        if lent.state is UnitState.ARRIVED
    ]
    if here:
        raise Rejection(
            "AID_UNITS_HERE",
            f"release {', '.join(here)} first",
            aid_id=aid.aid_id,
            unit_ids=", ".join(here),
        )


def lent_of(aid: Aid, helper: str, unit_id: str) -> Lent:
    found = aid.units.get(lent_key(helper, unit_id))
    if found is None:
        raise NotFound(
            "AID_UNIT_NOT_COMMITTED",
            f"{helper} has committed no unit {unit_id} to {aid.aid_id}",
            aid_id=aid.aid_id,
            helper=helper,
            unit_id=unit_id,
        )
    return found


def no_such_item(aid: Aid, item_id: str) -> Invalid:
    return Invalid(
        "AID_ITEM_UNKNOWN",
        field="items.item_id",
        got=item_id,
        allowed=f"one of {', '.join(aid.items)}",
    )


def _is_fresh(aid: Aid, helper: str, unit: Unit) -> bool:
    """Tell whether it is not lent here already; what is must be the same unit for the same."""
    if unit.item_id not in aid.items:
        raise no_such_item(aid, unit.item_id)
    lent = aid.units.get(lent_key(helper, unit.unit_id))
    if lent is None or not lent.is_live:
        return True
    if lent.unit == unit:
        return False
    raise Rejection(
        "AID_UNIT_COMMITTED",
        f"{unit.unit_id} is {lent.state} already, as {lent.unit.name} for {lent.unit.item_id}",
        aid_id=aid.aid_id,
        helper=helper,
        unit_id=unit.unit_id,
        state=lent.state.upper(),
    )


def _may_withdraw(command: ReportUnit, aid: Aid, lent: Lent) -> None:
    if not command.note:
        raise Invalid(
            "REASON_REQUIRED", field="note", got="nothing", allowed="why it does not come"
        )
    if lent.state not in {UnitState.COMMITTED, UnitState.EN_ROUTE}:
        raise Rejection(
            "AID_UNIT_HERE",
            f"{command.unit_id} is {lent.state}: ask for its return",
            aid_id=aid.aid_id,
            unit_id=command.unit_id,
            state=lent.state.upper(),
        )


def _nothing_lent(aid: Aid, helper: str) -> Rejection:
    return Rejection(
        "AID_NOTHING_LENT",
        f"{helper} lends nothing to {aid.aid_id} now",
        aid_id=aid.aid_id,
        helper=helper,
    )
