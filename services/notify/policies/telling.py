"""In which words: what every notice is made of, whatever it is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta, timezone

from google.protobuf.timestamp_pb2 import Timestamp

from anlan.type.v1 import place_pb2
from services.notify.domain.briefing import BriefingTaken
from services.notify.gazetteer import Gazetteer
from services.notify.policies.audience import Commander, DutyOfficers, Involved, Target
from services.runtime.times import from_proto

BEIJING = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """``matter`` is what it is about: unsent when news settles that, it is sent no more."""

    to: tuple[Target, ...]
    subject: str
    text: str
    matter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What is known around one event: who caused it, where, of which incident (maybe none).

    A shelter is nearly full from ``nearly_full_percent`` of its beds on.
    """

    by: str
    adcode: str
    incident_id: str
    briefing: BriefingTaken | None
    gazetteer: Gazetteer
    nearly_full_percent: int

    @property
    def officers(self) -> tuple[DutyOfficers]:
        return (DutyOfficers(self.adcode),)

    @property
    def leaders(self) -> tuple[DutyOfficers | Commander, ...]:
        """Return who decides: the duty officers, and whoever commands the incident."""
        if not self.incident_id:
            return self.officers
        return (*self.officers, Commander(self.incident_id))

    @property
    def everybody(self) -> tuple[DutyOfficers | Involved, ...]:
        return (*self.officers, Involved(self.incident_id))

    def title(self) -> str:
        return self.briefing.title if self.briefing is not None else f"事件 {self.incident_id}"

    def name(self) -> str:
        """Return what the incident is called, and its number."""
        if self.briefing is None:
            return f"事件编号 {self.incident_id}"
        return f"事件：{self.briefing.title}，编号 {self.incident_id}"

    def place(self) -> str:
        """Return where the incident is, as well as we know."""
        if self.briefing is None:
            return self.region(self.adcode)
        return self._located(self.briefing.place.adcode, self.briefing.place.address)

    def where(self, destination: place_pb2.Place) -> str:
        if not destination.adcode:
            return self.place()
        return self._located(destination.adcode, destination.address)

    def region(self, adcode: str) -> str:
        return self.gazetteer.full_name(adcode)

    def _located(self, adcode: str, address: str) -> str:
        region = self.region(adcode)
        return address if address.startswith(region) else region + address


def at(stamp: Timestamp) -> str:
    """Return the time as people in China say it; nobody in the field reads UTC."""
    local = from_proto(stamp).astimezone(BEIJING)
    return f"{local.month}月{local.day}日{local:%H:%M}"


def why(reason: str) -> str:
    return f"原因：{sentence(reason)}" if reason else ""


def listed(names: Iterable[str]) -> str:
    return "、".join(names)


def plain(text: str) -> str:
    """Return one line without control characters: what was typed elsewhere goes into headers."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def sentence(text: str) -> str:
    text = plain(text)
    return text if text.endswith(("。", "！", "？", "!", "?")) else f"{text}。"


def point(place: place_pb2.Place) -> str:
    if not place.HasField("point"):
        return ""
    return f"（{degrees(place.point)}）"


def degrees(where: place_pb2.Point) -> str:
    return f"北纬{where.latitude:.5f}，东经{where.longitude:.5f}"
