"""An event in a sentence, from phrases that are data."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

BEIJING = ZoneInfo("Asia/Shanghai")
INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")


@dataclass(frozen=True, slots=True)
class Phrases:
    """``phrases`` by event type, with ``{field}`` for a field of the event and ``{a.b}`` below it.

    Instants are said in Beijing's time.  ``words`` says coded values in people's language:
    ``{"level": {"IV": "四级"}}``.
    """

    version: str
    source: str
    phrases: dict[str, str]
    words: dict[str, dict[str, str]]

    def say(self, type_: str, data: str) -> str:
        """Return the sentence; for a type that nobody has phrased, its name and plain fields."""
        try:
            event = msgspec.json.decode(data, type=dict[str, Any])
        except msgspec.DecodeError:
            return type_
        phrase = self.phrases.get(type_)
        if phrase is None:
            fields = (f"{k}={v}" for k, v in event.items() if isinstance(v, str | int) and v != "")
            return f"{type_}: {', '.join(fields)}"
        return "".join(
            text + ("" if field is None else self._word(event, field))
            for text, field, _, _ in string.Formatter().parse(phrase)
        )

    def _word(self, event: Mapping[str, Any], field: str) -> str:
        value: Any = event
        for name in field.split("."):
            value = value.get(name, "") if isinstance(value, dict) else ""
        said = self.words.get(field.rpartition(".")[2], {})
        if isinstance(value, list):  # none of them may have a word too
            return "、".join(said.get(str(part), str(part)) for part in value) or said.get("", "")
        if isinstance(value, str) and INSTANT.match(value):
            return f"{datetime.fromisoformat(value).astimezone(BEIJING):%Y-%m-%d %H:%M}"
        return said.get(str(value), str(value))
