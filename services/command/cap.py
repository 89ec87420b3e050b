"""Reads the alerts of other systems: CAP 1.2 (OASIS), and its Chinese profile (GB/T 35965.1-2018).

Refuses what a reader of the message could misunderstand, and names the element.  What it does not
know it passes over: senders add elements of their own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from lxml import etree

from services.command.domain.alert import Alert, MessageType, Reference
from services.runtime.rejection import Invalid

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
BEIJING = timezone(timedelta(hours=8))
LONGEST_TEXT = 4000
STATUSES = ("Actual", "Exercise", "Test")
MESSAGE_TYPES = tuple(MessageType)
SCOPES = ("Public", "Restricted", "Private")
CATEGORIES = (
    *("Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport"),
    *("Infra", "CBRNE", "Other"),
)
URGENCIES = ("Immediate", "Expected", "Future", "Past", "Unknown")
SEVERITIES = ("Extreme", "Severe", "Moderate", "Minor", "Unknown")
CERTAINTIES = ("Observed", "Likely", "Possible", "Unlikely", "Unknown")
# 红橙黄蓝, in place of CAP's severity; the mapping is ours.
COLORS = {"Red": "Extreme", "Orange": "Severe", "Yellow": "Moderate", "Blue": "Minor"}
COLOR_PARAMETER = "cn:warningColor"
NATIONAL_IDENTIFIER = re.compile(r"\d{9}[0-9A-Za-z]{5}_\d{14}_\d", re.ASCII)
"""31 characters: region, agency and extension, the time of entry, a serial number."""
TIMES = (  # of CAP, then both of the national profile
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d", re.ASCII), "%Y-%m-%dT%H:%M:%S%z"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[-+]\d\d:\d\d", re.ASCII), "%Y-%m-%d %H:%M:%S%z"),
    (re.compile(r"\d{14}", re.ASCII), "%Y%m%d%H%M%S"),
)
TIME_ALLOWED = "a time with its offset and without fraction, such as 2026-06-18T03:10:00+08:00"
TYPE_CODE = re.compile(r"[0-9]{2}[0-9A-Z]{3}", re.ASCII)
CORNERS = 4  # of a polygon, the first again at the end


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A coded value, under the name of its code set; ``element`` is where it stands."""

    element: str
    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """``region`` is a sender's own by its national code; ``points`` are the middles of areas."""

    alert: Alert
    text: str
    type_code: Named | None
    geocodes: tuple[Named, ...]
    points: tuple[tuple[float, float], ...]
    address: str
    region: str


def read(document: bytes) -> Message:
    """Return what a message says.  Raises Invalid for the first thing that is wrong with it."""
    root = _root(document)
    identifier = _word(root, "identifier")
    national = NATIONAL_IDENTIFIER.fullmatch(identifier) is not None
    sent_at = _time(root, "sent")
    message_type = MessageType(_chosen(root, "msgType", MESSAGE_TYPES))
    alert = _Head(
        sender=_word(root, "sender"),
        identifier=identifier,
        sent_at=sent_at,
        status=_chosen(root, "status", STATUSES),
        message_type=message_type,
        references=_references(root, message_type, identifier, sent_at),
        national=national,
    )
    _check_scope(root)
    return _message(root, alert, document)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    sender: str
    identifier: str
    sent_at: datetime
    status: str
    message_type: MessageType
    references: tuple[Reference, ...]
    national: bool


@dataclass(frozen=True, slots=True)
class _Element:
    """An element, and how to name it to people."""

    node: etree._Element
    path: str

    def children(self, name: str) -> Iterator[_Element]:
        found = [
            node
            for node in self.node
            if etree.QName(node).localname == name
            and etree.QName(node).namespace == etree.QName(self.node).namespace
        ]
        several = len(found) > 1
        for number, node in enumerate(found):
            index = f"[{number}]" if several else ""
            yield _Element(node, f"{self.path}.{name}{index}")

    def child(self, name: str) -> _Element | None:
        found = list(self.children(name))
        if len(found) > 1:
            raise Invalid(
                "CAP_ELEMENT_REPEATED",
                field=f"{self.path}.{name}",
                got=f"{len(found)} of them",
                allowed="one at most",
            )
        return found[0] if found else None

    @property
    def text(self) -> str:
        return (self.node.text or "").strip()


def _root(document: bytes) -> _Element:
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        node = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as wrong:
        raise Invalid(
            "CAP_NOT_XML", field="document", got=str(wrong)[:200], allowed="well-formed XML"
        ) from None
    if node.getroottree().docinfo.doctype:
        raise Invalid(
            "CAP_DOCTYPE",
            field="document",
            got=str(node.getroottree().docinfo.doctype)[:200],
            allowed="no document type: CAP has none",
        )
    name = etree.QName(node)
    if name.localname != "alert" or name.namespace not in {NAMESPACE, None}:
        raise Invalid(
            "CAP_ROOT",
            field="document",
            got=str(node.tag)[:200],
            allowed=f"{{{NAMESPACE}}}alert, or alert without a namespace",
        )
    return _Element(node, "alert")


