"""Notify as its own process, over gRPC, NATS and HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from lxml import etree
from nats.aio.client import Client
from nats.js.client import JetStreamContext

from anlan.events.v1 import assignment_events_pb2 as assignment_pb
from anlan.events.v1 import incident_events_pb2 as incident_pb
from anlan.events.v1 import notification_events_pb2 as notification_events
from anlan.events.v1 import warning_events_pb2 as warning_events
from anlan.notify.v1 import contact_service_pb2 as contact_pb
from anlan.notify.v1 import notification_service_pb2 as notification_pb
from anlan.notify.v1 import warning_service_pb2 as warning_pb
from anlan.notify.v1.contact_service_pb2_grpc import ContactServiceStub
from anlan.notify.v1.notification_service_pb2_grpc import NotificationServiceStub
from anlan.notify.v1.warning_service_pb2_grpc import WarningServiceStub
from anlan.type.v1 import place_pb2, read_pb2
from services.runtime import broker as nats_broker
from services.runtime.cause import Cause
from services.runtime.published import Publication, headers, received
from services.runtime.recorded import Recorded
from services.runtime.times import to_proto
from tests.broker import Broker
from tests.node import Node
from tests.notify.bench import LATER
from tests.notify.board import Board, assignment, serve
from tests.notify.facts import officer
from tests.notify.receivers import Hook
from tests.notify.test_cap import CAP, SCHEMA
from tests.service import Caller, Service, Tokens, free_port, refusal, request_id

PENDING = notification_pb.NOTIFICATION_STATE_PENDING
SENT = notification_pb.NOTIFICATION_STATE_SENT
PARKED = notification_pb.NOTIFICATION_STATE_PARKED
SUPPRESSED = notification_pb.NOTIFICATION_STATE_SUPPRESSED
ACKNOWLEDGED = notification_pb.NOTIFICATION_STATE_ACKNOWLEDGED


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    return Tokens(tmp_path_factory.mktemp("tokens"))


@pytest.fixture(scope="module")
def dispatch_address() -> str:
    """Where dispatch would be."""
    return f"127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def notify(
    tmp_path_factory: pytest.TempPathFactory,
    tokens: Tokens,
    node: Node,
    broker: Broker,
    dispatch_address: str,
) -> Iterator[Service]:
    service = Service.start(
        "notify",
        tmp_path_factory.mktemp("notify"),
        tokens,
        node.uri,
        broker.url,
        delivery_backoff_s="0.02",
        delivery_max_attempts="3",
        dispatch_address=dispatch_address,
    )
    try:
        yield service
    finally:
        service.kill()


@pytest.fixture
async def channel(notify: Service) -> AsyncIterator[grpc.aio.Channel]:
    async with notify.channel() as opened:
        yield opened


@pytest.fixture
async def js(broker: Broker) -> AsyncIterator[JetStreamContext]:
    client: Client = await nats_broker.connect(broker.url, "test")
    js = client.jetstream()
    await nats_broker.ensure_stream(js, "ANLAN_DISPATCH", ["anlan.*.assignment.>"])
    await nats_broker.ensure_stream(js, "ANLAN_COMMAND", ["anlan.*.report.>", "anlan.*.incident.>"])
    yield js
    await client.close()


class Desk:
    """One caller's hands on the three APIs."""

    def __init__(self, channel: grpc.aio.Channel, caller: Caller) -> None:
        self.caller = caller
        self.contacts: Any = ContactServiceStub(channel)
        self.notifications: Any = NotificationServiceStub(channel)
        self.warnings: Any = WarningServiceStub(channel)

    def register(self, contact_id: str, address: str, **more: Any) -> Any:
        fields = {
            "request_id": request_id(),
            "contact_id": contact_id,
            "audience": contact_pb.AUDIENCE_UNIT_CREW,
            "unit_id": contact_id,
            "channel": contact_pb.CHANNEL_WEBHOOK,
            "address": address,
            **more,
        }
        request = contact_pb.RegisterContactRequest(**fields)
        return self.contacts.RegisterContact(request, metadata=self.caller.metadata)

    def listed(self, **filters: Any) -> Any:
        request = notification_pb.ListNotificationsRequest(**filters)
        return self.notifications.ListNotifications(request, metadata=self.caller.metadata)

    async def settled(self, incident_id: str, state: int, count: int = 1) -> list[Any]:
        """Ask until so many notifications of the incident are in ``state``."""
        async with asyncio.timeout(20):
            while True:
                answer = await self.listed(incident_id=incident_id)
                if [n.state for n in answer.notifications].count(state) >= count:
                    return list(answer.notifications)

    def acknowledge(self, notification_id: str) -> Any:
        request = notification_pb.AcknowledgeNotificationRequest(
            request_id=request_id(), notification_id=notification_id
        )
        return self.notifications.AcknowledgeNotification(request, metadata=self.caller.metadata)

    def retry(self, notification_id: str) -> Any:
        request = notification_pb.RetryNotificationRequest(
            request_id=request_id(), notification_id=notification_id, reason="修好了"
        )
        return self.notifications.RetryNotification(request, metadata=self.caller.metadata)


