"""Several incidents and reports, merged, split, linked, closed and opened again by several at once.

Two command processes, crashes between any two steps, lost answers, news in any order.  Whatever
happens: a report is in one incident that goes on, nothing that is still to be done is lost or done
twice, and nobody is replaced by, or lies within, themselves.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from tenacity import wait_none

from anlan.command.v1 import link_service_pb2 as pb
from anlan.command.v1 import report_service_pb2 as report_pb
from services.command.codec import INCIDENT_CODEC
from services.command.domain import report
from services.command.domain.casualties import Casualties
from services.command.domain.incident import decider, lifecycle, tasks
from services.command.domain.incident.decider import Closed, Merged, Open
from services.runtime import handle
from services.runtime.cause import COMMAND, Cause
from services.runtime.rejection import Rejection, Unavailable
from services.runtime.store import StaleRevision
from tests import machines
from tests.command.desks import Activity, Process, World, quiet
from tests.command.incidents import LI, NOW, PLACE

SPACE = UUID(int=11)
# How many gates something passes at once; most things go through undisturbed.
FAR = st.one_of(st.just(999), st.integers(0, 40))
AT = st.integers(0, 1)
REPORTS = 9
KINDS = st.sampled_from([pb.LINK_KIND_PARENT, pb.LINK_KIND_CHILD, pb.LINK_KIND_RELATED])
WISHES = st.sampled_from(
    [
        *("verify", "join", "join", "reject", "merge", "merge", "merge", "split", "split"),
        *("link", "unlink", "close", "reopen", "assign"),
    ]
)
METHODS = {
    report_pb.VerifyReportRequest: ("intake", "VerifyReport"),
    report_pb.JoinReportRequest: ("intake", "JoinReport"),
    report_pb.RejectReportRequest: ("intake", "RejectReport"),
    pb.MergeIncidentRequest: ("links", "MergeIncident"),
    pb.SplitIncidentRequest: ("links", "SplitIncident"),
    pb.LinkIncidentsRequest: ("links", "LinkIncidents"),
    pb.UnlinkIncidentsRequest: ("links", "UnlinkIncidents"),
}


class Desks(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = World()
        self.processes: list[Process] = []
        self.asked: list[Callable[[int], Activity]] = []
        self.answers: dict[str, bytes] = {}
        self.requests: list[Any] = []
        self.digested: set[int] = set()
        self.refused: set[str] = set()
        self.failures: list[BaseException] = []
        self.made = 0

    @initialize(reports=st.integers(3, 5))
    def start(self, reports: int) -> None:
        self.processes = [Process(self.world), Process(self.world)]
        for _ in range(reports):
            self.report()
        for number in range(reports - 1):
            verify = report_pb.VerifyReportRequest(
                report_id=f"r{number}", incident_id=f"i{number}", title="滑坡"
            )
            self._go_on(self._asking(verify)(0), 999)
        self.made = reports

    # What people do.

    @precondition(lambda self: len(self.world.reports()) < REPORTS)
    @rule()
    def report(self) -> None:
        number = len(self.world.reports())
        command = report.SubmitReport(
            by=LI,
            report_id=f"r{number}",
            source=report.Source.POLICE_110,
            reporter="村民",
            type_code="11D01",
            place=PLACE,
            casualties=Casualties(trapped=number),
            text="滑坡",
            occurred_at=NOW,
        )
        process = self.processes[0]
        cause = self._cause()
        begun = self._begin(
            process, lambda: process.reports.handle(command.report_id, command, cause)
        )
        self._go_on(begun, 999)

    @rule(data=st.data(), wish=WISHES, at=AT, far=FAR)
    def wish(self, data: st.DataObject, wish: str, at: int, far: int) -> None:
        self._go_on(self._wished(data, wish)(at), far)

    @rule(data=st.data(), wishes=st.lists(WISHES, min_size=2, max_size=3))
    def wish_at_once(self, data: st.DataObject, wishes: list[str]) -> None:
        """Let several begin before any of them is done, and go on in any order."""
        self._at_once(data, [self._wished(data, wish) for wish in wishes])

    @rule(data=st.data(), wish=st.sampled_from(["merge", "split", "join", "link"]), at=AT)
    def die_midway(self, data: st.DataObject, wish: str, at: int) -> None:
        self._go_on(self._wished(data, wish)(at), data.draw(st.integers(4, 24)))
        self.crash(at)

    @rule(data=st.data(), many=st.integers(2, 3))
    def merge_into_each_other(self, data: st.DataObject, many: int) -> None:
        live = [about for about, _ in self._going_on()][:many]
        self._at_once(
            data,
            [self._asking(self._merge(one, live[number - 1])) for number, one in enumerate(live)],
        )

    def _at_once(self, data: st.DataObject, wishes: list[Callable[[int], Activity]]) -> None:
        begun = [wish(data.draw(AT)) for wish in wishes]
        for activity in begun:
            self._go_on(activity, data.draw(st.integers(0, 14)))
        for activity in data.draw(st.permutations(begun)):
            self._go_on(activity, data.draw(FAR))

    def _wished(self, data: st.DataObject, wish: str) -> Callable[[int], Activity]:
        one, other = data.draw(self._incidents()), data.draw(self._incidents())
        match wish:
            case "verify":
                request: Any = report_pb.VerifyReportRequest(
                    report_id=data.draw(self._reports()),
                    incident_id=f"i{self._next()}",
                    title="滑坡",
                )
            case "join":
                request = report_pb.JoinReportRequest(
                    report_id=data.draw(self._reports()), incident_id=one
                )
            case "reject":
                request = report_pb.RejectReportRequest(
                    report_id=data.draw(self._reports()), reason="误报"
                )
            case "merge":
                request = self._merge(one, other)
            case "split":
                request = self._split(data, one)
            case "link":
                request = pb.LinkIncidentsRequest(
                    incident_id=one,
                    other_incident_id=other,
                    kind=data.draw(KINDS),
                    reason="同一场雨",
                )
            case "unlink":
                request = pb.UnlinkIncidentsRequest(
                    incident_id=one, other_incident_id=other, kind=data.draw(KINDS), reason="无关"
                )
            case _:
                return self._acting(self._act(data, wish, one))
        return self._asking(request)

    def _merge(self, about: str, into: str) -> pb.MergeIncidentRequest:
        return pb.MergeIncidentRequest(incident_id=about, into_incident_id=into, reason="同一处")

    def _split(self, data: st.DataObject, about: str) -> pb.SplitIncidentRequest:
        was = decider.there(self.world.incidents()[about])
        assert was is not None
        reports = sorted(was.reports)
        return pb.SplitIncidentRequest(
            incident_id=about,
            report_ids=reports[: max(1, len(reports) - data.draw(st.integers(0, 2)))],
            new_incident_id=f"i{self._next()}" if data.draw(st.booleans()) else "i99",
            title="另一处",
            task_ids=[task.asked.task_id for task in was.work.open()][:1],
            reason="两处",
        )

    def _act(self, data: st.DataObject, wish: str, about: str) -> decider.Act:
        match wish:
            case "close":
                return lifecycle.CloseIncident(
                    by=LI, incident_id=about, summary="结束", occurred_at=NOW
                )
            case "reopen":
                return lifecycle.ReopenIncident(
                    by=LI, incident_id=about, reason="又滑", occurred_at=NOW
                )
            case _:
                return tasks.AssignTask(
                    by=LI,
                    incident_id=about,
                    task_id=data.draw(st.sampled_from(["t1", "t2"])),
                    title=f"任务{self._next()}",
                    instructions="",
                    assignee="安江镇",
                    assignee_kind=tasks.Assignee.DEPARTMENT,
                    due_at=None,
                    objective_id="",
                    occurred_at=NOW,
                )

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), at=AT, far=FAR)
    def retry(self, data: st.DataObject, at: int, far: int) -> None:
        again = data.draw(st.sampled_from(self.asked))
        self._go_on(again(at), far)

    # What the suite does by itself.

    @precondition(lambda self: self.world.messages)
    @rule(data=st.data(), at=AT, far=FAR)
    def deliver(self, data: st.DataObject, at: int, far: int) -> None:
        number = data.draw(st.integers(0, len(self.world.messages) - 1))
        self._go_on(self._deliver(self.processes[at], number), far)

    # What befalls everybody.

    @precondition(lambda self: self._waiting())
    @rule(data=st.data(), far=FAR)
    def go_on(self, data: st.DataObject, far: int) -> None:
        self._go_on(data.draw(st.sampled_from(self._waiting())), far)

    @precondition(lambda self: self._waiting())
    @rule(data=st.data())
    def lose_the_answer(self, data: st.DataObject) -> None:
        activity = data.draw(st.sampled_from(self._waiting()))
        activity.open(Unavailable("LOST"))
        self._settle(activity)

    @rule(at=AT)
    def crash(self, at: int) -> None:
        self.processes[at].die()
        self._settle()
        self.processes[at] = Process(self.world)

    # What must hold.

    @invariant()
    def a_report_is_in_one_incident_at_most(self) -> None:
        holders = Counter(report_id for _, was in self._going_on() for report_id in was.reports)
        assert not [key for key, count in holders.items() if count > 1]

    @invariant()
    def nothing_is_to_be_done_twice(self) -> None:
        titles = Counter(
            task.asked.title for _, was in self._going_on() for task in was.work.open()
        )
        assert not [title for title, count in titles.items() if count > 1]

    @invariant()
    def nobody_is_replaced_by_themselves(self) -> None:
        states = self.world.incidents()
        for about, state in states.items():
            seen = [about]
            while isinstance(state, Merged) and state.concluded:
                assert state.into not in seen
                seen.append(state.into)
                state = states[state.into]  # noqa: PLW2901  # the way that it leads

    @invariant()
    def nothing_fails_that_nobody_foresaw(self) -> None:
        assert not self.failures, self.failures

    def teardown(self) -> None:
        try:
            for process in self.processes:
                process.die()
            self._settle()
            self._finish_everything()
            self._nothing_is_left_hanging()
            self._repeat_everything()
        finally:
            self.loop.close()

    def _finish_everything(self) -> None:
        self.world.free = True
        process = Process(self.world)
        for _ in range(4):  # what had to wait for another is tried again
            for number in range(len(self.world.messages)):
                if number not in self.digested:
                    self._deliver(process, number)
        assert self.digested == set(range(len(self.world.messages)))

    def _nothing_is_left_hanging(self) -> None:
        states = self.world.incidents()
        assert not [s for s in states.values() if isinstance(s, Merged) and not s.concluded]
        going_on = dict(self._going_on())
        assert not [was for was in going_on.values() if was.splits.begun]
        held = Counter(report_id for was in going_on.values() for report_id in was.reports)
        for report_id, state in self.world.reports().items():
            settled = isinstance(state, report.Settled) and bool(state.incident_id)
            assert held[report_id] == settled, report_id
        self.a_report_is_in_one_incident_at_most()
        self.nothing_is_to_be_done_twice()
        self.nobody_is_replaced_by_themselves()
        assert not self.refused, self.refused
        self._no_task_is_lost(states)
        self._nobody_lies_within_themselves(states)
        assert not self.failures, self.failures

    def _no_task_is_lost(self, states: dict[str, decider.State]) -> None:
        asked, ended = set(), set()
        for event in self.world.log:
            if event.stream.startswith("incident-"):
                told = INCIDENT_CODEC.decode(event.type, event.data)
                if isinstance(told, tasks.TaskAssigned):
                    asked.add(told.title)
        for state in states.values():
            was = state.was if isinstance(state, Closed) else state
            if isinstance(was, Open):
                ended |= {
                    task.asked.title
                    for task in was.work.tasks.values()
                    if task.state in tasks.ENDED
                }
        for state in states.values():
            if isinstance(state, Merged):
                ended |= {
                    task.asked.title
                    for task in state.was.work.tasks.values()
                    if task.state in tasks.ENDED
                }
        live = {task.asked.title for _, was in self._going_on() for task in was.work.open()}
        assert asked == live | ended
        closed = [s.was for s in states.values() if isinstance(s, Closed)]
        assert not [task for was in closed for task in was.work.open()]

    def _nobody_lies_within_themselves(self, states: dict[str, decider.State]) -> None:
        def resolved(about: str) -> str:
            state = states[about]
            return resolved(state.into) if isinstance(state, Merged) else about

        for about, was in self._going_on():
            if isinstance(states[about], Closed):
                continue  # whoever opens it again finds it as it was left
            here, seen = was.links.parent, {about}
            while here:
                here = resolved(here)
                assert here not in seen
                seen.add(here)
                above = decider.there(states[here])
                here = "" if above is None else above.links.parent

    def _repeat_everything(self) -> None:
        self.processes = [Process(self.world)]
        before = len(self.world.log)
        for request in list(self.requests):
            if request.request_id in self.answers:
                self._begin_asking(request, 0)
                new = [(event.stream, event.type) for event in self.world.log[before:]]
                assert not new, request
        assert not self.failures, self.failures

    # How it is done.

    def _going_on(self) -> Iterator[tuple[str, Open]]:
        for about, state in self.world.incidents().items():
            if isinstance(state, Open | Closed):
                was = decider.there(state)
                assert was is not None
                yield about, was

    def _reports(self) -> st.SearchStrategy[str]:
        """Return any report, one that is not settled rather."""
        known = self.world.reports()
        waiting = [key for key, state in known.items() if isinstance(state, report.Received)]
        return st.one_of(st.sampled_from(sorted(waiting or known)), st.sampled_from(sorted(known)))

    def _incidents(self) -> st.SearchStrategy[str]:
        """Return any incident, one that goes on rather."""
        known = sorted(self.world.incidents())
        live = sorted(about for about, _ in self._going_on()) or known
        return st.one_of(st.sampled_from(live), st.sampled_from(live), st.sampled_from(known))

    def _next(self) -> int:
        self.made += 1
        return self.made + 1

    def _cause(self) -> Cause:
        asked = uuid5(SPACE, f"cause {self._next()}")
        return Cause(command_id=asked, causation_id=str(asked), correlation_id=str(asked), actor=LI)

    def _asking(self, request: Any) -> Callable[[int], Activity]:
        request.request_id = str(uuid5(SPACE, str(len(self.requests))))
        self.requests.append(request)
        self.asked.append(lambda at: self._begin_asking(request, at))
        return self.asked[-1]

    def _begin_asking(self, request: Any, at: int) -> Activity:
        process = self.processes[at]
        room, name = METHODS[type(request)]
        method = getattr(getattr(process, room), name)

        async def answered() -> None:
            try:
                answer = await method(request, None)
            except (Unavailable, StaleRevision, Rejection):
                return
            said = answer.SerializeToString(deterministic=True)
            if self._written(request):  # what changed nothing leaves no trace to answer from
                first = self.answers.setdefault(request.request_id, said)
                assert said == first, (request, answer, first)

        return self._begin(process, answered)

    def _acting(self, command: decider.Act) -> Callable[[int], Activity]:
        cause = self._cause()

        def again(at: int) -> Activity:
            process = self.processes[at]
            return self._begin(
                process, lambda: process.incidents.handle(command.incident_id, command, cause)
            )

        self.asked.append(again)
        return again

    def _deliver(self, process: Process, number: int) -> Activity:
        async def digested() -> None:
            try:
                await process.finishing.react(self.world.messages[number])
            except (Unavailable, StaleRevision):
                return  # it comes again
            except Rejection as refusal:
                self.refused.add(f"{self.world.messages[number].type} {refusal.reason}")
            self.digested.add(number)

        return self._begin(process, digested)

    def _begin(self, process: Process, work: Callable[[], Awaitable[Any]]) -> Activity:
        async def begin() -> Activity:
            return process.begin(work, LI)

        activity = self.loop.run_until_complete(begin())
        assert activity.task is not None
        activity.task.add_done_callback(self._ended)
        self._settle(activity)
        return activity

    def _go_on(self, activity: Activity, far: int) -> None:
        for _ in range(far):
            if activity.gate is None:
                break
            activity.open()
            self._settle(activity)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        failure = None if task.cancelled() else task.exception()
        if failure is not None and not isinstance(failure, (Rejection, StaleRevision)):
            self.failures.append(failure)

    def _settle(self, activity: Activity | None = None) -> None:
        self.loop.run_until_complete(quiet(activity))

    def _written(self, request: Any) -> bool:
        return any(event.metadata[COMMAND] == request.request_id for event in self.world.log)

    def _waiting(self) -> list[Activity]:
        return [a for p in self.processes for a in p.activities if a.gate is not None]


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handle, "wait_random", lambda **_: wait_none())


def test_nothing_is_lost_doubled_or_left_hanging() -> None:
    machines.run(Desks, runs=60, steps=40)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_nothing_is_lost_doubled_or_left_hanging_in_many_more_nights() -> None:
    assert machines.run(Desks, runs=300, steps=60) >= 5_000
