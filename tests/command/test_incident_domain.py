"""An incident's rules, one by one: response, command, decisions, situation reports, closure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.command.domain.incident.decider import Act, Event
from services.command.domain.incident.series import SituationReportKind
from tests.command.incidents import (
    ACTS,
    CHEN,
    LI,
    STRANGER,
    ZHANG,
    accept,
    acknowledge,
    acknowledged,
    activated,
    attach,
    attached,
    close,
    closed,
    establish,
    established,
    given,
    open_,
    opened,
    propose,
    proposed,
    record,
    recorded,
    reopen,
    reopened,
    tell,
    terminated,
    told,
    transferred,
)

follow_up = replace(tell, situation_report_id="s2", kind=SituationReportKind.FOLLOW_UP)
followed_up = replace(
    told,
    situation_report_id="s2",
    kind=SituationReportKind.FOLLOW_UP,
    number=2,
    contents={key: text for key, text in told.contents.items() if key != "disaster_kind"},
)
final = replace(tell, situation_report_id="s9", kind=SituationReportKind.FINAL)
finished = replace(told, situation_report_id="s9", kind=SituationReportKind.FINAL, number=2)

DONE: list[tuple[tuple[Event, ...], Act, Event]] = [
    ((opened,), attach, attached),
    ((opened,), establish, established),
    ((opened, established), propose, proposed),
    ((opened, established, proposed), acknowledge, acknowledged),
    ((opened, established, proposed, acknowledged), accept, transferred),
    ((opened,), record, recorded),
    ((opened,), tell, told),
    ((opened, told), follow_up, followed_up),
    ((opened, told), final, finished),
    ((opened,), close, closed),
    ((opened, activated, terminated), close, closed),
    ((opened, closed), reopen, reopened),
]


@pytest.mark.parametrize(
    ("history", "command", "event"), DONE, ids=lambda v: type(v).__name__ if v else ""
)
def test_what_is_asked_is_done(history: tuple[Event, ...], command: Act, event: Event) -> None:
    given(*history).when(command).then(event)


@pytest.mark.parametrize(
    ("history", "command", "event"), DONE, ids=lambda v: type(v).__name__ if v else ""
)
def test_what_is_done_is_not_done_again(
    history: tuple[Event, ...], command: Act, event: Event
) -> None:
    again = given(*history, event)
    if isinstance(command, (type(tell), type(record))):
        again.when(command).then_refused(
            {
                type(tell): "SITUATION_REPORT_EXISTS",
                type(record): "DECISION_EXISTS",
            }[type(command)]
        )
    else:
        again.when(command).then()


def test_an_incident_opens_once_for_its_report() -> None:
    given().when(open_).then(opened)
    given(opened).when(open_).then()
    given(opened, closed).when(open_).then()


def test_an_incident_that_another_report_opened_is_taken() -> None:
    given(opened).when(replace(open_, report_id="r2")).then_refused("INCIDENT_EXISTS")
    given(opened, closed).when(replace(open_, report_id="r2")).then_refused("INCIDENT_EXISTS")
    given(opened, attached).when(replace(open_, report_id="r2")).then()


@pytest.mark.parametrize("command", ACTS, ids=lambda c: type(c).__name__)
def test_nothing_is_done_about_an_incident_that_is_not_there(command: Act) -> None:
    given().when(command).then_refused("NO_SUCH_INCIDENT")


@pytest.mark.parametrize("command", ACTS, ids=lambda c: type(c).__name__)
def test_nothing_is_done_from_outside_the_region(command: Act) -> None:
    foreign = replace(command, by=STRANGER)

    given(opened).when(foreign).then_refused("OUTSIDE_JURISDICTION")
    given(opened, closed).when(foreign).then_refused("OUTSIDE_JURISDICTION")


@pytest.mark.parametrize("command", ACTS[:-2], ids=lambda c: type(c).__name__)
def test_a_closed_incident_is_read_only(command: Act) -> None:
    given(opened, established, closed).when(command).then_refused("INCIDENT_CLOSED")


def test_closing_what_is_closed_and_reopening_what_is_open_changes_nothing() -> None:
    given(opened, closed).when(close).then()
    given(opened).when(reopen).then()


def test_a_reopened_incident_is_as_it_was() -> None:
    given(opened, established, closed, reopened).when(propose).then(proposed)
    given(opened, recorded, closed, reopened).when(record).then_refused("DECISION_EXISTS")


def test_an_incident_does_not_close_over_an_active_response() -> None:
    given(opened, activated).when(close).then_refused("RESPONSE_ACTIVE")


def test_command_is_established_once() -> None:
    other = replace(establish, commander="chen")

    given(opened, established).when(other).then_refused("COMMAND_ESTABLISHED")
    given(opened, established).when(replace(establish, command_post="二中")).then_refused(
        "COMMAND_ESTABLISHED"
    )


def test_command_that_nobody_holds_is_not_handed_over() -> None:
    given(opened).when(propose).then_refused("COMMAND_NOT_ESTABLISHED")
    given(opened).when(accept).then_refused("COMMAND_NOT_ESTABLISHED")


def test_only_the_commander_offers_command() -> None:
    given(opened, established).when(replace(propose, by=CHEN)).then_refused(
        "NOT_INCIDENT_COMMANDER"
    )
    given(opened, established, proposed, transferred).when(propose).then_refused(
        "NOT_INCIDENT_COMMANDER"
    )


def test_only_whom_it_was_offered_to_takes_command() -> None:
    given(opened, established).when(accept).then_refused("NO_TRANSFER_PROPOSED")
    given(opened, established, proposed).when(replace(accept, by=CHEN)).then_refused(
        "NO_TRANSFER_PROPOSED"
    )


def test_the_newest_offer_is_the_one_that_stands() -> None:
    to_chen = replace(proposed, transfer_id="x2", incoming="chen")
    read = replace(acknowledged, transfer_id="x2", incoming="chen")
    history = (opened, established, proposed, acknowledged, to_chen)

    given(*history).when(accept).then_refused("NO_TRANSFER_PROPOSED")
    given(*history).when(replace(accept, by=CHEN)).then_refused("BRIEFING_NOT_ACKNOWLEDGED")
    given(*history, read).when(replace(accept, by=CHEN)).then(
        replace(transferred, transfer_id="x2", incoming="chen", concerned=("commander.li", "chen"))
    )


def test_an_offer_ends_with_the_transfer() -> None:
    handed_back = replace(transferred, outgoing="mayor.zhang", incoming="commander.li")
    history = (opened, established, proposed, transferred, handed_back)

    given(*history).when(accept).then_refused("NO_TRANSFER_PROPOSED")


def test_an_offer_may_be_made_again_with_another_briefing() -> None:
    newer = replace(propose, transfer_id="x2", briefing="三人被困")

    given(opened, established, proposed).when(newer).then(
        replace(proposed, transfer_id="x2", briefing="三人被困")
    )


def test_offering_command_to_oneself_changes_nothing() -> None:
    given(opened, established).when(replace(propose, to=LI.subject)).then()


def test_who_commands_already_need_not_accept() -> None:
    given(opened, established).when(replace(accept, by=LI)).then()


def test_the_series_of_situation_reports_begins_with_one_initial() -> None:
    given(opened).when(follow_up).then_refused("SITUATION_REPORT_OUT_OF_SERIES")
    given(opened).when(final).then_refused("SITUATION_REPORT_OUT_OF_SERIES")
    given(opened, told).when(replace(tell, situation_report_id="s2")).then_refused(
        "SITUATION_REPORT_OUT_OF_SERIES"
    )


def test_the_final_situation_report_ends_the_series() -> None:
    given(opened, told, finished).when(follow_up).then_refused("SITUATION_REPORT_OUT_OF_SERIES")


def test_reopening_lets_the_series_go_on() -> None:
    history = (opened, told, finished, closed, reopened)

    given(*history).when(follow_up).then(replace(followed_up, number=3))
    given(*history).when(replace(tell, situation_report_id="s3")).then_refused(
        "SITUATION_REPORT_OUT_OF_SERIES"
    )


def test_a_decision_says_who_decided() -> None:
    given(opened).when(replace(record, by=ZHANG)).then(replace(recorded, decided_by="mayor.zhang"))