@pytest.fixture
def admin(channel: grpc.aio.Channel, tokens: Tokens) -> Desk:
    return Desk(channel, tokens.caller("wang", "administrator"))


async def happened(
    js: JetStreamContext, message: Message, *, exercise: str = "", id_: UUID | None = None
) -> UUID:
    """Publish a public event as its owner's relay does."""
    key = id_ or uuid4()
    cause = Cause(
        command_id=uuid4(),
        causation_id="c",
        correlation_id="i",
        actor=officer,
        exercise=exercise,
    )
    event = Recorded(
        id=key,
        type="Private.v1",
        stream="assignment-a1",
        revision=0,
        position=next(LATER),
        created_at=datetime.now(UTC),
        data=b"",
        metadata=cause.metadata(),
    )
    name = message.DESCRIPTOR.name
    category = message.DESCRIPTOR.file.name.split("/")[-1].removesuffix("_events.proto")
    publication = Publication(
        subject=f"anlan.431281102.{category}.{name}.a1",
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
    )
    carried = headers(event, publication, "/anlan/dispatch")
    if id_ is not None:
        del carried["Nats-Msg-Id"]  # past the broker's own window against repetitions
    await js.publish(publication.subject, publication.payload, headers=carried)
    return key


def dispatched(unit_id: str) -> assignment_pb.UnitDispatched:
    return assignment_pb.UnitDispatched(
        assignment_id=f"a-{unit_id}",
        incident_id=f"i-{unit_id}",
        unit_id=unit_id,
        unit_kind="boat",
        destination=place_pb2.Place(adcode="431281102", address="下坪村"),
        order="转移群众",
        occur_time=to_proto(datetime.now(UTC)),
    )


def stamp(moment: datetime) -> Timestamp:
    result = to_proto(moment)
    assert result is not None
    return result


async def test_a_dispatch_reaches_the_crew_once_and_the_crew_answers(
    admin: Desk, js: JetStreamContext, tokens: Tokens, channel: grpc.aio.Channel
) -> None:
    async with Hook() as hook:
        await admin.register("boat-1", hook.url)
        message = dispatched("boat-1")
        event_id = await happened(js, message)
        [post] = await hook.got(1)
        assert post.body["text"].startswith("boat-1 立即赶赴湖南省怀化市洪江市安江镇下坪村")
        await happened(js, message, id_=event_id)  # the broker delivers again
        await happened(js, dispatched("boat-1"))  # and then something new
        await hook.got(2)
        assert len({post.headers["idempotency-key"] for post in hook.posts}) == len(hook.posts) == 2
        [told, *_] = reversed(await admin.settled("i-boat-1", SENT, 2))
    assert (told.event_id, told.contact_id, told.attempts) == (str(event_id), "boat-1", 1)
    crew = Desk(channel, tokens.caller("li", "crew"))
    first = await crew.acknowledge(told.notification_id)
    again = await crew.acknowledge(told.notification_id)
    assert (again.etag, again.position) == (first.etag, first.position)
    answer = await admin.notifications.GetNotification(
        notification_pb.GetNotificationRequest(
            notification_id=told.notification_id,
            read=read_pb2.ReadOptions(min_position=first.position),
        ),
        metadata=admin.caller.metadata,
    )
    assert answer.notification.state == ACKNOWLEDGED
    assert answer.notification.acknowledged_by == "li"
    assert answer.notification.etag == first.etag
    before = await admin.notifications.GetNotification(
        notification_pb.GetNotificationRequest(
            notification_id=told.notification_id,
            read=read_pb2.ReadOptions(as_of_position=first.position - 1),
        ),
        metadata=admin.caller.metadata,
    )
    assert before.notification.state == SENT


async def test_a_crew_is_told_of_the_incident_once_dispatch_can_say_who_is_there(
    admin: Desk, js: JetStreamContext, dispatch_address: str
) -> None:
    async with Hook() as hook:
        await admin.register("boat-6", hook.url)
        closed = incident_pb.IncidentClosed(
            incident_id="i-boat-6", occur_time=to_proto(datetime.now(UTC))
        )
        await happened(js, closed)
        board = Board([assignment("boat-6", "i-boat-6")])  # type: ignore[abstract]
        server, _ = await serve(board, dispatch_address)
        try:
            [post] = await hook.got(1)
        finally:
            await server.stop(None)
        assert post.body["text"].endswith("编号 i-boat-6。")
    assert {asked.incident_id for asked in board.asked} == {"i-boat-6"}


