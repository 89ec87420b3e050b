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
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
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
from tests.command.desks import Activity, Process, World, quiet
from tests.command.incidents import LI, NOW, PLACE

SPACE = UUID(int=11)
# How many gates something passes at once; most things go through undisturbed.
FAR = st.one_of(st.just(999), st.integers(0, 40))
AT = st.integers(0, 1)
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
        self.answers: dict[str, object] = {}
        self.requests: list[Any] = []
        self.digested: set[int] = set()
        self.refused: set[str] = set()
        self.failures: list[BaseException] = []
        self.made = 0

    @initialize(reports=st.integers(2, 5))
    def start(self, reports: int) -> None:
        self.processes = [Process(self.world), Process(self.world)]
        for _ in range(reports):
            self.report()
        for number in range(2):
            self._ask(
                report_pb.VerifyReportRequest(
                    report_id=f"r{number}", incident_id=f"i{number}", title="滑坡"
                ),
                0,
                999,
            )

    # What people do.

    @rule()
    def report(self) -> None:
        number = sum(stream.startswith("report-") for stream in self.world.streams)
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

    @rule(data=st.data(), at=AT, far=FAR)
    def verify(self, data: st.DataObject, at: int, far: int) -> None:
        request = report_pb.VerifyReportRequest(
            report_id=data.draw(self._reports()), incident_id=f"i{self._next()}", title="滑坡"
        )
        self._ask(request, at, far)

    @rule(data=st.data(), at=AT, far=FAR)
    def join(self, data: st.DataObject, at: int, far: int) -> None:
        request = report_pb.JoinReportRequest(
            report_id=data.draw(self._reports()), incident_id=data.draw(self._incidents())
        )
        self._ask(request, at, far)

    @rule(data=st.data(), at=AT, far=FAR)
    def reject(self, data: st.DataObject, at: int, far: int) -> None:
        request = report_pb.RejectReportRequest(report_id=data.draw(self._reports()), reason="误报")
        self._ask(request, at, far)

    @rule(data=st.data(), at=AT, far=FAR)
    def merge(self, data: st.DataObject, at: int, far: int) -> None:
        request = pb.MergeIncidentRequest(
            incident_id=data.draw(self._incidents()),
            into_incident_id=data.draw(self._incidents()),
            reason="同一处",
        )
        self._ask(request, at, far)

    @rule(data=st.data(), far=FAR, further=FAR)
    def merge_into_each_other(self, data: st.DataObject, far: int, further: int) -> None:
        one, other = data.draw(self._incidents()), data.draw(self._incidents())
        for at, about, into, steps in ((0, one, other, far), (1, other, one, further)):
            request = pb.MergeIncidentRequest(
                incident_id=about, into_incident_id=into, reason="同一处"
            )
            self._ask(request, at, steps)

    @rule(data=st.data(), at=AT, far=FAR)
    def split(self, data: st.DataObject, at: int, far: int) -> None:
        about = data.draw(self._incidents())
        was = decider.there(self.world.incidents()[about])
        mine = sorted(was.reports) if was is not None else []
        request = pb.SplitIncidentRequest(
            incident_id=about,
            report_ids=data.draw(
                st.lists(st.sampled_from(mine or ["r0"]), min_size=1, max_size=2, unique=True)
            ),
            new_incident_id=f"i{self._next()}" if data.draw(st.booleans()) else "i1",
            title="另一处",
            task_ids=[] if was is None else [task.asked.task_id for task in was.work.open()][:1],
            reason="两处",
        )
        self._ask(request, at, far)

    @rule(data=st.data(), kind=st.sampled_from([1, 2, 3]), at=AT, far=FAR)
    def link(self, data: st.DataObject, kind: Any, at: int, far: int) -> None:
        request = pb.LinkIncidentsRequest(
            incident_id=data.draw(self._incidents()),
            other_incident_id=data.draw(self._incidents()),
            kind=kind,
            reason="同一场雨",
        )
        self._ask(request, at, far)

    @rule(data=st.data(), kind=st.sampled_from([1, 2, 3]), at=AT, far=FAR)
    def unlink(self, data: st.DataObject, kind: Any, at: int, far: int) -> None:
        request = pb.UnlinkIncidentsRequest(
            incident_id=data.draw(self._incidents()),
            other_incident_id=data.draw(self._incidents()),
            kind=kind,
            reason="无关",
        )
        self._ask(request, at, far)

    @rule(data=st.data(), opens=st.booleans(), at=AT, far=FAR)
    def close_or_reopen(self, data: st.DataObject, opens: bool, at: int, far: int) -> None:  # noqa: FBT001
        about = data.draw(self._incidents())
        command: decider.Act = (
            lifecycle.ReopenIncident(by=LI, incident_id=about, reason="又滑", occurred_at=NOW)
            if opens
            else lifecycle.CloseIncident(by=LI, incident_id=about, summary="结束", occurred_at=NOW)
        )
        self._act(command, at, far)

    @rule(data=st.data(), at=AT, far=FAR)
    def assign(self, data: st.DataObject, at: int, far: int) -> None:
        command = tasks.AssignTask(
            by=LI,
            incident_id=data.draw(self._incidents()),
            task_id=data.draw(st.sampled_from(["t1", "t2"])),
            title=f"任务{self._next()}",
            instructions="",
            assignee="安江镇",
            assignee_kind=tasks.Assignee.DEPARTMENT,
            due_at=None,
            objective_id="",
            occurred_at=NOW,
        )
        self._act(command, at, far)

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
        assert not self.failures

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
        assert not self.refused & {"INCIDENT_MERGED", "INCIDENT_CLOSED"}
        self._no_task_is_lost(states)
        self._nobody_lies_within_themselves(states)
        assert not self.failures

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
        assert not self.failures

    # How it is done.

    def _going_on(self) -> Iterator[tuple[str, Open]]:
        for about, state in self.world.incidents().items():
            if isinstance(state, Open | Closed):
                was = decider.there(state)
                assert was is not None
                yield about, was

    def _reports(self) -> st.SearchStrategy[str]:
        return st.sampled_from(sorted(self.world.reports()))

    def _incidents(self) -> st.SearchStrategy[str]:
        return st.sampled_from(sorted(self.world.incidents()))

    def _next(self) -> int:
        self.made += 1
        return self.made + 1

    def _cause(self) -> Cause:
        asked = uuid5(SPACE, f"cause {self._next()}")
        return Cause(command_id=asked, causation_id=str(asked), correlation_id=str(asked), actor=LI)

    def _ask(self, request: Any, at: int, far: int) -> None:
        request.request_id = str(uuid5(SPACE, str(len(self.requests))))
        self.requests.append(request)
        self.asked.append(lambda where: self._begin_asking(request, where))
        self._go_on(self._begin_asking(request, at), far)

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
                assert said == self.answers.setdefault(request.request_id, said)

        return self._begin(process, answered)

    def _act(self, command: decider.Act, at: int, far: int) -> None:
        cause = self._cause()

        def again(where: int) -> Activity:
            process = self.processes[where]
            return self._begin(
                process, lambda: process.incidents.handle(command.incident_id, command, cause)
            )

        self.asked.append(again)
        self._go_on(again(at), far)

    def _deliver(self, process: Process, number: int) -> Activity:
        async def digested() -> None:
            try:
                await process.finishing.react(self.world.messages[number])
            except (Unavailable, StaleRevision):
                return  # it comes again
            except Rejection as refusal:
                self.refused.add(refusal.reason)
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


def _run(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Desks,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_nothing_is_lost_doubled_or_left_hanging() -> None:
    _run(60, 40)


@pytest.mark.long
def test_nothing_is_lost_doubled_or_left_hanging_in_many_more_nights() -> None:
    _run(2000, 60)
