"""What other systems send: taken as it was meant, or refused with the element that is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from anlan.command.v1 import report_service_pb2 as pb
from anlan.type.v1 import place_pb2
from services.command import cap
from services.command.domain import report
from services.command.domain.alert import MessageType, Reference
from services.command.domain.incident_types import IncidentTypes
from services.command.servicer import alerts
from services.runtime.actor import Actor
from services.runtime.place import Regions
from services.runtime.rejection import Invalid

DATA = Path(__file__).parents[1] / "data" / "cap"
AMBER = (DATA / "amber-alert.xml").read_bytes()
LANDSLIDE = (DATA / "landslide-alert.xml").read_bytes()
RAIN = (DATA / "rainstorm-warning.xml").read_bytes()
TYPES = msgspec.json.decode(Path("reference/incident_types.json").read_bytes(), type=IncidentTypes)
REGIONS = msgspec.json.decode(Path("reference/regions.json").read_bytes(), type=Regions)
SYSTEM = Actor(subject="geo.monitor", roles=("system",), jurisdiction="431281")
NOW = datetime(2026, 6, 17, 19, 20, tzinfo=UTC)
SENT = datetime(2026, 6, 17, 19, 16, tzinfo=UTC)
SENDER = "monitor@geo.hongjiang.example"


def changed(old: str, new: str, document: bytes = LANDSLIDE) -> bytes:
    text = document.decode()
    assert old in text, old
    return text.replace(old, new).encode()


def taken(
    document: bytes,
    *,
    exercise: str = "",
    type_code: str = "",
    place: place_pb2.Place | None = None,
) -> report.SubmitReport:
    request = pb.SubmitCapAlertRequest(document=document, type_code=type_code, place=place)
    return alerts.command(request, SYSTEM, exercise, NOW, TYPES, REGIONS)


def update(references: str, kind: str = "Update", identifier: str = "HJ-GEO-0618-8") -> bytes:
    document = changed("HJ-GEO-0618-7", identifier)
    document = changed("<msgType>Alert", f"<msgType>{kind}", document)
    scope = "<scope>Public</scope>"
    return changed(scope, f"{scope}\n<references>{references}</references>", document)


# Taken.


@pytest.mark.parametrize("document", [AMBER, LANDSLIDE])
def test_what_the_standards_own_schema_allows_is_read(document: bytes) -> None:
    schema = etree.XMLSchema(etree.parse(DATA / "CAP-v1.2.xsd"))
    schema.assertValid(etree.fromstring(document))
    cap.read(document)


def test_a_monitors_alert_becomes_a_report() -> None:
    command = taken(LANDSLIDE)

    assert command.source is report.Source.SYSTEM
    assert command.reporter == "洪江市地灾监测平台"
    assert command.type_code == "11D01"
    assert (command.place.adcode, command.place.address) == ("431281102", "安江镇稔禾村")
    assert (command.place.latitude, command.place.longitude) == (27.3194, 110.1031)
    assert command.text == "稔禾村监测点位移超限\n裂缝计 7 号一小时位移 42 毫米。"
    assert command.occurred_at == SENT
    assert command.corrects == ()
    assert command.alert is not None
    assert command.alert.document == LANDSLIDE
    assert (command.alert.urgency, command.alert.severity) == ("Immediate", "Severe")


def test_the_national_profile_is_read_with_its_times_its_code_and_its_colour() -> None:
    command = taken(RAIN)

    assert command.type_code == "11B03"
    assert command.place.adcode == "431281102"
    assert command.occurred_at == datetime(2026, 6, 17, 19, 10, tzinfo=UTC)
    alert = command.alert
    assert alert is not None
    assert len(alert.identifier) == 31
    assert (alert.color, alert.severity) == ("Orange", "Severe")
    assert alert.expires_at == datetime(2026, 6, 18, 1, 10, tzinfo=UTC)
    assert (alert.urgency, alert.certainty) == ("Unknown", "Unknown")


def test_a_national_sender_without_an_area_speaks_of_its_own_region() -> None:
    text = RAIN.decode()
    start, end = text.index("<area>"), text.index("</area>") + len("</area>")
    command = taken((text[:start] + text[end:]).encode())
    assert command.place.adcode == "431281"


@pytest.mark.parametrize("color", ["Red", "Orange", "Yellow", "Blue"])
def test_a_colour_beside_the_severity_counts(color: str) -> None:
    end = "<area>"
    parameter = (
        f"<parameter><valueName>cn:warningColor</valueName><value>{color}</value></parameter>"
    )
    alert = cap.read(changed(end, parameter + end)).alert
    assert (alert.color, alert.severity) == (color, cap.COLORS[color])


def test_of_several_languages_the_chinese_counts() -> None:
    info = LANDSLIDE.decode()
    block = info[info.index("<info>") : info.index("</info>") + len("</info>")]
    english = block.replace("zh-CN", "en-US").replace("稔禾村监测点位移超限", "Rock moves")
    message = cap.read(changed("<info>", f"{english}<info>"))
    assert message.alert.headline == "稔禾村监测点位移超限"


def test_a_polygon_has_its_middle_and_a_point_elsewhere_is_left_out() -> None:
    circle = "<circle>27.3194,110.1031 0.3</circle>"
    square = "<polygon>27.30,110.10 27.30,110.12 27.32,110.12 27.32,110.10 27.30,110.10</polygon>"
    place = taken(changed(circle, square)).place
    assert (place.latitude, place.longitude) == pytest.approx((27.31, 110.11))

    typhoon = taken(changed(circle, "<circle>21.5,112.0 800</circle>")).place
    assert (typhoon.adcode, typhoon.latitude) == ("431281102", None)


def test_without_a_code_the_region_around_the_point_counts() -> None:
    text = LANDSLIDE.decode()
    start, end = text.index("<geocode>"), text.index("</geocode>") + len("</geocode>")
    command = taken((text[:start] + text[end:]).encode())
    assert (command.place.adcode, command.place.latitude) == ("431281", 27.3194)


def test_what_a_sender_does_not_say_may_be_said_beside_it() -> None:
    beside = place_pb2.Place(adcode="431281103", address="托口镇")
    old = AMBER.replace(b"2003-06-11T22:39:00-07:00", b"2026-06-17T12:16:00-07:00")
    command = taken(old, type_code="14B00", place=beside)
    assert (command.type_code, command.place.adcode) == ("14B00", "431281103")
    given_code = taken(LANDSLIDE, type_code="11D02", place=beside)
    assert (given_code.type_code, given_code.place.adcode) == ("11D01", "431281102")


def test_the_same_message_is_the_same_report_and_a_drill_has_its_own() -> None:
    once = taken(LANDSLIDE).report_id
    assert taken(LANDSLIDE).report_id == once
    same_instant = changed("2026-06-18T03:16:00+08:00", "2026-06-17T19:16:00-00:00")
    assert taken(same_instant).report_id == once
    drill = changed("<status>Actual", "<status>Exercise")
    drills = {taken(drill, exercise=name).report_id for name in ("a", "b")}
    assert len(drills - {once}) == 2


def test_an_update_corrects_what_its_own_sender_said() -> None:
    first = taken(LANDSLIDE)
    references = (
        f"{SENDER},HJ-GEO-0618-7,2026-06-18T03:16:00+08:00 other@x,7,2026-06-18T03:16:00+08:00"
    )
    command = taken(update(references))

    assert command.corrects == (first.report_id,)
    assert command.alert is not None
    assert command.alert.message_type is MessageType.UPDATE
    assert command.alert.references[1] == Reference(sender="other@x", identifier="7", sent_at=SENT)


def test_a_cancel_needs_no_more_than_what_it_cancels() -> None:
    reference = f"{SENDER},HJ-GEO-0618-7,2026-06-18T03:16:00+08:00"
    document = update(reference, "Cancel").decode()
    start, end = document.index("<info>"), document.index("</info>") + len("</info>")
    bare = (document[:start] + document[end:]).encode()
    beside = place_pb2.Place(adcode="431281102")

    command = taken(bare, type_code="11D01", place=beside)

    assert (command.text, command.corrects) == ("Cancel", (taken(LANDSLIDE).report_id,))


def test_a_long_message_is_cut_and_kept_whole_beside() -> None:
    long = changed("裂缝计 7 号一小时位移 42 毫米。", "位移" * 3000)
    command = taken(long)
    assert len(command.text) == cap.LONGEST_TEXT
    assert command.alert is not None
    assert command.alert.document == long


def test_what_others_add_is_passed_over() -> None:
    added = changed("</info>", '<x:code xmlns:x="urn:other"><method>短信</method></x:code></info>')
    assert taken(added).type_code == "11D01"


def test_a_document_in_another_encoding_is_read() -> None:
    text = LANDSLIDE.decode().replace('encoding="UTF-8"', 'encoding="GBK"')
    assert cap.read(text.encode("gbk")).alert.headline == "稔禾村监测点位移超限"


# Refused.

BAD = {
    "not XML": (b"<alert>", "CAP_NOT_XML", "document"),
    "not even text": (b"\x00\x01", "CAP_NOT_XML", "document"),
    "a feed": (b'<feed xmlns="http://www.w3.org/2005/Atom"/>', "CAP_ROOT", "document"),
    "CAP 1.1": (changed("cap:1.2", "cap:1.1"), "CAP_ROOT", "document"),
    "a document type": (
        changed("<alert xmlns", "<!DOCTYPE alert><alert xmlns"),
        "CAP_DOCTYPE",
        "document",
    ),
    "no identifier": (
        changed("<identifier>HJ-GEO-0618-7</identifier>", ""),
        "CAP_ELEMENT_MISSING",
        "alert.identifier",
    ),
    "an identifier with a space": (
        changed("HJ-GEO-0618-7", "HJ GEO"),
        "CAP_VALUE_UNKNOWN",
        "alert.identifier",
    ),
    "a sender with a comma": (
        changed("monitor@geo", "monitor,geo"),
        "CAP_VALUE_UNKNOWN",
        "alert.sender",
    ),
    "two senders": (
        changed("<status>", "<sender>x</sender><status>"),
        "CAP_ELEMENT_REPEATED",
        "alert.sender",
    ),
    "no time": (changed("2026-06-18T03:16:00+08:00", ""), "CAP_ELEMENT_MISSING", "alert.sent"),
    "a time in Z": (changed("03:16:00+08:00", "03:16:00Z"), "CAP_TIME", "alert.sent"),
    "a time with a fraction": (
        changed("03:16:00+08:00", "03:16:00.5+08:00"),
        "CAP_TIME",
        "alert.sent",
    ),
    "a day that no month has": (changed("2026-06-18T", "2026-06-31T"), "CAP_TIME", "alert.sent"),
    "tomorrow": (changed("2026-06-18T", "2026-06-19T"), "TIME_OUT_OF_RANGE", "alert.sent"),
    "the year 1926": (changed("2026-06-18T", "1926-06-18T"), "TIME_OUT_OF_RANGE", "alert.sent"),
    "a draft": (changed("<status>Actual", "<status>Draft"), "CAP_VALUE_UNKNOWN", "alert.status"),
    "a system's own": (
        changed("<status>Actual", "<status>System"),
        "CAP_VALUE_UNKNOWN",
        "alert.status",
    ),
    "an exercise in earnest": (
        changed("<status>Actual", "<status>Exercise"),
        "CAP_STATUS_MISMATCH",
        "alert.status",
    ),
    "a test in earnest": (
        changed("<status>Actual", "<status>Test"),
        "CAP_STATUS_MISMATCH",
        "alert.status",
    ),
    "an acknowledgement": (
        changed("<msgType>Alert", "<msgType>Ack"),
        "CAP_VALUE_UNKNOWN",
        "alert.msgType",
    ),
    "an unknown scope": (
        changed("<scope>Public", "<scope>Secret"),
        "CAP_VALUE_UNKNOWN",
        "alert.scope",
    ),
    "restricted to nobody": (
        changed("<scope>Public", "<scope>Restricted"),
        "CAP_ELEMENT_MISSING",
        "alert.restriction",
    ),
    "private to nobody": (
        changed("<scope>Public", "<scope>Private"),
        "CAP_ELEMENT_MISSING",
        "alert.addresses",
    ),
    "a restriction of what is public": (
        changed("</scope>", "</scope><restriction>x</restriction>"),
        "CAP_SCOPE",
        "alert.restriction",
    ),
    "an update of nothing": (update(""), "CAP_ELEMENT_MISSING", "alert.references"),
    "a reference without a time": (update("a,b"), "CAP_REFERENCES", "alert.references"),
    "a reference to itself": (
        update(f"{SENDER},HJ-GEO-0618-8,2026-06-18T03:16:00+08:00"),
        "CAP_REFERENCES",
        "alert.references",
    ),
    "a reference to what comes later": (
        update(f"{SENDER},HJ-GEO-0618-7,2026-06-18T03:17:00+08:00"),
        "CAP_REFERENCES",
        "alert.references",
    ),
    "nothing said": (
        changed(LANDSLIDE.decode().split("<info>")[1].split("</alert>")[0], "").replace(
            b"<info>", b""
        ),
        "CAP_ELEMENT_MISSING",
        "alert.info",
    ),
    "no category": (
        changed("<category>Geo</category>", ""),
        "CAP_ELEMENT_MISSING",
        "alert.info.category",
    ),
    "an unknown category": (
        changed("<category>Geo", "<category>Rock"),
        "CAP_VALUE_UNKNOWN",
        "alert.info.category",
    ),
    "no event": (
        changed("<event>山体滑坡</event>", ""),
        "CAP_ELEMENT_MISSING",
        "alert.info.event",
    ),
    "no urgency": (
        changed("<urgency>Immediate</urgency>", ""),
        "CAP_ELEMENT_MISSING",
        "alert.info.urgency",
    ),
    "an unknown severity": (
        changed("<severity>Severe", "<severity>Bad"),
        "CAP_VALUE_UNKNOWN",
        "alert.info.severity",
    ),
    "an unknown certainty": (
        changed("<certainty>Observed", "<certainty>Sure"),
        "CAP_VALUE_UNKNOWN",
        "alert.info.certainty",
    ),
    "an unknown colour": (
        changed(
            "<area>",
            "<parameter><valueName>cn:warningColor</valueName><value>Pink</value></parameter><area>",
        ),
        "CAP_VALUE_UNKNOWN",
        "alert.info.parameter",
    ),
    "expired before it takes effect": (
        changed("20260618031000</effective>", "20260618101000</effective>", RAIN),
        "CAP_TIME",
        "alert.info.expires",
    ),
    "no type code": (
        changed("GB/T 35561-2017", "SAME"),
        "CAP_TYPE_UNKNOWN",
        "alert.info.eventCode",
    ),
    "a type code that nobody knows": (
        changed("<value>11D01", "<value>99Z99"),
        "TYPE_CODE_UNKNOWN",
        "alert.info.eventCode",
    ),
    "a code without a value": (
        changed("<value>11D01</value>", ""),
        "CAP_ELEMENT_MISSING",
        "alert.info.eventCode.value",
    ),
    "a circle without a radius": (
        changed("27.3194,110.1031 0.3", "27.3194,110.1031"),
        "CAP_AREA",
        "alert.info.area.circle",
    ),
    "a circle off the Earth": (
        changed("27.3194,110.1031 0.3", "97.3194,110.1031 1"),
        "CAP_AREA",
        "alert.info.area.circle",
    ),
    "a polygon that is not closed": (
        changed(
            "<circle>27.3194,110.1031 0.3</circle>",
            "<polygon>27.3,110.1 27.3,110.2 27.4,110.2 27.4,110.1</polygon>",
        ),
        "CAP_AREA",
        "alert.info.area.polygon",
    ),
    "somebody else's county": (
        changed("431281102", "431271").replace(b"27.3194,110.1031 0.3", b"26.9,109.5 0.3"),
        "CAP_AREA_UNKNOWN",
        "alert.info.area",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_could_be_misunderstood_is_refused_by_its_element(name: str) -> None:
    document, reason, element = BAD[name]

    with pytest.raises(Invalid) as refused:
        taken(document)

    assert (refused.value.reason, refused.value.context["field"]) == (reason, element)
    assert refused.value.context["got"]
    assert refused.value.context["allowed"]


def test_what_is_earnest_does_not_become_part_of_a_drill() -> None:
    with pytest.raises(Invalid) as refused:
        taken(LANDSLIDE, exercise="flood-2026")
    assert refused.value.reason == "CAP_STATUS_MISMATCH"
    for status in ("Exercise", "Test"):
        drill = changed("<status>Actual", f"<status>{status}")
        assert taken(drill, exercise="flood-2026").type_code == "11D01"


def test_no_entity_is_expanded_and_no_file_or_network_is_asked(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("geheim")
    for declared in (
        f'<!ENTITY x SYSTEM "file://{secret}">',
        '<!ENTITY x SYSTEM "http://127.0.0.1:9/x">',
        '<!ENTITY a "aaaaaaaaaa"><!ENTITY x "&a;&a;&a;&a;&a;&a;&a;&a;">',
        '<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;',
    ):
        document = changed("<alert xmlns", f"<!DOCTYPE alert [{declared}]><alert xmlns")
        with pytest.raises(Invalid) as refused:
            cap.read(changed("稔禾村监测点位移超限", "&x;", document))
        assert refused.value.reason in {"CAP_DOCTYPE", "CAP_NOT_XML"}
        assert "geheim" not in str(refused.value)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(LANDSLIDE)), st.integers(0, 80))
def test_whatever_is_sent_is_read_or_refused(noise: bytes, at: int, cut: int) -> None:
    for document in (noise, LANDSLIDE[:at] + noise + LANDSLIDE[at + cut :]):
        try:
            command = taken(document)
        except Invalid:
            continue
        assert command.place.adcode in REGIONS.regions
        assert NOW - command.occurred_at > -timedelta(minutes=6)