async def test_what_failed_too_often_is_listed_published_and_tried_again_when_asked(
    admin: Desk, js: JetStreamContext
) -> None:
    async with Hook(lambda number: 503 if number <= 3 else 200) as hook:
        await admin.register("boat-2", hook.url)
        await happened(js, dispatched("boat-2"))
        [parked] = await admin.settled("i-boat-2", PARKED)
        assert (parked.attempts, parked.last_error) == (3, "HTTP 503 X")
        listed = await admin.listed(state=PARKED)
        assert parked.notification_id in {n.notification_id for n in listed.notifications}
        await admin.retry(parked.notification_id)
        [sent] = await admin.settled("i-boat-2", SENT)
        assert sent.attempts == 4
    subscription = await js.subscribe(
        f"anlan.431281102.notification.NotificationParked.{parked.notification_id}",
        stream="ANLAN_NOTIFY",
        ordered_consumer=True,
    )
    delivered = await subscription.next_msg(timeout=10)
    event = notification_events.NotificationParked.FromString(delivered.data)
    assert (event.contact_id, event.incident_id) == ("boat-2", "i-boat-2")
    assert event.last_error == "HTTP 503 X"
    assert received(delivered.headers or {}, delivered.data).metadata["actor"] == "notify"


async def test_a_drill_reaches_only_those_who_are_there_for_drills(
    admin: Desk, js: JetStreamContext
) -> None:
    async with Hook() as live, Hook() as drill:
        await admin.register("boat-3", live.url)
        await admin.register("sim-3", drill.url, unit_id="boat-3", exercise_only=True)
        await happened(js, dispatched("boat-3"), exercise="drill-7")
        await drill.got(1)
        told = await admin.settled("i-boat-3", SUPPRESSED)
        await admin.settled("i-boat-3", SENT)
        assert {n.contact_id: n.exercise for n in told} == dict.fromkeys(
            ("boat-3", "sim-3"), "drill-7"
        )
        assert live.posts == []
        await happened(js, dispatched("boat-3"))
        await live.got(1)
        assert len(drill.posts) == 1


async def test_a_process_killed_in_the_middle_loses_nothing(
    admin: Desk, js: JetStreamContext, notify: Service
) -> None:
    async with Hook(lambda number: Hook.HANG if number == 1 else 200) as stuck, Hook() as fine:
        await admin.register("boat-4", fine.url)
        await admin.register("boat-5", stuck.url)
        await happened(js, dispatched("boat-5"))
        await stuck.got(1)
        notify.kill()
        keys = [await happened(js, dispatched("boat-4")) for _ in range(5)]
        await asyncio.to_thread(notify.restart)
        await fine.got(len(keys))
        told = await admin.settled("i-boat-4", SENT, len(keys))
        assert {n.event_id for n in told} == {str(key) for key in keys}
        [waiting] = (await admin.listed(incident_id="i-boat-5")).notifications
        assert (waiting.state, waiting.attempts) == (PENDING, 1)  # due when its lease is over


async def test_contacts_are_listed_by_page_and_gone_once_removed(admin: Desk) -> None:
    for number in range(3):
        last = await admin.register(f"paged-{number}", "https://x.example/", unit_id="paged")
    same = await admin.register("paged-2", "https://x.example/", unit_id="paged")
    assert (same.etag, same.position) == (last.etag, last.position)
    removed = await admin.contacts.RemoveContact(
        contact_pb.RemoveContactRequest(
            request_id=request_id(), contact_id="paged-1", reason="转岗"
        ),
        metadata=admin.caller.metadata,
    )
    found, page = [], ""
    while True:
        answer = await admin.contacts.ListContacts(
            contact_pb.ListContactsRequest(
                page_size=1,
                page_token=page,
                unit_id="paged",
                read=read_pb2.ReadOptions(min_position=removed.position),
            ),
            metadata=admin.caller.metadata,
        )
        found += [contact.contact_id for contact in answer.contacts]
        page = answer.next_page_token
        if not page:
            break
    assert found == ["paged-0", "paged-2"]
    assert answer.freshness.position >= removed.position


@pytest.mark.parametrize(
    ("more", "reason", "field"),
    [
        ({"unit_id": ""}, "UNIT_ID_REQUIRED", "unit_id"),
        ({"address": "not a url"}, "ADDRESS_INVALID", "address"),
        ({"adcode": "999999"}, "ADCODE_UNKNOWN", "adcode"),
        (
            {"audience": contact_pb.AUDIENCE_DUTY_OFFICER, "unit_id": ""},
            "ADCODE_REQUIRED",
            "adcode",
        ),
    ],
)
async def test_a_refusal_names_the_field(
    admin: Desk, more: dict[str, Any], reason: str, field: str
) -> None:
    refused = await refusal(admin.register("wrong", **{"address": "http://x.example", **more}))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert (refused.reason, refused.fields) == (reason, (field,))