def _message(root: _Element, about: _Head, document: bytes) -> Message:
    info = _info(root, about)
    color = _color(info)
    text = [_text(info, name) for name in ("headline", "description", "instruction")]
    note = _text(root, "note")
    said = "\n".join(part for part in text if part) or note or about.message_type.value
    areas = [] if info is None else list(info.children("area"))
    event = _text(info, "event")
    effective, expires = _time_if(info, "effective"), _time_if(info, "expires")
    if effective is not None and expires is not None and expires < effective:
        raise Invalid(
            "CAP_TIME",
            field="alert.info.expires",
            got=expires.isoformat(),
            allowed=f"not before {effective.isoformat()}, when it takes effect",
        )
    alert = Alert(
        sender=about.sender,
        identifier=about.identifier,
        sent_at=about.sent_at,
        status=about.status,
        message_type=about.message_type,
        references=about.references,
        sender_name=_text(info, "senderName"),
        event=event,
        headline=_text(info, "headline"),
        urgency=_level(info, "urgency", URGENCIES, about),
        severity=COLORS.get(color) or _level(info, "severity", SEVERITIES, about),
        certainty=_level(info, "certainty", CERTAINTIES, about),
        color=color,
        onset_at=_time_if(info, "onset"),
        expires_at=expires,
        document=document,
    )
    return Message(
        alert=alert,
        text=said if len(said) <= LONGEST_TEXT else said[: LONGEST_TEXT - 1] + "…",
        type_code=_type_code(info),
        geocodes=tuple(code for area in areas for code in _values(area, "geocode")),
        points=tuple(point for area in areas for point in _points(area)),
        address="、".join(name for area in areas if (name := _text(area, "areaDesc"))),
        region=about.identifier[:6] if about.national else "",
    )


def _info(root: _Element, about: _Head) -> _Element | None:
    """Return the part for people who read Chinese, else the first; only a Cancel may have none."""
    infos = list(root.children("info"))
    if not infos:
        if about.message_type is MessageType.CANCEL:
            return None
        raise _missing("alert.info", "one at least, unless the message cancels another")
    for info in infos:
        if not list(info.children("category")) and not about.national:
            raise _missing(f"{info.path}.category", ", ".join(CATEGORIES))
        for category in info.children("category"):
            _require(category, CATEGORIES)
        if not _text(info, "event"):
            raise _missing(f"{info.path}.event", "what happens")
    spoken = [info for info in infos if _text(info, "language").lower().startswith("zh")]
    return (spoken or infos)[0]


def _level(info: _Element | None, name: str, allowed: Sequence[str], about: _Head) -> str:
    """Return one of CAP's three measures; the national profile may leave them out."""
    if info is None or (about.national and info.child(name) is None):
        return "Unknown"
    return _chosen(info, name, allowed)


def _color(info: _Element | None) -> str:
    """Return the colour of a warning, said in place of its severity or beside it."""
    if info is None:
        return ""
    said = _text(info, "severity")
    if said in COLORS:
        return said
    for parameter in _values(info, "parameter"):
        if parameter.name == COLOR_PARAMETER:
            if parameter.value not in COLORS:
                raise _unknown(parameter.element, parameter.value, tuple(COLORS))
            return parameter.value
    return ""


def _type_code(info: _Element | None) -> Named | None:
    """Return the GB/T 35561 code: among the event's codes, or as the event itself."""
    if info is None:
        return None
    for code in _values(info, "eventCode"):
        if code.name.replace(" ", "").upper().startswith("GB/T35561"):
            return code
    event = _text(info, "event")
    if TYPE_CODE.fullmatch(event):
        return Named(element=f"{info.path}.event", name="", value=event)
    return None


def _references(
    root: _Element, message_type: MessageType, identifier: str, sent_at: datetime
) -> tuple[Reference, ...]:
    said = _text(root, "references").split()
    if not said and message_type is not MessageType.ALERT:
        raise _missing(
            "alert.references", f"sender,identifier,sent of what this {message_type} refers to"
        )
    found = []
    for triple in said:
        parts = triple.split(",")
        moment = _parsed(parts[2]) if len(parts) == 3 and all(parts) else None  # noqa: PLR2004
        if moment is None:
            raise Invalid(
                "CAP_REFERENCES",
                field="alert.references",
                got=triple[:200],
                allowed="sender,identifier,sent, separated by spaces",
            )
        if parts[1] == identifier or moment > sent_at:
            raise Invalid(
                "CAP_REFERENCES",
                field="alert.references",
                got=triple[:200],
                allowed="an earlier message than this one",
            )
        found.append(Reference(sender=parts[0], identifier=parts[1], sent_at=moment))
    return tuple(found)


