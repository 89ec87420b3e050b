"""The statutory thresholds as versioned tables, and the grade that figures reach by them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.command.domain.grades import Grade
from services.command.domain.incident.facts import Metric
from services.command.domain.levels import Level

NO_RESPONSE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What a threshold looks at: the sum of what it ``counts``, such as the dead and the missing.

    A grade is reached 以上, at its number, and ends 以下, before the next grade's.
    """

    measure_id: str
    name: str
    counts: tuple[Metric, ...]
    at_least: Mapping[Grade, int]

    def __post_init__(self) -> None:
        if not self.counts:
            raise ValueError(f"measure {self.measure_id} counts nothing")
        numbers = [self.at_least[grade] for grade in Grade if grade in self.at_least]
        if numbers != sorted(set(numbers)):
            raise ValueError(f"a higher grade of {self.measure_id} does not need more: {numbers}")

    def read(self, figures: Mapping[Metric, int]) -> Reading:
        known = [figures[metric] for metric in self.counts if metric in figures]
        value = sum(known) if known else None
        reached = next_ = None
        for grade in Grade:
            if grade not in self.at_least:
                continue
            if value is not None and value >= self.at_least[grade]:
                reached = grade
            else:
                next_ = grade
                break
        return Reading(measure=self, value=value, reached=reached, next=next_)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A measure read at some figures: ``value`` is None while nothing is known of it."""

    measure: Measure
    value: int | None
    reached: Grade | None
    next: Grade | None

    @property
    def short_by(self) -> int:
        """How much more the next grade needs."""
        return 0 if self.next is None else self.measure.at_least[self.next] - (self.value or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One edition of a rule that grades the types with these prefixes, since ``in_force``."""

    table_id: str
    version: str
    name: str
    basis: str
    source: str
    note: str
    in_force: datetime
    types: tuple[str, ...]
    measures: tuple[Measure, ...]

    def rule_id(self, reading: Reading) -> str:
        return f"{self.table_id}.{reading.reached}.{reading.measure.measure_id}"

    def read(self, figures: Mapping[Metric, int]) -> list[Reading]:
        return [measure.read(figures) for measure in self.measures]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Which response levels fit a grade of these types; ``none`` where no response need be."""

    types: tuple[str, ...]
    allowed: Mapping[Grade, tuple[str, ...]]

    def __post_init__(self) -> None:
        known = {*Level, NO_RESPONSE}
        for grade in Grade:
            if not self.allowed.get(grade) or not known.issuperset(self.allowed[grade]):
                raise ValueError(f"the levels that fit {grade} are some of {sorted(known)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeTables:
    """Any number of editions of any number of tables; ``version`` is that of the whole."""

    version: str = ""
    source: str = ""
    tables: tuple[Table, ...] = ()
    fits: tuple[Fit, ...] = ()

    def table(self, type_code: str, at: datetime) -> Table | None:
        """Return the edition in force for the type: by the longest prefix, then the newest."""
        found = [
            (len(prefix), table.in_force, table)
            for table in self.tables
            if table.in_force <= at and (prefix := _prefix(type_code, table.types)) is not None
        ]
        return max(found, key=lambda one: one[:2])[2] if found else None

    def fitting(self, type_code: str, grade: Grade) -> tuple[str, ...]:
        """Return the levels that fit; nothing where no table says which do."""
        found = [
            (len(prefix), fit)
            for fit in self.fits
            if (prefix := _prefix(type_code, fit.types)) is not None
        ]
        return max(found, key=lambda one: one[0])[1].allowed[grade] if found else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The ``grade`` that figures reach, by which rule of which table, and by which ``numbers``.

    None is reached by a type that no table grades, and while nothing is known that its table
    measures.
    """

    grade: Grade | None = None
    rule_id: str = ""
    basis: str = ""
    deciding: tuple[Metric, ...] = ()
    numbers: Mapping[Metric, int] = field(default_factory=dict)
    table_id: str = ""
    table_version: str = ""


def propose(
    tables: GradeTables, type_code: str, figures: Mapping[Metric, int], at: datetime
) -> Proposal:
    """Return the highest grade that any measure reaches, by the edition in force ``at``."""
    table = tables.table(type_code, at)
    if table is None:
        return Proposal()
    below = Proposal(
        numbers={
            metric: figures[metric]
            for measure in table.measures
            for metric in measure.counts
            if metric in figures
        },
        table_id=table.table_id,
        table_version=table.version,
    )
    reached = [
        (reading.reached, reading) for reading in table.read(figures) if reading.reached is not None
    ]
    if not reached:
        return below
    grade, deciding = max(reached, key=lambda one: one[0].rank)
    return replace(
        below,
        grade=grade,
        rule_id=table.rule_id(deciding),
        basis=f"{table.basis}：{deciding.measure.name} {deciding.value}",
        deciding=tuple(metric for metric in deciding.measure.counts if figures.get(metric)),
    )


def _prefix(type_code: str, prefixes: Iterable[str]) -> str | None:
    return max((p for p in prefixes if type_code.startswith(p)), key=len, default=None)
