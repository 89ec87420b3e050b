"""The fence: a drill never reaches a live contact, earnest never one that is there for drills."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.notify.domain import notification as n
from services.notify.domain.contact import Contact
from services.notify.policies.audience import within_fence
from tests.notify.facts import NOW, SECOND, boat_crew, request

drills = st.sampled_from(["", "drill-7", "drill-8"])
contacts = st.builds(
    lambda only, registered_in: replace(boat_crew, exercise_only=only, registered_in=registered_in),
    st.booleans(),
    drills,
)


def outcome(contact: Contact, at_send: Contact | None, exercise: str) -> list[n.Event]:
    """Everything that is written from the request to the first attempt."""
    events = n.decide(request(contact, exercise), n.INITIAL)
    state: n.State = n.INITIAL
    for event in events:
        state = n.evolve(state, event)
    if isinstance(state, n.Pending):
        claim = n.StartAttempt(
            contact=at_send, settled=0, persistence=n.Persistence(), lease=30 * SECOND, now=NOW
        )
        events += n.decide(claim, state)
    return events


@given(contact=contacts, at_send=st.none() | contacts, exercise=drills)
def test_nothing_is_attempted_across_the_fence(
    contact: Contact, at_send: Contact | None, exercise: str
) -> None:
    events = outcome(contact, at_send, exercise)
    attempted = any(isinstance(event, n.AttemptStarted) for event in events)
    if attempted:
        assert at_send is not None
        assert contact.exercise_only == at_send.exercise_only == (exercise != "")
        assert contact.registered_in in ("", exercise)
    else:
        assert isinstance(events[-1], n.NotificationSuppressed)


@given(contact=contacts, exercise=drills)
def test_who_may_hear_it_is_asked_and_who_has_no_part_is_not_even_noted(
    contact: Contact, exercise: str
) -> None:
    if contact.may_hear(exercise):
        assert within_fence(contact, exercise)
    if within_fence(contact, exercise) and not contact.may_hear(exercise):
        assert exercise
        assert not contact.exercise_only
