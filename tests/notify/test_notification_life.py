"""Whatever happens in whichever order: never sent after its end, never forgotten before it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.notify.domain import notification as n
from services.notify.domain.contact import Contact
from services.runtime.rejection import Rejection
from tests.notify.facts import NOW, SECOND, boat_crew, officer, request

PERSISTENCE = n.Persistence(base=SECOND, max_attempts=3)
LEASE = 30 * SECOND
NEWS = request().news_position
ENDS = (n.NotificationSuppressed, n.NotificationAcknowledged, n.NotificationSent)


class Life(RuleBasedStateMachine):
    """Several processes, a contact that changes, people who answer, a clock that runs."""

    @initialize(exercise=st.sampled_from(["", "drill-7"]), for_drills=st.booleans())
    def begin(self, *, exercise: str, for_drills: bool) -> None:
        self.exercise = exercise
        self.settled = 0
        self.now = NOW
        self.history: list[n.Event] = []
        self.state: n.State = n.INITIAL
        self.claims: list[int] = []
        self.sends: list[int] = []  # how many events there were at each send
        self.contact: Contact | None = replace(boat_crew, exercise_only=for_drills)
        self.obey(request(self.contact, exercise))

    def obey(self, command: n.Command) -> list[n.Event]:
        try:
            events = n.decide(command, self.state)
        except Rejection:
            return []
        for event in events:
            self.state = n.evolve(self.state, event)
        self.history += events
        return events

    @rule(seconds=st.integers(0, 70))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def a_process_claims_and_sends(self) -> None:
        command = n.StartAttempt(
            contact=self.contact,
            settled=self.settled,
            persistence=PERSISTENCE,
            lease=LEASE,
            now=self.now,
        )
        for event in self.obey(command):
            if isinstance(event, n.AttemptStarted):
                assert self.settled <= NEWS
                assert self.contact is not None
                assert self.contact.may_hear(self.exercise)
                self.claims.append(event.attempt)
                self.sends.append(len(self.history))

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), sent=st.booleans())
    def an_outcome_comes_back(self, *, data: st.DataObject, sent: bool) -> None:
        attempt = data.draw(st.sampled_from(self.claims))
        self.claims.remove(attempt)
        if sent:
            self.obey(n.RecordSent(attempt=attempt, now=self.now))
        else:
            self.obey(
                n.RecordFailure(
                    attempt=attempt, error="HTTP 503", persistence=PERSISTENCE, now=self.now
                )
            )

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def a_process_dies(self, data: st.DataObject) -> None:
        self.claims.remove(data.draw(st.sampled_from(self.claims)))

    @rule()
    def the_person_answers(self) -> None:
        self.obey(n.AcknowledgeNotification(by=officer, notification_id="n1", occurred_at=self.now))

    @rule()
    def somebody_retries(self) -> None:
        self.obey(
            n.RetryNotification(
                by=officer, notification_id="n1", reason="x", occurred_at=self.now, now=self.now
            )
        )

    @rule(for_drills=st.booleans())
    def the_contact_changes(self, *, for_drills: bool) -> None:
        self.contact = replace(boat_crew, exercise_only=for_drills)

    @rule(by=st.integers(-1, 1))
    def its_matter_is_settled(self, by: int) -> None:
        self.settled = max(self.settled, NEWS + by)

    @rule()
    def the_contact_goes(self) -> None:
        self.contact = None

    @invariant()
    def nothing_goes_out_after_an_end(self) -> None:
        for index, event in enumerate(self.history):
            if isinstance(event, ENDS):
                assert not any(send > index + 1 for send in self.sends)

    @invariant()
    def attempts_are_numbered_without_repetition(self) -> None:
        numbers = [e.attempt for e in self.history if isinstance(e, n.AttemptStarted)]
        assert numbers == list(range(1, len(numbers) + 1))

    @invariant()
    def two_attempts_are_a_lease_apart_unless_the_first_has_an_outcome(self) -> None:
        started: n.AttemptStarted | None = None
        for event in self.history:
            match event:
                case n.AttemptStarted():
                    assert started is None or event.occurred_at >= started.lease_until
                    started = event
                case n.DeliveryFailed() | n.NotificationRearmed():
                    started = None
                case _:
                    pass

    @invariant()
    def what_is_not_at_an_end_comes_to_one(self) -> None:
        """From any state, a worker that keeps asking ends it, and soon."""
        state, now = self.state, self.now
        for _ in range(PERSISTENCE.max_attempts + 1):
            if not isinstance(state, n.Pending):
                break
            now = max(now, state.due)
            events: Any = n.decide(
                n.StartAttempt(
                    contact=self.contact,
                    settled=self.settled,
                    persistence=PERSISTENCE,
                    lease=LEASE,
                    now=now,
                ),
                state,
            )
            for event in events:
                state = n.evolve(state, event)
        assert state is not None
        assert not isinstance(state, n.Pending)


Life.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestLife = Life.TestCase
