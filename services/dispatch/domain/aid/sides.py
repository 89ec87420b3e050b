"""Who speaks for whom: each side for itself, and whoever heard it for the other, by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.dispatch.domain.aid.events import Authority, Reply
from services.dispatch.domain.aid.state import Aid, Helper, State
from services.runtime.actor import Actor
from services.runtime.rejection import Forbidden, Invalid, NotFound, Rejection


def there(aid_id: str, state: State) -> Aid:
    if state is None:
        raise NotFound("NO_SUCH_AID", f"no aid {aid_id}", aid_id=aid_id)
    return state


def own(by: Actor, aid_id: str, state: State) -> Aid:
    """Return the aid; to whoever is no party of it there is none."""
    aid = there(aid_id, state)
    if not any(by.covers(adcode) for adcode in (aid.requester.adcode, *aid.helpers)):
        raise NotFound("NO_SUCH_AID", f"no aid {aid_id}", aid_id=aid_id)
    return aid


def open_one(aid: Aid) -> None:
    if aid.ending is not None:
        raise Rejection(
            "AID_ENDED",
            f"{aid.aid_id} is {aid.ending} already: {aid.end_reason or aid.until.isoformat()}",
            aid_id=aid.aid_id,
            ending=aid.ending.upper(),
        )


def helper_of(aid: Aid, adcode: str) -> Helper:
    if adcode not in aid.helpers:
        raise NotFound(
            "AID_NOT_ADDRESSED",
            f"{aid.aid_id} was not addressed to {adcode}",
            aid_id=aid.aid_id,
            helper=adcode,
            helpers=", ".join(aid.helpers),
        )
    return aid.helpers[adcode]


def speaks(by: Actor, side: Authority, others: Iterable[Authority], spoken_by: str) -> None:
    """Raise unless ``by`` may say it: for its own side, or for one that has no people here."""
    if by.covers(side.adcode):
        return
    if side.here or not any(other.here and by.covers(other.adcode) for other in others):
        raise Forbidden(
            "OUTSIDE_JURISDICTION",
            f"{side.adcode} is outside {by.jurisdiction}, the jurisdiction of {by.subject}",
            adcode=side.adcode,
            jurisdiction=by.jurisdiction,
            subject=by.subject,
        )
    if not spoken_by:
        raise Invalid(
            "SPOKEN_BY_REQUIRED",
            field="spoken_by",
            got="nothing",
            allowed=f"who said it at {side.name}, for which {by.subject} cannot speak",
        )


def speaks_for_helper(by: Actor, helper: str, aid: Aid, spoken_by: str) -> None:
    speaks(by, aid.helpers[helper].authority, [aid.requester], spoken_by)


def speaks_for_requester(by: Actor, aid: Aid, spoken_by: str) -> None:
    speaks(by, aid.requester, (one.authority for one in aid.helpers.values()), spoken_by)


def with_reason(reply: Reply, reason: str) -> None:
    if reply is Reply.DECLINE and not reason:
        raise Invalid(
            "REASON_REQUIRED", field="reason", got="nothing", allowed="why it is declined"
        )


def about(aid: Aid) -> dict[str, Any]:
    return {"aid_id": aid.aid_id, "incident_id": aid.incident_id, "adcode": aid.adcode}
