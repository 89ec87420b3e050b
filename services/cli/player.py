"""Plays a scenario through the public APIs: each act at its time, by its person, as said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from google.protobuf.message import Message

from services.cli.client import Client, OutOfReach, Refusal
from services.cli.exits import Exit
from services.cli.rpc import dig, find, plain, same
from services.cli.scenario import (
    Act,
    BadScenario,
    Person,
    Race,
    Scenario,
    Step,
    Wait,
    build,
    cause,
    filled,
)

POLL_EVERY_S = 0.2
NOTIFICATIONS_WITHIN_S = 75.0
"""Longer than a delivery is left to the process that died with it (30 s), and tried again."""
QUIET_READS = 5
ASKED_HOW_FAR = (
    "command.IncidentService/ListIncidents",
    "dispatch.AssignmentService/ListAssignments",
    "resources.UnitService/ListUnits",
    "notify.NotificationService/ListNotifications",
)


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    THERE_ALREADY = "there already"
    REFUSED_AS_EXPECTED = "refused, as expected"
    SEEN = "seen"
    UNEXPECTED = "NOT AS EXPECTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """How one step, or one racer, went."""

    number: str
    at: datetime
    who: str
    what: str
    say: str
    outcome: Outcome
    detail: str = ""


@dataclass(slots=True)
class Tally:
    """What a whole play came to.  ``added`` counts acts that wrote something new."""

    played: list[Played] = field(default_factory=list)

    def count(self, outcome: Outcome) -> int:
        return sum(one.outcome is outcome for one in self.played)

    @property
    def as_expected(self) -> bool:
        return not self.count(Outcome.UNEXPECTED)


@dataclass(slots=True, kw_only=True)
class Player:
    """``token`` gives a person's token; ``told`` hears each step's outcome as it comes.

    An interrupted play goes on where it stopped when it is played again: what is there already
    answers as it did, and is not waited for.
    """

    scenario: Scenario
    client: Client
    token: Callable[[Person], str]
    told: Callable[[Played], None]
    speed: float
    patience_s: float
    receiver_url: str = ""
    now: datetime = field(init=False)
    tally: Tally = field(default_factory=Tally)
    _saved: dict[str, str] = field(default_factory=dict)
    _before: int = 0
    _clock: datetime | None = None
    _seen: dict[str, int] = field(default_factory=dict)
    _anchor: tuple[datetime, float] | None = None

    def __post_init__(self) -> None:
        self.now = self.scenario.start
        if self.receiver_url:
            self._saved["receiver"] = self.receiver_url

    async def play(self) -> Tally:
        """Play every step.  Raises OutOfReach when the suite stays away too long."""
        self._before = await self._position()
        for step in self.scenario.steps:
            await self._until(step.at)
            await self._advance_clock(step.at)
            await self._step(step)
        return self.tally

    async def let_notifications_arrive(self) -> None:
        """Wait until none is on its way any more, but not for ever."""
        rpc = find("notify.NotificationService/ListNotifications")
        wanted = rpc.request(incident_id=self.scenario.incident, state="NOTIFICATION_STATE_PENDING")
        deadline = time.monotonic() + NOTIFICATIONS_WITHIN_S
        quiet = 0
        while quiet < QUIET_READS and time.monotonic() < deadline:
            await asyncio.sleep(POLL_EVERY_S)
            answer = await self._call(rpc, wanted, self.now, "")
            quiet = 0 if answer.notifications else quiet + 1

    async def _position(self) -> int:
        """Return how far the log reaches before the first step, as far as any service has seen."""
        furthest = 0
        for name in ASKED_HOW_FAR:
            rpc = find(name)
            answer = await self._call(rpc, rpc.request(page_size=1), self.scenario.start, "")
            furthest = max(furthest, int(answer.freshness.position))
        return furthest

    async def _until(self, at: datetime) -> None:
        self.now = at
        if self._anchor is None or self.speed == 0:
            return
        since, started = self._anchor
        due = started + (at - since).total_seconds() / self.speed
        await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _advance_clock(self, at: datetime) -> None:
        """Let the exercise's own clock show ``at``, and all that is due by then come due."""
        director = self.scenario.director
        if director is None or at == self._clock:
            return
        rpc = find("command.ExerciseService/AdvanceExerciseClock")
        request = rpc.request(
            request_id=str(self.scenario.request_id(f"clock {at.isoformat()}")),
            exercise_id=self.scenario.run,
        )
        request.clock.FromDatetime(at)  # type: ignore[attr-defined]
        answer = await self._call(rpc, request, at, director)
        self._seen["command"] = max(self._seen.get("command", 0), int(answer.position))
        self._clock = at

    async def _step(self, step: Step) -> None:
        match step:
            case Act():
                self._tell(await self._act(step))
            case Race():
                await self._race(step)
            case Wait():
                self._tell(await self._wait(step))

    async def _act(self, act: Act) -> Played:
        try:
            answer = await self._send(act)
        except BadScenario as unknown:  # an earlier step did not bring what this one needs
            return _played(act, Outcome.UNEXPECTED, str(unknown))
        except Refusal as refusal:
            expected = refusal.reason in act.refusals
            outcome = Outcome.REFUSED_AS_EXPECTED if expected else Outcome.UNEXPECTED
            return _played(act, outcome, str(refusal))
        said = plain(answer)
        outcome = self._accepted(act.at, int(said.get("position", 0)))
        self._save(act.save, said)
        if act.refusals:
            return _played(act, Outcome.UNEXPECTED, f"accepted; expected {act.refusals}")
        if outcome is Outcome.THERE_ALREADY:  # it answers with how things stand now
            return _played(act, outcome)
        known = {"run": self.scenario.run, **self._saved}
        wrong = [
            f"{path} is {dig(said, path)}, expected {wanted}"
            for path, wanted in filled(dict(act.answers), known, f"step {act.number}").items()
            if not same(dig(said, path), wanted)
        ]
        if wrong:
            return _played(act, Outcome.UNEXPECTED, "; ".join(wrong))
        return _played(act, outcome, ", ".join(f"{p} {dig(said, p)}" for p in act.answers))

    async def _race(self, race: Race) -> None:
        async def run(act: Act) -> tuple[Act, Any]:
            try:
                return act, plain(await self._send(act))
            except (Refusal, BadScenario) as refusal:
                return act, refusal

        results = await asyncio.gather(*(run(act) for act in race.acts))
        winners = [said for _, said in results if isinstance(said, Mapping)]
        fair = len(winners) == 1
        for act, said in results:
            if isinstance(said, Exception):
                fitting = fair and getattr(said, "reason", "") in race.refusals
                outcome = Outcome.REFUSED_AS_EXPECTED if fitting else Outcome.UNEXPECTED
                self._tell(_played(act, outcome, str(said), race.say))
            else:
                outcome = self._accepted(act.at, int(said.get("position", 0)))
                detail = "" if fair else f"{len(winners)} of {len(results)} had it, expected 1"
                self._save(race.save, said)
                self._tell(_played(act, outcome if fair else Outcome.UNEXPECTED, detail, race.say))

    async def _wait(self, wait: Wait) -> Played:
        deadline = time.monotonic() + max(wait.within_s, self.patience_s)
        known = {"run": self.scenario.run, **self._saved}
        while True:
            try:
                until = filled(list(wait.until), known, f"step {wait.number}")
                request = build(self.scenario, wait, self._saved, self.speed)
                answer = plain(await self._call(wait.rpc, request, wait.at, wait.person))
            except BadScenario as unknown:
                return _played(wait, Outcome.UNEXPECTED, str(unknown))
            except Refusal as refusal:
                if refusal.exit_code is not Exit.NOT_FOUND:
                    return _played(wait, Outcome.UNEXPECTED, str(refusal))
                answer, seen = {}, str(refusal)
            else:
                seen = _short(answer)
            # The oldest of a list that is newest first: it stays the same when played again.
            parts = reversed(dig(answer, wait.each) or []) if wait.each else [answer]
            for part in parts:
                if any(all(same(dig(part, p), w) for p, w in one.items()) for one in until):
                    self._save(wait.save, part)
                    return _played(wait, Outcome.SEEN)
            if time.monotonic() > deadline:
                return _played(wait, Outcome.UNEXPECTED, f"waited for {until}, saw {seen}")
            await asyncio.sleep(POLL_EVERY_S)

    async def _send(self, act: Act) -> Any:
        request = build(self.scenario, act, self._saved, self.speed)
        because = cause(self.scenario, act, self._saved)
        answer = await self._call(act.rpc, request, act.at, act.person, because)
        before = self._seen.get(act.rpc.service, 0)
        self._seen[act.rpc.service] = max(before, int(getattr(answer, "position", 0)))
        return answer

    async def _call(
        self, rpc: Any, request: Message, at: datetime, by: Person | str, because: str = ""
    ) -> Any:
        reads = request.DESCRIPTOR.fields_by_name.get("read")
        seen = self._seen.get(rpc.service, 0)
        if reads is not None and seen and not request.HasField("read"):
            request.read.min_position = seen  # type: ignore[attr-defined]
        try:
            return await self.client.call(
                rpc,
                request,
                token=self.token(by) if isinstance(by, Person) else "",
                exercise=self.scenario.run,
                because=because,
                patience_s=self.patience_s,
            )
        except OutOfReach as gone:
            raise OutOfReach(f"at {at.isoformat()}, {rpc}: {gone}") from None

    def _accepted(self, at: datetime, position: int) -> Outcome:
        if position <= self._before:
            return Outcome.THERE_ALREADY
        if self._anchor is None:
            self._anchor = (at, time.monotonic())
        return Outcome.ACCEPTED

    def _save(self, wanted: Mapping[str, str], said: Mapping[str, Any]) -> None:
        for name, path in wanted.items():
            self._saved[name] = str(dig(said, path))

    def _tell(self, played: Played) -> None:
        self.tally.played.append(played)
        self.told(played)


def _played(step: Act | Wait, outcome: Outcome, detail: str = "", say: str = "") -> Played:
    return Played(
        number=step.number,
        at=step.at,
        who=step.person.subject,
        what=step.rpc.method,
        say=step.say or say,
        outcome=outcome,
        detail=detail,
    )


def _short(answer: Mapping[str, Any]) -> str:
    text = str(answer)
    return text if len(text) <= 300 else f"{text[:300]}…"  # noqa: PLR2004
