"""Facts that the tests of notify share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.notify.domain.contact import Audience, Channel, Contact
from services.notify.domain.notification import NotificationRequested, RequestNotification, Urgency
from services.notify.domain.warning import Category, Certainty, Color, Content
from services.notify.domain.warning import Urgency as CapUrgency
from services.runtime.actor import Actor

NOW = datetime(2025, 7, 1, 19, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)
officer = Actor(subject="wang", roles=("duty_officer",), jurisdiction="431281")
neighbour = Actor(subject="zhao", roles=("registrar",), jurisdiction="431226")
boat_crew = Contact(
    contact_id="boat-3-phone",
    audience=Audience.UNIT_CREW,
    unit_id="boat-3",
    adcode="",
    person="",
    channel=Channel.WEBHOOK,
    address="http://127.0.0.1:1/hook",
    exercise_only=False,
)
desk = Contact(
    contact_id="desk",
    audience=Audience.DUTY_OFFICER,
    unit_id="",
    adcode="431281",
    person="",
    channel=Channel.EMAIL,
    address="duty@hongjiang.example",
    exercise_only=False,
)
mayor = Contact(
    contact_id="mayor-phone",
    audience=Audience.PERSON,
    unit_id="",
    adcode="",
    person="mayor.zhang",
    channel=Channel.WEBHOOK,
    address="http://127.0.0.1:1/hook",
    exercise_only=False,
)


def request(contact: Contact = boat_crew, exercise: str = "") -> RequestNotification:
    return RequestNotification(
        notification_id="n1",
        contact=contact,
        exercise=exercise,
        incident_id="i1",
        adcode="431281102",
        event_type="anlan.events.v1.UnitDispatched",
        event_id="e1",
        subject="出动命令：boat-3 赶赴安江镇",
        text="boat-3 立即赶赴安江镇。",
        urgency=Urgency.IMMEDIATE,
        matter="order.a1",
        news_position=100,
        stale=False,
        occurred_at=NOW,
        now=NOW,
    )


requested = NotificationRequested(
    notification_id="n1",
    contact_id="boat-3-phone",
    channel=Channel.WEBHOOK,
    address="http://127.0.0.1:1/hook",
    exercise="",
    incident_id="i1",
    adcode="431281102",
    event_type="anlan.events.v1.UnitDispatched",
    event_id="e1",
    subject="出动命令：boat-3 赶赴安江镇",
    text="boat-3 立即赶赴安江镇。",
    occurred_at=NOW,
    requested_at=NOW,
    urgency=Urgency.IMMEDIATE,
    matter="order.a1",
    news_position=100,
)
content = Content(
    incident_id="i1",
    category=Category.MET,
    type_code="11B03",
    type_name="暴雨",
    types_version="GB/T 35561-2017",
    color=Color.ORANGE,
    urgency=CapUrgency.EXPECTED,
    certainty=Certainty.LIKELY,
    headline="洪江市气象台发布暴雨橙色预警",
    description="未来3小时安江镇雨量将达50毫米以上。",
    instruction="停止户外作业 & 转移 <低洼> 地带人员。",
    adcodes=("431281", "431281102"),
    regions_version="2023-06-30",
    onset_at=NOW,
    expires_at=NOW + timedelta(hours=6),
)
