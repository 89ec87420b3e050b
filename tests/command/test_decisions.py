"""What a decision must have, who may approve it, what it still lacks, and how it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from services.command.codec import INCIDENT_CODEC
from services.command.domain.incident import decider, decision_rules, decisions
from services.command.domain.incident.decision_classes import STEP_NAMES, DecisionClasses, Step
from services.command.domain.incident.decisions import Basis, BasisKind, Decisions, Standing
from services.runtime.rejection import Rejection
from services.runtime.settings import REPOSITORY
from tests.command import incidents as known
from tests.command.decided import (
    HEAD,
    LEADER,
    LEGAL,
    PEER,
    RISK,
    TOWN_LEADER,
    approve,
    approved,
    complete,
    completed,
    dissent,
    dissented,
    done,
    evacuate,
    general,
    person,
    proposed,
    recorded,
    reject,
    rejected,
    revoked,
)
from tests.command.incidents import LI, NOW, decide, established, given, opened

HASTE = "坡体随时可能下滑"
urgent = replace(evacuate, steps=(RISK,), urgent=HASTE)
taken = replace(
    proposed,
    steps=(RISK,),
    open_steps=(Step.LEGALITY_REVIEW,),
    urgent=HASTE,
    complete_by=NOW + timedelta(hours=48),
    standing=Standing.EFFECTIVE,
)
dam = replace(evacuate, decision_class="flood_diversion", urgent=HASTE)
revoke = replace(evacuate, decision_id="d3", decision_class="", subject="解除转移", revokes="d2")
revoking = replace(proposed, decision_id="d3", subject="解除转移", revokes="d2")
approve_d3 = replace(approve, decision_id="d3")
approved_d3 = replace(approved, decision_id="d3")


def made(*events: decider.Event) -> Decisions:
    was = decider.there(given(opened, *events).state)
    assert was is not None
    return was.decisions


def refused(command: decider.Command, *events: decider.Event) -> Rejection:
    with pytest.raises(Rejection) as refusal:
        given(*events).when(command).outcome()
    return refusal.value


def test_a_general_decision_holds_at_once_and_names_its_approver() -> None:
    given(opened).when(general).then(recorded)


def test_a_decision_of_two_persons_waits_for_the_second() -> None:
    given(opened).when(evacuate).then(proposed)
    given(opened, proposed).when(approve).then(approved)


def test_what_is_missing_is_named_in_peoples_words_and_by_key() -> None:
    refusal = refused(replace(evacuate, steps=()), opened)

    assert refusal.reason == "DECISION_INCOMPLETE"
    assert refusal.context["missing"] == "risk_assessment,legality_review"
    assert "风险评估 risk_assessment、合法性审查 legality_review" in refusal.message


@pytest.mark.parametrize("key", known.RULES.decisions.classes)
def test_no_class_takes_a_decision_that_lacks_a_required_step(key: str) -> None:
    class_ = known.RULES.decisions.classes[key]
    whole = replace(evacuate, decision_class=key, steps=tuple(map(done, class_.steps)))

    [event] = decide(whole, given(opened).state)
    assert isinstance(event, decisions.DecisionRecorded)
    assert event.awaits_approval is (class_.approvers is not None)
    for left in class_.steps:
        lacking = replace(whole, steps=tuple(s for s in whole.steps if s.step is not left))
        refusal = refused(lacking, opened)
        assert (refusal.reason, refusal.context["missing"]) == ("DECISION_INCOMPLETE", left)


def test_an_urgent_decision_holds_before_its_steps_and_is_flagged_until_each_is_done() -> None:
    given(opened).when(urgent).then(taken)
    after = replace(completed, occurred_at=NOW)
    given(opened, taken).when(complete).then(after)

    flagged = made(taken).made["d2"]
    approved_only = made(taken, approved).made["d2"]
    whole = made(taken, approved, after).made["d2"]
    assert (flagged.flagged, approved_only.flagged, whole.flagged) == (True, True, False)
    assert made(taken, after).made["d2"].flagged  # not approved yet


def test_what_is_done_too_late_is_said_to_be_late() -> None:
    late = done(Step.LEGALITY_REVIEW, timedelta(hours=49))
    afterwards = replace(complete, done=late, occurred_at=NOW + timedelta(hours=60))

    given(opened, taken).when(afterwards).then(
        replace(completed, done_at=late.done_at, late=True, occurred_at=afterwards.occurred_at)
    )


def test_a_step_that_was_not_asked_for_may_be_added_and_is_never_late() -> None:
    added = done(Step.EXPERT_ARGUMENT, timedelta(hours=49))
    command = replace(complete, done=added, occurred_at=NOW + timedelta(hours=60))

    [event] = given(opened, taken).when(command).outcome()

    assert isinstance(event, decisions.DecisionStepCompleted)
    assert (event.late, event.open_steps) == (False, (Step.LEGALITY_REVIEW,))


def test_no_urgency_puts_off_the_second_person_of_a_flood_diversion() -> None:
    [event] = given(opened).when(dam).outcome()

    assert isinstance(event, decisions.DecisionRecorded)
    assert event.standing is Standing.PROPOSED
    assert event.complete_by == NOW + timedelta(hours=24)


def test_an_urgent_decision_that_lacks_nothing_has_no_time_to_be_completed() -> None:
    [event] = given(opened).when(replace(general, urgent=HASTE)).outcome()

    assert isinstance(event, decisions.DecisionRecorded)
    assert (event.open_steps, event.complete_by) == ((), None)


REFUSED: dict[str, tuple[tuple[decider.Event, ...], decider.Command, str]] = {
    "an unknown class": ((), replace(general, decision_class="magic"), "DECISION_CLASS_UNKNOWN"),
    "urgency where there is time": (
        (),
        replace(evacuate, decision_class="recovery_plan", urgent=HASTE),
        "URGENCY_NOT_ALLOWED",
    ),
    "the same id": ((recorded,), general, "DECISION_EXISTS"),
    "the decider named to approve": ((), replace(evacuate, by=LEADER), "APPROVER_IS_DECIDER"),
    "a step of the future": (
        (),
        replace(evacuate, steps=(done(Step.RISK_ASSESSMENT, timedelta(days=1)), LEGAL)),
        "STEP_NOT_DONE_YET",
    ),
    "a step completed in the future": (
        (taken,),
        replace(complete, done=done(Step.LEGALITY_REVIEW, timedelta(days=1))),
        "STEP_NOT_DONE_YET",
    ),
    "a step done otherwise": (
        (taken, completed),
        replace(complete, done=done(Step.LEGALITY_REVIEW, by="别人")),
        "STEP_DONE",
    ),
    "a step of what was rejected": (
        (proposed, rejected),
        replace(complete, done=done(Step.EXPERT_ARGUMENT)),
        "DECISION_REJECTED",
    ),
    "completing nothing": ((), complete, "NO_SUCH_DECISION"),
    "approving nothing": ((), approve, "NO_SUCH_DECISION"),
    "rejecting nothing": ((), reject, "NO_SUCH_DECISION"),
    "dissenting from nothing": ((), dissent, "NO_SUCH_DECISION"),
    "revoking nothing": ((), revoke, "NO_SUCH_DECISION"),
    "the decider approves": ((proposed,), replace(approve, by=LI), "APPROVER_IS_DECIDER"),
    "the decider rejects": ((proposed,), replace(reject, by=LI), "APPROVER_IS_DECIDER"),
    "a role that approves nothing": (
        (proposed,),
        replace(approve, by=person("duty.wang", "duty_officer")),
        "APPROVAL_NOT_AUTHORISED",
    ),
    "a commander where a leader is needed": (
        (replace(proposed, decision_class="flood_diversion"),),
        replace(approve, by=PEER),
        "APPROVAL_NOT_AUTHORISED",
    ),
    "a subordinate region": (
        (proposed,),
        replace(approve, by=HEAD),
        "APPROVAL_NOT_AUTHORISED",
    ),
    "a township where a county is needed": (
        (replace(proposed, decision_class="requisition", jurisdiction="431281102"),),
        replace(approve, by=TOWN_LEADER),
        "APPROVAL_NOT_AUTHORISED",
    ),
    "approving what holds": (
        (recorded,),
        replace(approve, decision_id="d1"),
        "APPROVAL_NOT_AWAITED",
    ),
    "approving what was rejected": ((proposed, rejected), approve, "APPROVAL_NOT_AWAITED"),
    "approving after another": (
        (proposed, approved),
        replace(approve, by=PEER),
        "APPROVAL_NOT_AWAITED",
    ),
    "rejecting what holds": (
        (proposed, approved),
        replace(reject, by=PEER),
        "APPROVAL_NOT_AWAITED",
    ),
    "revoking what is only proposed": ((proposed,), revoke, "DECISION_NOT_EFFECTIVE"),
    "revoking what was rejected": ((proposed, rejected), revoke, "DECISION_NOT_EFFECTIVE"),
    "revoking twice": (
        (proposed, approved, revoking, approved_d3, revoked),
        replace(revoke, decision_id="d4"),
        "DECISION_NOT_EFFECTIVE",
    ),
    "revoking a revocation": (
        (proposed, approved, revoking, approved_d3, revoked),
        replace(revoke, decision_id="d4", revokes="d3"),
        "REVOCATION_FINAL",
    ),
    "approving a revocation of what another revoked": (
        (
            proposed,
            approved,
            revoking,
            replace(revoking, decision_id="d4"),
            approved_d3,
            revoked,
        ),
        replace(approve, decision_id="d4"),
        "DECISION_NOT_EFFECTIVE",
    ),
    "a revocation without the steps of what it revokes": (
        (proposed, approved),
        replace(revoke, steps=()),
        "DECISION_INCOMPLETE",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(name: str) -> None:
    history, command, reason = REFUSED[name]

    given(opened, *history).when(command).then_refused(reason)


DONE: list[tuple[tuple[decider.Event, ...], decider.Command, decider.Event]] = [
    ((proposed,), approve, approved),
    ((proposed,), reject, rejected),
    ((taken,), reject, replace(rejected, was_effective=True)),
    ((proposed,), dissent, dissented),
    ((proposed, rejected), dissent, dissented),
    ((taken,), complete, completed),
]


@pytest.mark.parametrize(("history", "command", "event"), DONE, ids=lambda v: type(v).__name__)
def test_what_is_asked_is_done_once(
    history: tuple[decider.Event, ...], command: decider.Command, event: decider.Event
) -> None:
    given(opened, *history).when(command).then(event)
    given(opened, *history, event).when(command).then()


def test_the_second_person_may_be_another_than_the_one_named() -> None:
    given(opened, proposed).when(replace(approve, by=PEER, authority="指挥部授权")).then(
        replace(approved, approved_by="deputy.xiang", authority="指挥部授权")
    )


def test_a_township_approves_what_its_own_commander_decides() -> None:
    local = replace(proposed, decided_by="head.anjiang", jurisdiction="431281102")

    given(opened, local).when(replace(approve, by=TOWN_LEADER)).then(
        replace(approved, approved_by="secretary.anjiang")
    )


def test_the_incident_commander_approves_by_his_post() -> None:
    deputys = replace(proposed, decision_class="requisition", decided_by="deputy.xiang")
    by_li = replace(approve, by=LI)

    given(opened, deputys).when(by_li).then_refused("APPROVAL_NOT_AUTHORISED")
    given(opened, established, deputys).when(by_li).then(
        replace(approved, approved_by="commander.li")
    )


def test_who_serves_under_the_commander_approves_nothing() -> None:
    classes = known.RULES.decisions
    state = made(proposed)
    serving = decisions.Known(posts=frozenset({"operations_chief"}))

    with pytest.raises(Rejection) as refusal:
        decision_rules.decide(classes, approve, "431281102", state, serving)

    assert refusal.value.reason == "APPROVAL_NOT_AUTHORISED"
    assert decision_rules.decide(classes, approve, "431281102", state) == [approved]


def test_a_lower_post_does_not_approve_what_a_higher_one_decides() -> None:
    chiefs = replace(proposed, decided_by="chief", decider_posts=("commander_in_chief",))
    deputys = replace(proposed, decided_by="deputy", decider_posts=("deputy_commander",))
    by_li = replace(approve, by=LI)

    given(opened, established, chiefs).when(by_li).then_refused("APPROVAL_NOT_AUTHORISED")
    given(opened, established, deputys).when(by_li).then(
        replace(approved, approved_by="commander.li")
    )


def test_a_revocation_is_a_decision_of_the_same_class_and_holds_when_it_is_approved() -> None:
    given(opened, proposed, approved).when(revoke).then(revoking)
    given(opened, proposed, approved, revoking).when(approve_d3).then(approved_d3, revoked)

    state = made(proposed, approved, revoking, approved_d3, revoked)
    assert not state.effective("d2")
    assert state.effective("d3")


def test_an_urgent_revocation_waits_for_its_approval_all_the_same() -> None:
    [event] = given(opened, taken).when(replace(revoke, urgent=HASTE, steps=())).outcome()

    assert isinstance(event, decisions.DecisionRecorded)
    assert event.standing is Standing.PROPOSED
    assert event.open_steps == (Step.RISK_ASSESSMENT, Step.LEGALITY_REVIEW)


def test_a_revocation_that_needs_no_second_person_holds_at_once() -> None:
    given(opened, recorded).when(replace(general, decision_id="d3", revokes="d1")).then(
        replace(recorded, decision_id="d3", revokes="d1"),
        replace(revoked, decision_id="d1"),
    )


def test_what_was_taken_in_haste_is_completed_even_after_it_was_revoked_or_rejected() -> None:
    after_revocation = given(opened, taken, revoking, approved_d3, revoked)
    after_rejection = given(opened, taken, replace(rejected, was_effective=True))

    after_revocation.when(complete).then(completed)
    after_rejection.when(complete).then(completed)
    assert made(taken, revoking, approved_d3, revoked).made["d2"].flagged
    assert made(taken, replace(rejected, was_effective=True)).made["d2"].flagged


BASES = [
    (Basis(kind=BasisKind.REPORT, reference="r9", text=""), False),
    (Basis(kind=BasisKind.FACT, reference="r1.trapped", text=""), True),
    (Basis(kind=BasisKind.FACT, reference="r1.dead", text=""), False),
    (Basis(kind=BasisKind.SITUATION_REPORT, reference="s1", text=""), True),
    (Basis(kind=BasisKind.SITUATION_REPORT, reference="s2", text=""), False),
    (Basis(kind=BasisKind.DECISION, reference="d1", text=""), True),
    (Basis(kind=BasisKind.DECISION, reference="d2", text=""), False),
    (Basis(kind=BasisKind.READING, reference="竹滩水尺", text="半小时上涨1.2米"), True),
    (Basis(kind=BasisKind.PLAN_CLAUSE, reference="4.2.1", text=""), True),
    (Basis(kind=BasisKind.LAW, reference="防洪法 第四十五条", text=""), True),
    (Basis(kind=BasisKind.RECOMMENDATION, reference="rec-1", text="", position=12), True),
]


@pytest.mark.parametrize(("basis", "there"), BASES, ids=lambda v: str(v)[:60])
def test_what_has_an_id_here_must_be_here(basis: Basis, there: bool) -> None:  # noqa: FBT001
    told = known.told
    asked = given(opened, told, recorded).when(replace(evacuate, basis=(basis,)))

    if there:
        asked.then(replace(proposed, basis=(basis,)))
    else:
        asked.then_refused("BASIS_UNKNOWN")


def test_an_incident_is_not_closed_while_a_decision_lacks_something() -> None:
    for open_ in ((proposed,), (taken,), (taken, approved), (taken, completed)):
        refusal = refused(known.close, opened, recorded, *open_)
        assert (refusal.reason, refusal.context["decisions"]) == ("DECISIONS_OPEN", "d2")
    for whole in ((), (proposed, approved), (proposed, rejected), (taken, completed, approved)):
        given(opened, recorded, *whole).when(known.close).then(known.closed)


def test_a_closed_incident_takes_no_decision() -> None:
    for command in (general, complete, approve, reject, dissent):
        given(opened, known.closed).when(command).then_refused("INCIDENT_CLOSED")


def test_a_class_that_the_table_has_no_more_is_not_approved_by_guess() -> None:
    old = replace(proposed, decision_class="retired")

    given(opened, old).when(approve).then_refused("DECISION_CLASS_UNKNOWN")


def test_a_table_without_the_general_class_is_refused_when_it_is_loaded() -> None:
    with pytest.raises(msgspec.ValidationError, match="no class general"):
        msgspec.json.decode(b'{"version":"1","source":"x","classes":{}}', type=DecisionClasses)


def test_a_decision_of_before_the_classes_reads_as_general_and_in_force() -> None:
    old: dict[str, Any] = {
        "incident_id": "i1",
        "adcode": "431281102",
        "decision_id": "d0",
        "subject": "转移",
        "text": "立即转移",
        "basis": [{"kind": "reading", "reference": "水尺", "text": ""}],
        "approver": "mayor.zhang",
        "authority": "预案",
        "decided_by": "commander.li",
        "occurred_at": "2026-06-18T01:22:30Z",
    }

    event = INCIDENT_CODEC.decode("DecisionRecorded.v1", msgspec.json.encode(old))

    assert isinstance(event, decisions.DecisionRecorded)
    state = decisions.evolve(Decisions(), event)
    assert state.effective("d0")
    assert not state.made["d0"].flagged


def table(name: str) -> Any:
    return msgspec.json.decode((REPOSITORY / "reference" / f"{name}.json").read_bytes())


def test_the_tables_know_each_others_classes_steps_roles_and_posts() -> None:
    words, roles = table("phrases")["words"], table("authority")["roles"]
    posts = table("command_post")["roles"]
    classes = known.RULES.decisions.classes

    assert words["decision_class"] == {key: class_.name for key, class_ in classes.items()}
    for named in ("step", "open_steps"):
        assert words[named].items() >= {step: STEP_NAMES[step] for step in Step}.items()
    for class_ in classes.values():
        if class_.approvers is not None:
            assert all("decision.approve" in roles[role] for role in class_.approvers.roles)
            assert set(class_.approvers.post_roles) <= set(posts)
