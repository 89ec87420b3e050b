"""What the law requires of a situation report, as a table: contents, figures, recipients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from services.command.domain.grades import Grade
from services.command.domain.incident.facts import Metric
from services.command.domain.incident.series import SituationReportKind, Tier

COURSE = "course"
"""The content that every form has: what happened, 简要经过."""


class DrawnFrom(StrEnum):
    """Where a content comes from when nobody types it."""

    NOTHING = "nothing"
    FIGURES = "figures"  # of its own metrics, as far as they are known
    TYPE = "type"  # the incident's type
    EARLIER = "earlier"  # what an earlier report of the series said


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """``required`` names the kinds of report that cannot do without."""

    key: str
    name: str
    required: tuple[SituationReportKind, ...] = ()
    drawn_from: DrawnFrom = DrawnFrom.NOTHING
    figures: tuple[Metric, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Large:
    """A change is large that is at least ``by``, and makes ``times`` as many or as few."""

    by: int
    times: float

    def __post_init__(self) -> None:
        if self.by < 1 or self.times < 1:
            raise ValueError("a large change is at least by 1 and 1 times")

    def reached(self, fewer: int, more: int) -> bool:
        return more - fewer >= self.by and more >= self.times * fewer

    def __str__(self) -> str:
        return f"{self.by} and {self.times:g} times"


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How a metric is called, and which change of it must be explained in writing."""

    name: str
    unit: str
    rise: Large
    drop: Large


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    name: str
    tier: Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The report of one class of incidents; ``types`` are GB/T 35561 codes or beginnings of them.

    ``owed`` names who must have the report of an incident of each grade.
    """

    key: str
    name: str
    source: str
    types: tuple[str, ...]
    contents: tuple[Content, ...]
    owed: Mapping[Grade, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SituationReportTable:
    """``unchanged`` are the words of a zero report (零报告) in which nobody wrote any."""

    version: str
    source: str
    unchanged: str
    counts: Mapping[Metric, Count]
    recipients: Mapping[str, Recipient]
    forms: tuple[Form, ...]

    def __post_init__(self) -> None:
        """Raise ValueError for a table that leaves a question open."""
        if silent := set(Metric) - set(self.counts):
            raise ValueError(f"no count for {', '.join(sorted(silent))}")
        if not any("" in form.types for form in self.forms):
            raise ValueError("no form for the types that no other form names")
        for form in self.forms:
            name = form.key
            if COURSE not in {content.key for content in form.contents}:
                raise ValueError(f"form {name} has no {COURSE}")
            if set(form.owed) != set(Grade):
                raise ValueError(f"form {name} does not say for every grade who is owed a report")
            owed = {key for keys in form.owed.values() for key in keys}
            if unknown := owed - set(self.recipients):
                raise ValueError(f"form {name} is owed to unknown {', '.join(sorted(unknown))}")

    def named(self, key: str) -> Form | None:
        """Return the form of a report that was made by it, unless no table has it any more."""
        return next((form for form in self.forms if form.key == key), None)

    def form(self, type_code: str) -> Form:
        """Return the form of an incident's type: the one that names most of its code."""
        fitting = (
            (len(prefix), form)
            for form in self.forms
            for prefix in form.types
            if type_code.startswith(prefix)
        )
        return max(fitting, key=lambda found: found[0])[1]