async def test_unknown_things_are_not_found_and_a_crew_registers_nobody(
    admin: Desk, tokens: Tokens, channel: grpc.aio.Channel
) -> None:
    assert (await refusal(admin.acknowledge("nothing"))).reason == "NO_SUCH_NOTIFICATION"
    assert (await refusal(admin.retry("nothing"))).code is grpc.StatusCode.NOT_FOUND
    request = warning_pb.GetWarningRequest(warning_id="nothing")
    missing = admin.warnings.GetWarning(request, metadata=admin.caller.metadata)
    assert (await refusal(missing)).reason == "NO_SUCH_WARNING"
    crew = Desk(channel, tokens.caller("li", "crew"))
    refused = await refusal(crew.register("x", "http://x.example"))
    assert refused.code is grpc.StatusCode.PERMISSION_DENIED


def draft(**more: Any) -> warning_pb.DraftWarningRequest:
    fields = {
        "request_id": request_id(),
        "incident_id": "i1",
        "category": warning_pb.WARNING_CATEGORY_MET,
        "type_code": "11B03",
        "color": warning_pb.WARNING_COLOR_RED,
        "urgency": warning_pb.URGENCY_IMMEDIATE,
        "certainty": warning_pb.CERTAINTY_OBSERVED,
        "headline": "暴雨红色预警",
        "description": "3小时雨量已达100毫米。",
        "instruction": "立即转移。",
        "adcodes": ["431281102", "431281101"],
        "expire_time": stamp(datetime.now(UTC) + timedelta(hours=3)),
        **more,
    }
    return warning_pb.DraftWarningRequest(**fields)


@pytest.mark.parametrize(("exercise", "status"), [("", "Draft"), ("drill-7", "Exercise")])
async def test_a_draft_is_a_valid_cap_document_and_is_published(
    channel: grpc.aio.Channel,
    tokens: Tokens,
    js: JetStreamContext,
    exercise: str,
    status: str,
) -> None:
    officer_desk = Desk(channel, tokens.caller("wang", "duty_officer", exercise=exercise))
    metadata = officer_desk.caller.metadata
    request = draft()
    drafted = await officer_desk.warnings.DraftWarning(request, metadata=metadata)
    assert await officer_desk.warnings.DraftWarning(request, metadata=metadata) == drafted
    answer = await officer_desk.warnings.GetWarning(
        warning_pb.GetWarningRequest(
            warning_id=drafted.warning_id,
            read=read_pb2.ReadOptions(min_position=drafted.position),
        ),
        metadata=metadata,
    )
    document = etree.fromstring(answer.cap_xml.encode())
    SCHEMA.assertValid(document)
    assert document.findtext("c:status", namespaces=CAP) == status
    assert answer.warning.drafted_by == "wang"
    assert answer.warning.exercise == exercise
    listed = await officer_desk.warnings.ListWarnings(
        warning_pb.ListWarningsRequest(incident_id="i1"), metadata=metadata
    )
    assert drafted.warning_id in {warning.warning_id for warning in listed.warnings}
    subscription = await js.subscribe(
        f"anlan.431281.warning.WarningDrafted.{drafted.warning_id}",
        stream="ANLAN_NOTIFY",
        ordered_consumer=True,
    )
    event = warning_events.WarningDrafted.FromString((await subscription.next_msg(timeout=10)).data)
    assert list(event.adcodes) == ["431281102", "431281101"]
    assert event.color == warning_pb.WARNING_COLOR_RED


@pytest.mark.parametrize(
    ("more", "reason", "field"),
    [
        ({"type_code": "99Z99"}, "TYPE_CODE_UNKNOWN", "type_code"),
        ({"adcodes": ["110101"]}, "ADCODE_UNKNOWN", "adcodes"),
        ({"expire_time": Timestamp(seconds=1)}, "EXPIRY_TOO_EARLY", "expire_time"),
    ],
)
async def test_a_warning_that_cannot_be_is_refused_by_field(
    admin: Desk, more: dict[str, Any], reason: str, field: str
) -> None:
    refused = await refusal(
        admin.warnings.DraftWarning(draft(**more), metadata=admin.caller.metadata)
    )
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert (refused.reason, refused.fields) == (reason, (field,))


async def test_a_township_warns_itself_only(channel: grpc.aio.Channel, tokens: Tokens) -> None:
    township = Desk(channel, tokens.caller("chen", "duty_officer", "431281101"))
    refused = await refusal(
        township.warnings.DraftWarning(draft(), metadata=township.caller.metadata)
    )
    assert (refused.code, refused.reason) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "OUTSIDE_JURISDICTION",
    )
