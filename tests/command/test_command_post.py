"""Who commands, who may pass command on, and what each role allows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import get_args

import pytest

from services.command.domain.incident import decider, post
from services.command.domain.incident.decider import Closed, Event, Merged, Open
from services.command.domain.incident.roles import COMMANDER, MEMBER, Kind
from services.command.domain.incident.series import SituationReportKind
from services.runtime.rejection import Rejection
from tests.command.incidents import (
    CHEN,
    LI,
    ZHANG,
    accept,
    acknowledge,
    acknowledged,
    activate,
    attach,
    close,
    closed,
    decide,
    establish,
    established,
    given,
    grade,
    opened,
    propose,
    proposed,
    record,
    recorded,
    reopen,
    tell,
    terminate,
    transferred,
)
from tests.command.posted import (
    CHIEF,
    DESK,
    HEAD,
    MACHINE,
    PREFECT,
    TABLE,
    assign,
    assigned,
    decline,
    declined,
    disband,
    disbanded,
    field,
    found,
    founded,
    join,
    joined,
    later,
    leave,
    left,
    relieve,
    relieved,
    take,
    taken,
    township,
    withdraw,
    withdrawn,
)

COMMANDED = (opened, established)
OFFERED = (*COMMANDED, proposed)
BRIEFED = (*OFFERED, acknowledged)


def state(*events: Event) -> Open:
    found = decider.fold(events, decider.INITIAL)
    assert isinstance(found, Open)
    return found


def commander(at: datetime, *events: Event) -> str | None:
    held = state(*events).post.succession.at(at)
    return held.commander if held is not None else None


def refused(*events: Event, command: decider.Command) -> Rejection:
    with pytest.raises(Rejection) as refusal:
        decide(command, decider.fold(events, decider.INITIAL))
    return refusal.value


# Handing command over.


def test_command_passes_when_the_briefing_is_acknowledged_and_the_transfer_accepted() -> None:
    given(*COMMANDED).when(propose).then(proposed)
    given(*OFFERED).when(acknowledge).then(acknowledged)
    given(*BRIEFED).when(accept).then(transferred)


def test_nobody_takes_command_on_a_briefing_that_they_have_not_acknowledged() -> None:
    refusal = refused(*OFFERED, command=accept)

    assert refusal.reason == "BRIEFING_NOT_ACKNOWLEDGED"
    assert refusal.context["transfer_id"] == "x1"


def test_a_new_proposal_has_a_new_briefing_to_acknowledge() -> None:
    again = replace(proposed, transfer_id="x2", briefing="三人被困")

    given(*BRIEFED, again).when(accept).then_refused("BRIEFING_NOT_ACKNOWLEDGED")
    given(*BRIEFED, again).when(acknowledge).then_refused("TRANSFER_NOT_PENDING")


def test_only_the_incoming_acknowledges_accepts_and_declines() -> None:
    given(*OFFERED).when(replace(acknowledge, by=CHEN)).then_refused("NO_TRANSFER_PROPOSED")
    given(*BRIEFED).when(replace(accept, by=CHEN)).then_refused("NO_TRANSFER_PROPOSED")
    given(*BRIEFED).when(replace(accept, by=CHEN, transfer_id="x1")).then_refused(
        "NO_TRANSFER_PROPOSED"
    )
    given(*OFFERED).when(replace(decline, by=CHEN)).then_refused("NO_TRANSFER_PROPOSED")


def test_declining_ends_the_proposal() -> None:
    given(*OFFERED).when(decline).then(declined)
    given(*BRIEFED).when(decline).then(declined)
    given(*OFFERED, declined).when(decline).then()
    given(*BRIEFED, declined).when(accept).then_refused("NO_TRANSFER_PROPOSED")
    given(*BRIEFED, declined).when(replace(accept, transfer_id="x1")).then_refused(
        "TRANSFER_NOT_PENDING"
    )


def test_only_the_proposer_withdraws() -> None:
    given(*BRIEFED).when(withdraw).then(withdrawn)
    given(*BRIEFED, withdrawn).when(withdraw).then()
    given(*BRIEFED).when(replace(withdraw, by=ZHANG)).then_refused("NOT_PROPOSER")
    given(*BRIEFED, withdrawn).when(accept).then_refused("NO_TRANSFER_PROPOSED")
    given(*BRIEFED, transferred).when(withdraw).then_refused("TRANSFER_NOT_PENDING")


@pytest.mark.parametrize("command", [acknowledge, replace(accept, transfer_id="x1"), decline])
def test_a_transfer_that_nobody_proposed_is_not_there(command: decider.Act) -> None:
    given(*COMMANDED).when(command).then_refused("NO_SUCH_TRANSFER")


@pytest.mark.parametrize("command", [propose, accept, take, assign, join])
def test_what_needs_a_commander_waits_for_one(command: decider.Act) -> None:
    given(opened).when(command).then_refused("COMMAND_NOT_ESTABLISHED")


def test_an_id_names_one_proposal() -> None:
    given(*OFFERED).when(propose).then()
    given(*OFFERED).when(replace(propose, transfer_id="x2")).then()
    given(*OFFERED).when(replace(propose, briefing="三人被困")).then_refused("TRANSFER_EXISTS")
    given(*OFFERED, withdrawn).when(propose).then_refused("TRANSFER_EXISTS")


def test_everybody_with_a_part_in_the_post_is_concerned() -> None:
    events = decide(accept, state(*BRIEFED, founded, assigned, joined))

    assert [event.concerned for event in events if hasattr(event, "concerned")] == [
        ("commander.li", "mayor.zhang", "chief.wang")
    ]


# From when on.


def test_a_belated_acceptance_rules_from_the_last_act_under_the_old_command() -> None:
    decided = replace(recorded, occurred_at=later(10))
    belated = replace(accept, occurred_at=later(5))

    given(*BRIEFED, decided).when(belated).then(
        replace(transferred, occurred_at=later(5), effective_at=later(10))
    )


def test_registrations_that_others_make_do_not_hold_a_transfer_up() -> None:
    heard = decide(replace(attach, occurred_at=later(10)), state(*BRIEFED))

    given(*BRIEFED, *heard).when(replace(accept, occurred_at=later(5))).then(
        replace(transferred, occurred_at=later(5), effective_at=later(5))
    )


def test_until_a_named_later_instant_the_outgoing_commands() -> None:
    named = replace(proposed, effective_at=later(60))
    scheduled = replace(transferred, occurred_at=later(5), effective_at=later(60))
    history = (opened, established, named, acknowledged, scheduled)

    given(opened, established).when(replace(propose, effective_at=later(60))).then(named)
    given(opened, established, named, acknowledged).when(
        replace(accept, occurred_at=later(5))
    ).then(scheduled)
    assert commander(later(59.9), *history) == "commander.li"
    assert commander(later(60), *history) == "mayor.zhang"
    assert state(*history).post.commander == "commander.li"

    decision = replace(record, occurred_at=later(30))
    given(*history).when(replace(decision, by=ZHANG)).then_refused("ROLE_REQUIRED")
    assert decide(decision, state(*history))
    assert decide(replace(decision, by=ZHANG, occurred_at=later(60)), state(*history))
    given(*history).when(replace(decision, occurred_at=later(60))).then_refused("ROLE_REQUIRED")


def test_an_acceptance_after_the_named_instant_rules_at_once() -> None:
    named = replace(proposed, effective_at=later(10))

    given(opened, established, named, acknowledged).when(
        replace(accept, occurred_at=later(15))
    ).then(replace(transferred, occurred_at=later(15), effective_at=later(15)))


def test_what_is_agreed_for_later_is_passed_on_by_nobody() -> None:
    scheduled = replace(transferred, effective_at=later(60))
    history = (*BRIEFED, scheduled)

    refusal = refused(*history, command=replace(propose, transfer_id="x2", to="chen"))
    assert refusal.reason == "TRANSFER_SCHEDULED"
    assert refusal.context["incoming"] == "mayor.zhang"
    given(*history).when(replace(propose, by=ZHANG, transfer_id="x2", to="chen")).then_refused(
        "NOT_INCIDENT_COMMANDER"
    )
    onward = replace(propose, by=ZHANG, transfer_id="x2", to="chen", occurred_at=later(61))
    assert decide(onward, state(*history))


@pytest.mark.parametrize("minutes", [-1, 72 * 60 + 1])
def test_an_instant_that_has_passed_or_is_far_off_is_refused(minutes: int) -> None:
    refusal = refused(*COMMANDED, command=replace(propose, effective_at=later(minutes)))

    assert (refusal.reason, refusal.context["field"]) == ("TIME_OUT_OF_RANGE", "effective_time")


def test_later_acts_leave_earlier_tenures_as_they_were() -> None:
    back = replace(
        transferred,
        outgoing="mayor.zhang",
        incoming="commander.li",
        occurred_at=later(20),
        effective_at=later(20),
    )
    history = (*BRIEFED, replace(transferred, effective_at=later(10)))
    before = [commander(later(m), *history) for m in range(20)]

    assert [commander(later(m), *history, back) for m in range(20)] == before
    assert commander(later(-1), *history) is None


# Superiors.


def test_a_superior_takes_command_with_a_reason() -> None:
    given(*COMMANDED).when(take).then(taken)
    given(*COMMANDED, taken).when(take).then()


def test_superiority_is_over_who_holds_command() -> None:
    by_county = replace(take, by=LI)

    given(opened, township).when(by_county).then(
        replace(
            taken,
            outgoing="head.anjiang",
            incoming="commander.li",
            jurisdiction="431281",
            concerned=("head.anjiang", "commander.li"),
        )
    )
    for equal in (ZHANG, HEAD):
        refusal = refused(*COMMANDED, command=replace(take, by=equal))
        assert refusal.reason == "NOT_SUPERIOR"
        assert refusal.context["held_for"] == "431281"


def test_the_head_of_the_general_headquarters_is_a_superior_up_to_their_own_level() -> None:
    by_head = replace(take, by=ZHANG)

    assert decide(by_head, state(*COMMANDED, founded))
    given(*COMMANDED, founded, taken).when(by_head).then_refused("NOT_SUPERIOR")
    given(*COMMANDED, founded, disbanded).when(by_head).then_refused("NOT_SUPERIOR")


def test_taking_command_displaces_a_proposal() -> None:
    given(*BRIEFED, taken).when(accept).then_refused("NO_TRANSFER_PROPOSED")
    given(*BRIEFED, taken).when(replace(accept, transfer_id="x1")).then_refused(
        "TRANSFER_NOT_PENDING"
    )


def test_taking_command_voids_what_was_agreed_for_later() -> None:
    scheduled = replace(transferred, effective_at=later(60))
    voiding = replace(
        taken,
        instead_of="mayor.zhang",
        concerned=("commander.li", "mayor.zhang", "prefect.hu"),
        occurred_at=later(30),
        effective_at=later(30),
    )
    history = (*BRIEFED, scheduled)

    given(*history).when(replace(take, occurred_at=later(30))).then(voiding)
    assert commander(later(29), *history, voiding) == "commander.li"
    assert commander(later(61), *history, voiding) == "prefect.hu"


def test_what_a_superior_has_accepted_no_lower_one_takes_before_it_begins() -> None:
    to_prefect = replace(
        transferred, incoming="prefect.hu", jurisdiction="431200", effective_at=later(60)
    )
    history = (opened, township, proposed, acknowledged, to_prefect)

    refusal = refused(*history, command=replace(take, by=LI))
    assert (refusal.reason, refusal.context["commander"]) == ("NOT_SUPERIOR", "prefect.hu")


def test_a_superior_may_propose_a_transfer_but_says_why() -> None:
    ordered = replace(propose, by=PREFECT, reason="请张市长指挥")
    by_order = replace(proposed, proposed_by="prefect.hu", reason="请张市长指挥")

    refusal = refused(*COMMANDED, command=replace(ordered, reason=""))
    assert (refusal.reason, refusal.context["field"]) == ("REASON_REQUIRED", "reason")
    given(*COMMANDED).when(ordered).then(by_order)
    given(*COMMANDED, by_order).when(replace(propose, transfer_id="x2", to="chen")).then_refused(
        "TRANSFER_ORDERED"
    )
    given(*COMMANDED, by_order).when(withdraw).then_refused("NOT_PROPOSER")
    given(*COMMANDED, by_order, acknowledged).when(accept).then(
        replace(transferred, concerned=("commander.li", "mayor.zhang", "prefect.hu"))
    )


def test_nobody_else_proposes() -> None:
    given(*COMMANDED).when(replace(propose, by=CHEN, reason="x")).then_refused(
        "NOT_INCIDENT_COMMANDER"
    )


def test_command_is_held_for_a_region_that_the_founder_covers() -> None:
    for_town = replace(establish, jurisdiction="431281102")

    given(opened).when(for_town).then(replace(established, jurisdiction="431281102"))
    for wrong in ("431200", "431281103", "431281102001"):
        refusal = refused(opened, command=replace(establish, jurisdiction=wrong))
        assert (refusal.reason, refusal.context["got"]) == ("JURISDICTION_OUT_OF_RANGE", wrong)


def test_command_established_belatedly_rules_from_the_last_act() -> None:
    decided = replace(recorded, occurred_at=later(10))

    given(opened, decided).when(establish).then(replace(established, effective_at=later(10)))


# Headquarters, roles, unified command.

Case = tuple[tuple[Event, ...], decider.Act, tuple[Event, ...]]
DONE: list[Case] = [
    ((*COMMANDED,), found, (founded,)),
    ((opened,), found, (founded,)),
    ((*COMMANDED, founded), disband, (disbanded,)),
    ((*COMMANDED,), assign, (assigned,)),
    ((*COMMANDED, assigned), relieve, (relieved,)),
    ((*COMMANDED,), join, (joined,)),
    ((*COMMANDED, joined), leave, (left,)),
    ((*COMMANDED, joined, left), join, (joined,)),
    ((*COMMANDED, assigned, relieved), assign, (assigned,)),
]


@pytest.mark.parametrize(("history", "command", "events"), DONE)
def test_what_is_asked_of_the_organisation_is_done_once(
    history: tuple[Event, ...], command: decider.Act, events: tuple[Event, ...]
) -> None:
    given(*history).when(command).then(*events)
    given(*history, *events).when(command).then()


def test_headquarters_stand_under_those_above_them() -> None:
    special = replace(found, headquarters_id="h3", kind=Kind.SPECIAL, parent_id="h1", head="chen")

    assert decide(special, state(*COMMANDED, founded))
    given(*COMMANDED).when(special).then_refused("NO_SUCH_HEADQUARTERS")
    given(*COMMANDED, founded, disbanded).when(special).then_refused("HEADQUARTERS_CLOSED")
    under_field = replace(special, parent_id="h2")
    given(*COMMANDED, founded, field).when(under_field).then_refused("HEADQUARTERS_NOT_ABOVE")
    given(*COMMANDED, founded, field).when(disband).then_refused("HEADQUARTERS_NOT_EMPTY")


def test_an_incident_has_one_general_headquarters() -> None:
    second = replace(found, headquarters_id="h9")

    given(*COMMANDED, founded).when(second).then_refused("HEADQUARTERS_STANDS")
    assert decide(second, state(*COMMANDED, founded, disbanded))
    given(*COMMANDED, founded).when(replace(found, name="另一个")).then_refused(
        "HEADQUARTERS_EXISTS"
    )
    given(*COMMANDED, founded, disbanded).when(found).then_refused("HEADQUARTERS_EXISTS")


def test_one_person_holds_a_single_role_several_the_others() -> None:
    other = replace(assign, subject="chen")

    refusal = refused(*COMMANDED, assigned, command=other)
    assert (refusal.reason, refusal.context["holder"]) == ("ROLE_HELD", "chief.wang")
    members = replace(assigned, role="rescue_member", title="抢险救援组成员")
    given(*COMMANDED, members).when(replace(other, role="rescue_member")).then(
        replace(members, subject="chen")
    )


def test_a_headquarters_always_has_its_head() -> None:
    head = replace(assign, headquarters_id="h1", role="commander_in_chief", subject="chen")
    gone = replace(relieve, headquarters_id="h1", role="commander_in_chief", subject="mayor.zhang")
    followed = decide(head, state(*COMMANDED, founded))

    assert followed == [
        replace(
            relieved,
            headquarters_id="h1",
            role="commander_in_chief",
            title="总指挥",
            subject="mayor.zhang",
            reason="SUCCEEDED",
        ),
        replace(
            assigned,
            headquarters_id="h1",
            role="commander_in_chief",
            title="总指挥",
            subject="chen",
        ),
    ]
    given(*COMMANDED, founded).when(gone).then_refused("HEAD_REQUIRED")
    given(*COMMANDED, founded, *followed).when(head).then()


@pytest.mark.parametrize(
    "role", ["commander_in_chief", COMMANDER, MEMBER, "admiral", "field_commander"]
)
def test_a_role_is_held_where_the_catalogue_says(role: str) -> None:
    refusal = refused(*COMMANDED, founded, command=replace(assign, role=role))

    assert refusal.reason == "ROLE_UNKNOWN"
    assert "rescue_lead" in refusal.context["allowed"]


def test_who_never_held_a_role_is_not_relieved_of_it() -> None:
    given(*COMMANDED).when(relieve).then_refused("ROLE_NOT_HELD")
    given(*COMMANDED).when(leave).then_refused("AGENCY_NOT_JOINED")


def test_an_agency_speaks_through_one_member() -> None:
    given(*COMMANDED, joined).when(replace(join, member="chen")).then_refused("AGENCY_REPRESENTED")
    given(*COMMANDED, joined).when(replace(join, agency="武警", member="chen")).then(
        replace(joined, agency="武警", member="chen")
    )


def test_roles_end_with_their_headquarters() -> None:
    in_field = replace(assigned, headquarters_id="h2")
    closing = replace(disbanded, headquarters_id="h2", effective_at=later(10))
    after = state(*COMMANDED, founded, field, in_field, closing).post

    assert after.roles_of("chief.wang", later(9)) == {"rescue_lead"}
    assert after.roles_of("chief.wang", later(10)) == set()
    assert after.roles_of("mayor.zhang", later(10)) == {"commander_in_chief"}


# What roles allow.


def test_assisting_is_not_commanding() -> None:
    assisting = replace(assigned, role="rescue_member", title="抢险救援组成员")
    by_helper = replace(record, by=CHIEF)

    refusal = refused(*COMMANDED, assisting, joined, command=by_helper)
    assert refusal.reason == "ROLE_REQUIRED"
    assert refusal.context["capability"] == "decide"
    assert "field_commander" in refusal.context["roles"].split(",")
    assert refusal.context["commander"] == "commander.li"
    deputy = replace(assigned, role="deputy_commander", title="副指挥长")
    assert decide(by_helper, state(*COMMANDED, deputy))


def test_before_command_is_established_nobody_needs_a_role() -> None:
    assert decide(replace(record, by=CHIEF), state(opened))


def test_the_duty_desk_registers_and_does_not_command() -> None:
    commanded = state(*COMMANDED)

    for registration in (attach, grade, activate, tell):
        assert decide(replace(registration, by=DESK), commanded)
    given(*COMMANDED).when(replace(record, by=DESK)).then_refused("ROLE_REQUIRED")
    given(*COMMANDED).when(replace(close, by=DESK)).then_refused("ROLE_REQUIRED")


def test_services_are_not_bound_by_roles() -> None:
    assert decide(replace(close, by=MACHINE), state(*COMMANDED))


def test_reopening_needs_no_role() -> None:
    was = decider.fold((*COMMANDED, closed), decider.INITIAL)
    reopening = replace(reopen, by=CHEN)

    assert decide(reopening, was)


def test_a_superior_responds_and_decides_without_a_role() -> None:
    commanded = state(opened, township)

    assert decide(replace(activate, by=LI), commanded)
    assert decide(replace(record, by=LI), commanded)
    given(opened, township).when(replace(close, by=LI)).then_refused("ROLE_REQUIRED")


def test_what_was_done_in_office_may_be_put_on_record_later() -> None:
    gone = replace(transferred, effective_at=later(10), occurred_at=later(10))
    history = (*BRIEFED, gone)

    assert decide(replace(record, occurred_at=later(5)), state(*history))
    assert decide(replace(record, by=CHEN, occurred_at=later(-5)), state(*history))
    given(*history).when(replace(record, occurred_at=later(11))).then_refused("ROLE_REQUIRED")
    given(*history).when(replace(record, by=CHEN, occurred_at=later(5))).then_refused(
        "ROLE_REQUIRED"
    )


def test_what_changes_the_present_is_not_done_in_the_past() -> None:
    gone = replace(transferred, effective_at=later(10), occurred_at=later(10))

    for moment in (later(-5), later(5)):
        given(*BRIEFED, gone).when(replace(close, occurred_at=moment)).then_refused("ROLE_REQUIRED")
        given(*BRIEFED, gone).when(replace(terminate, by=CHEN, occurred_at=moment)).then_refused(
            "ROLE_REQUIRED"
        )


def test_appointing_a_head_takes_more_than_organising() -> None:
    coordinator = replace(assigned, role="coordination_lead", title="综合协调组组长")
    by_coordinator = replace(assign, by=CHIEF, role="supplies_lead", subject="chen")
    head = replace(by_coordinator, headquarters_id="h1", role="commander_in_chief")

    assert decide(by_coordinator, state(*COMMANDED, coordinator))
    refusal = refused(*COMMANDED, founded, coordinator, command=head)
    assert (refusal.reason, refusal.context["capability"]) == ("ROLE_REQUIRED", "found")
    given(*COMMANDED, coordinator).when(replace(found, by=CHIEF)).then_refused("ROLE_REQUIRED")


def test_a_situation_report_is_the_desks_or_the_posts() -> None:
    by_helper = replace(tell, by=CHIEF, kind=SituationReportKind.INITIAL)

    given(*COMMANDED).when(by_helper).then_refused("ROLE_REQUIRED")
    unit = replace(assigned, role="situation_unit_leader", title="态势单元负责人")
    assert decide(by_helper, state(*COMMANDED, unit))


def test_a_closed_incident_keeps_its_commander() -> None:
    was = decider.fold((*COMMANDED, closed), decider.INITIAL)

    assert isinstance(was, Closed)
    assert was.was.post.commander == "commander.li"
    given(*COMMANDED, closed).when(take).then_refused("INCIDENT_CLOSED")
    assert not isinstance(was, Merged)


# The catalogue.


def test_every_act_is_in_the_catalogue() -> None:
    acts = {act.__name__ for act in get_args(decider.Act)}

    assert set(TABLE.commands) - acts == {post.APPOINT_HEAD}
    assert acts - set(TABLE.commands) == set()


def test_the_catalogue_fits_together() -> None:
    known = set(TABLE.capabilities)

    for needed in TABLE.commands.values():
        assert not needed.capability or TABLE.granting(needed.capability)
    for role in TABLE.roles.values():
        assert set(role.capabilities) <= known
    for kind, rule in TABLE.headquarters.items():
        head = TABLE.roles[rule.head]
        assert head.single
        assert head.at == (kind,)
        assert kind not in rule.under
    assert set(TABLE.headquarters) == set(Kind) - {Kind.POST}
    assert set(TABLE.superiors.roles) <= set(TABLE.roles)
    assert set(TABLE.roles[COMMANDER].capabilities) == known
    assert {COMMANDER, MEMBER} <= {id_ for id_, role in TABLE.roles.items() if not role.at}


def test_the_catalogue_has_icss_roles_and_the_chinese_working_groups() -> None:
    groups = {id_.removesuffix("_lead") for id_ in TABLE.roles if id_.endswith("_lead")}

    assert groups == {
        "coordination",
        "rescue",
        "medical",
        "supplies",
        "order",
        "lifelines",
        "monitoring",
        "evacuation",
        "publicity",
        "experts",
        "aftermath",
        "assessment",
    }
    assert all(f"{group}_member" in TABLE.roles for group in groups)
    heads = {rule.head for rule in TABLE.headquarters.values()} | {"deputy_commander_in_chief"}
    of_groups = {id_ for id_ in TABLE.roles if id_.endswith(("_lead", "_member"))} - {MEMBER}
    assert len(set(TABLE.roles) - of_groups - heads) == 31
