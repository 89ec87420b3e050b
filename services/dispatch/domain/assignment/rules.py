"""What every rule about an assignment begins with: is it there, whose is it, is it over."""

from __future__ import annotations

from typing import Any

from services.dispatch.domain.assignment.state import Over, State, There
from services.dispatch.domain.events import AssignmentRequested
from services.runtime.actor import Actor
from services.runtime.rejection import Forbidden, NotFound, Rejection


def about(order: AssignmentRequested) -> dict[str, Any]:
    """Return what each fact names: the assignment, its incident, its unit and where it is."""
    return {
        "assignment_id": order.assignment_id,
        "incident_id": order.incident_id,
        "unit_id": order.unit_id,
        "adcode": order.adcode,
    }


def there(assignment_id: str, state: State) -> There:
    if state is None:
        raise NotFound(
            "NO_SUCH_ASSIGNMENT", f"no assignment {assignment_id}", assignment_id=assignment_id
        )
    return state


def own(by: Actor, assignment_id: str, state: State) -> There:
    found = there(assignment_id, state)
    within(by, found.order.adcode)
    return found


def within(by: Actor, adcode: str) -> None:
    if not by.covers(adcode):
        raise Forbidden(
            "OUTSIDE_JURISDICTION",
            f"{adcode} is outside {by.jurisdiction}, the jurisdiction of {by.subject}",
            adcode=adcode,
            jurisdiction=by.jurisdiction,
            subject=by.subject,
        )


def not_dispatched(order: AssignmentRequested) -> Rejection:
    return Rejection(
        "ASSIGNMENT_NOT_DISPATCHED",
        f"{order.assignment_id} still waits for its unit",
        assignment_id=order.assignment_id,
    )


def closed(state: Over) -> Rejection:
    assignment_id = state.order.assignment_id
    return Rejection(
        "ASSIGNMENT_CLOSED",
        f"{assignment_id} is {state.ending} already: {state.words}",
        assignment_id=assignment_id,
        state=state.ending.upper(),
        close_reason=state.words,
    )


def no_mayday(order: AssignmentRequested, *, mayday: bool) -> None:
    """Refuse to end what somebody's life hangs on: the unit would look free."""
    if mayday:
        raise Rejection(
            "MAYDAY_OPEN",
            f"{order.unit_id} has declared a Mayday that stands: say first what became of it",
            assignment_id=order.assignment_id,
            unit_id=order.unit_id,
        )
