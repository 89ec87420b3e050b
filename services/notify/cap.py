"""A drafted warning as a CAP 1.2 document (OASIS Common Alerting Protocol)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from lxml import etree

from services.notify.domain.warning import Color, Content
from services.notify.gazetteer import Gazetteer
from services.runtime.actor import COUNTY_DIGITS

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
BEIJING = timezone(timedelta(hours=8))
SEVERITIES = {
    Color.RED: "Extreme",
    Color.ORANGE: "Severe",
    Color.YELLOW: "Moderate",
    Color.BLUE: "Minor",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """``exercise`` is the drill that it was drafted in, empty in earnest."""

    warning_id: str
    content: Content
    drafted_at: datetime
    exercise: str


def document(draft: Draft, gazetteer: Gazetteer, sender: str, sender_name: str) -> str:
    """Return the XML, elements in the order of the schema's sequences."""
    content = draft.content
    alert = etree.Element(_tag("alert"), nsmap={None: NAMESPACE})
    _add(alert, "identifier", draft.warning_id)
    _add(alert, "sender", sender)
    _add(alert, "sent", written(draft.drafted_at))
    _add(alert, "status", "Exercise" if draft.exercise else "Draft")
    _add(alert, "msgType", "Alert")
    _add(alert, "scope", "Public")
    _add(
        alert,
        "note",
        f"演练（{draft.exercise}），草稿，不得发布"
        if draft.exercise
        else "草稿，未经审批，不得发布",
    )
    _add(alert, "incidents", content.incident_id)
    info = etree.SubElement(alert, _tag("info"))
    _add(info, "language", "zh-CN")
    _add(info, "category", content.category)
    _add(info, "event", content.type_name)
    _add(info, "urgency", content.urgency)
    _add(info, "severity", SEVERITIES[content.color])
    _add(info, "certainty", content.certainty)
    _add_value(info, "eventCode", "GB/T 35561", content.type_code)
    if content.onset_at is not None:
        _add(info, "onset", written(content.onset_at))
    _add(info, "expires", written(content.expires_at))
    _add(info, "senderName", sender_name)
    _add(info, "headline", content.headline)
    _add(info, "description", content.description)
    _add(info, "instruction", content.instruction)
    _add_value(info, "parameter", "cn:warningColor", content.color.capitalize())
    for adcode in content.adcodes:
        area = etree.SubElement(info, _tag("area"))
        _add(area, "areaDesc", gazetteer.full_name(adcode))
        standard = "GB/T 2260" if len(adcode) == COUNTY_DIGITS else "GB/T 10114"
        _add_value(area, "geocode", standard, adcode)
    xml: bytes = etree.tostring(alert, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return xml.decode()


def written(moment: datetime) -> str:
    """Return the time as CAP wants it: an offset, no fraction, never ``Z``."""
    return moment.astimezone(BEIJING).isoformat(timespec="seconds")


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _add(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, _tag(name)).text = text


def _add_value(parent: etree._Element, name: str, value_name: str, value: str) -> None:
    element = etree.SubElement(parent, _tag(name))
    _add(element, "valueName", value_name)
    _add(element, "value", value)