def _check_scope(root: _Element) -> None:
    """Public, or to whom it is restricted; nothing that the scope does not ask for."""
    scope = _chosen(root, "scope", SCOPES)
    needed = {"Restricted": "restriction", "Private": "addresses"}.get(scope, "")
    if needed and not _text(root, needed):
        raise _missing(f"alert.{needed}", f"what a message of scope {scope} is held to")
    if scope != "Restricted" and _text(root, "restriction"):
        raise Invalid(
            "CAP_SCOPE", field="alert.restriction", got=scope, allowed="scope Restricted only"
        )


def _points(area: _Element) -> Iterator[tuple[float, float]]:
    """Yield the middle of each circle and polygon."""
    for circle in area.children("circle"):
        middle, _, radius = circle.text.partition(" ")
        found = _pair(middle)
        if found is None or not re.fullmatch(r"\d+(\.\d+)?", radius, re.ASCII):
            raise _bad_area(circle, "lat,lon radius in km")
        yield found
    for polygon in area.children("polygon"):
        corners = [_pair(word) for word in polygon.text.split()]
        known = [corner for corner in corners if corner is not None]
        if len(known) < len(corners) or len(known) < CORNERS or known[0] != known[-1]:
            raise _bad_area(polygon, "lat,lon of four points or more, the last as the first")
        around = known[:-1]
        yield (
            sum(latitude for latitude, _ in around) / len(around),
            sum(longitude for _, longitude in around) / len(around),
        )


def _pair(word: str) -> tuple[float, float] | None:
    match = re.fullmatch(r"(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)", word, re.ASCII)
    if match is None:
        return None
    latitude, longitude = float(match[1]), float(match[2])
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None  # noqa: PLR2004


def _values(parent: _Element, name: str) -> Iterator[Named]:
    for element in parent.children(name):
        value = _text(element, "value")
        if not value:
            raise _missing(f"{element.path}.value", f"the value of {_text(element, 'valueName')}")
        yield Named(element=element.path, name=_text(element, "valueName"), value=value)


def _word(parent: _Element, name: str) -> str:
    """Return an id: CAP allows neither spaces nor commas nor angle brackets in it."""
    said = _required(parent, name)
    if re.search(r"[\s,&<]", said):
        raise Invalid(
            "CAP_VALUE_UNKNOWN",
            field=f"{parent.path}.{name}",
            got=said[:200],
            allowed="no spaces, commas, & or <",
        )
    return said


def _chosen(parent: _Element, name: str, allowed: Collection[str]) -> str:
    said = _required(parent, name)
    if said not in allowed:
        raise _unknown(f"{parent.path}.{name}", said, allowed)
    return said


def _require(element: _Element, allowed: Collection[str]) -> None:
    if element.text not in allowed:
        raise _unknown(element.path, element.text, allowed)


def _required(parent: _Element, name: str) -> str:
    said = _text(parent, name)
    if not said:
        raise _missing(f"{parent.path}.{name}", "one that is not empty")
    return said


def _text(parent: _Element | None, name: str) -> str:
    child = None if parent is None else parent.child(name)
    return "" if child is None else child.text


def _time(parent: _Element, name: str) -> datetime:
    said = _required(parent, name)
    moment = _parsed(said)
    if moment is None:
        raise Invalid(
            "CAP_TIME", field=f"{parent.path}.{name}", got=said[:200], allowed=TIME_ALLOWED
        )
    return moment


def _time_if(parent: _Element | None, name: str) -> datetime | None:
    return _time(parent, name) if parent is not None and _text(parent, name) else None


def _parsed(said: str) -> datetime | None:
    for pattern, form in TIMES:
        if pattern.fullmatch(said):
            try:
                moment = datetime.strptime(said, form)  # noqa: DTZ007  # Beijing's without offset
            except ValueError:
                return None
            return moment if moment.tzinfo is not None else moment.replace(tzinfo=BEIJING)
    return None


def _missing(element: str, allowed: str) -> Invalid:
    return Invalid("CAP_ELEMENT_MISSING", field=element, got="nothing", allowed=allowed)


def _unknown(element: str, got: str, allowed: Collection[str]) -> Invalid:
    return Invalid(
        "CAP_VALUE_UNKNOWN", field=element, got=got[:200], allowed=", ".join(map(str, allowed))
    )


def _bad_area(element: _Element, allowed: str) -> Invalid:
    return Invalid("CAP_AREA", field=element.path, got=element.text[:200], allowed=allowed)
