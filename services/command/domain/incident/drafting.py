"""A situation report as the record would write it, and what only a person can add."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from services.command.domain.grades import Grade
from services.command.domain.incident.contents import (
    COURSE,
    Content,
    DrawnFrom,
    Form,
    Large,
    SituationReportTable,
)
from services.command.domain.incident.facts import Fact, Metric
from services.command.domain.incident.series import Series, SituationReportKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a report of an incident is drawn from, besides the series itself.

    ``grade`` is the confirmed one, else the proposed.
    """

    table: SituationReportTable
    adcode: str
    type_code: str
    type_name: str
    grade: Grade | None
    standing: Mapping[Metric, Fact]

    @property
    def form(self) -> Form:
        return self.table.form(self.type_code)

    @property
    def owed_to(self) -> tuple[str, ...]:
        """Whom the table names for this grade; for the lowest while there is none."""
        return self.form.owed[self.grade or Grade.ORDINARY]


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """A change against the report before that must be explained in writing."""

    metric: Metric
    before: int
    after: int
    threshold: Large


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A report as it would be submitted, and what it lacks."""

    contents: Mapping[str, str]
    figures: Mapping[Metric, int]
    fact_ids: Mapping[Metric, tuple[str, ...]]
    missing: tuple[Content, ...]
    jumps: tuple[Jump, ...]
    changed: tuple[Metric, ...]


def draft(
    kind: SituationReportKind,
    typed: Mapping[str, str],
    ground: Ground,
    series: Series,
    *,
    zero_report: bool = False,
) -> Draft:
    """Draw what nobody typed, and tell what is missing and what must be explained.

    A zero report needs no more words than that nothing has changed.
    """
    figures = {metric: fact.value for metric, fact in ground.standing.items()}
    contents, missing = dict[str, str](), list[Content]()
    for content in ground.form.contents:
        if said := typed.get(content.key, "").strip():
            contents[content.key] = said
        elif zero_report and content.key == COURSE:
            contents[content.key] = ground.table.unchanged
        elif kind not in content.required:
            continue
        elif drawn := _drawn(content, figures, ground, series):
            contents[content.key] = drawn
        elif not zero_report:
            missing.append(content)
    jumps, changed = _compared(figures, ground.table, series)
    return Draft(
        contents=contents,
        figures=figures,
        fact_ids={m: fact.parts or (fact.fact_id,) for m, fact in ground.standing.items()},
        missing=tuple(missing),
        jumps=jumps,
        changed=changed,
    )


def _drawn(content: Content, figures: Mapping[Metric, int], ground: Ground, series: Series) -> str:
    match content.drawn_from:
        case DrawnFrom.NOTHING:
            return ""
        case DrawnFrom.FIGURES:
            counts = ground.table.counts
            return "，".join(
                f"{counts[metric].name}{figures[metric]}{counts[metric].unit}"
                for metric in content.figures
                if metric in figures
            )
        case DrawnFrom.TYPE:
            return ground.type_name
        case DrawnFrom.EARLIER:
            return series.said.get(content.key, "")
        case _:
            assert_never(content.drawn_from)


def _compared(
    figures: Mapping[Metric, int], table: SituationReportTable, series: Series
) -> tuple[tuple[Jump, ...], tuple[Metric, ...]]:
    """Compare with the report before, to which what nobody spoke of was none."""
    if series.last is None:
        return (), ()
    earlier = series.last.figures
    jumps, changed = list[Jump](), list[Metric]()
    for metric in Metric:
        before, after = earlier.get(metric, 0), figures.get(metric, 0)
        if before == after:
            continue
        changed.append(metric)
        count = table.counts[metric]
        threshold = count.rise if after > before else count.drop
        if threshold.reached(min(before, after), max(before, after)):
            jumps.append(Jump(metric=metric, before=before, after=after, threshold=threshold))
    return tuple(jumps), tuple(changed)
