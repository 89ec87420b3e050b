"""Who may be registered, replaced and removed, and by whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.notify.domain.contact import (
    INITIAL,
    Audience,
    Channel,
    Contact,
    ContactRegistered,
    ContactRemoved,
    ContactReplaced,
    RegisterContact,
    RemoveContact,
    decide,
    evolve,
)
from services.runtime.actor import Actor
from services.runtime.rejection import Invalid
from tests.notify.facts import NOW, boat_crew, desk, mayor, neighbour, officer
from tests.spec import spec

given = spec(decide, evolve, INITIAL)
registered = ContactRegistered(contact=desk, occurred_at=NOW)
removed = ContactRemoved(contact_id="desk", reason="left the service", occurred_at=NOW)
moved = replace(desk, address="night@hongjiang.example")


def register(contact: Contact, by: Actor = officer) -> RegisterContact:
    return RegisterContact(by=by, contact=contact, occurred_at=NOW)


def remove(by: Actor = officer) -> RemoveContact:
    return RemoveContact(by=by, contact_id="desk", reason="left the service", occurred_at=NOW)


def test_a_contact_is_registered() -> None:
    given().when(register(desk)).then(registered)


def test_registering_the_same_again_changes_nothing() -> None:
    given(registered).when(register(desk)).then()


def test_a_person_has_contacts_of_their_own() -> None:
    given().when(register(mayor)).then(ContactRegistered(contact=mayor, occurred_at=NOW))


def test_another_address_replaces_the_contact() -> None:
    given(registered).when(register(moved)).then(ContactReplaced(contact=moved, occurred_at=NOW))


def test_a_removed_contact_can_come_back() -> None:
    given(registered, removed).when(register(desk)).then(registered)


def test_a_contact_is_removed_once() -> None:
    given(registered).when(remove()).then(removed)
    given(registered, removed).when(remove()).then()


def test_an_unknown_contact_cannot_be_removed() -> None:
    given().when(remove()).then_refused("NO_SUCH_CONTACT")


def test_a_neighbour_may_not_touch_our_duty_officers() -> None:
    given().when(register(desk, neighbour)).then_refused("OUTSIDE_JURISDICTION")
    given(registered).when(remove(neighbour)).then_refused("OUTSIDE_JURISDICTION")
    theirs = replace(desk, adcode="431226")
    given(registered).when(register(theirs, neighbour)).then_refused("OUTSIDE_JURISDICTION")


@pytest.mark.parametrize(
    ("contact", "reason", "field"),
    [
        (replace(boat_crew, unit_id=""), "UNIT_ID_REQUIRED", "unit_id"),
        (replace(desk, adcode=""), "ADCODE_REQUIRED", "adcode"),
        (replace(desk, unit_id="boat-3"), "UNIT_ID_NOT_ALLOWED", "unit_id"),
        (replace(desk, person="mayor.zhang"), "PERSON_NOT_ALLOWED", "person"),
        (replace(mayor, person=""), "PERSON_REQUIRED", "person"),
        (replace(mayor, unit_id="boat-3"), "UNIT_ID_NOT_ALLOWED", "unit_id"),
    ],
)
def test_a_contact_says_whom_it_speaks_for(contact: Contact, reason: str, field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        decide(register(contact), None)
    assert (refusal.value.reason, refusal.value.context["field"]) == (reason, field)


@pytest.mark.parametrize(
    "address",
    [
        "ftp://host/x",
        "http://",
        "http:///path",
        "host.example/hook",
        "https://host:99999/",
        "http://[::1/",
        "http://host/with space",
        "http://host/\r\nX: y",
        "javascript:alert(1)",
        "",
    ],
)
def test_a_webhook_needs_a_url(address: str) -> None:
    given().when(register(replace(boat_crew, address=address))).then_refused("ADDRESS_INVALID")


@pytest.mark.parametrize(
    "address",
    [
        "duty",
        "duty@",
        "@host.example",
        "a b@host.example",
        "a@host",
        "a@b.example\nBcc: c@d.example",
    ],
)
def test_mail_needs_an_address(address: str) -> None:
    given().when(register(replace(desk, address=address))).then_refused("ADDRESS_INVALID")


@pytest.mark.parametrize(
    ("channel", "address"),
    [
        (Channel.WEBHOOK, "https://gateway.example:8443/sms?to=1"),
        (Channel.WEBHOOK, "http://[::1]:80/hook"),
        (Channel.EMAIL, "wang.wei+night@yjj.hongjiang.gov.cn"),
        (Channel.EMAIL, "duty@localhost"),
    ],
)
def test_real_addresses_are_taken(channel: Channel, address: str) -> None:
    contact = replace(boat_crew, channel=channel, address=address)
    given().when(register(contact)).then(ContactRegistered(contact=contact, occurred_at=NOW))


def test_a_crew_of_a_named_region_lies_in_the_registrars() -> None:
    crew = replace(boat_crew, adcode="431226")
    assert crew.audience is Audience.UNIT_CREW
    given().when(register(crew)).then_refused("OUTSIDE_JURISDICTION")
