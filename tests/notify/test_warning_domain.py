"""What a warning may say, for which regions, and that a draft stays as it was drafted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from services.notify.domain.warning import (
    INITIAL,
    Content,
    DraftWarning,
    WarningDrafted,
    decide,
    evolve,
)
from services.runtime.actor import Actor
from services.runtime.rejection import Invalid
from tests.notify.facts import NOW, content, officer
from tests.spec import spec

given = spec(decide, evolve, INITIAL)
drafted = WarningDrafted(warning_id="w1", content=content, drafted_by="wang", occurred_at=NOW)


def draft(said: Content = content, by: Actor = officer) -> DraftWarning:
    return DraftWarning(by=by, warning_id="w1", content=said, occurred_at=NOW, now=NOW)


def test_a_warning_is_drafted() -> None:
    given().when(draft()).then(drafted)


def test_drafting_the_same_again_changes_nothing() -> None:
    given(drafted).when(draft()).then()
    given(drafted).when(draft(replace(content, types_version="newer"))).then()


def test_a_draft_is_not_overwritten() -> None:
    given(drafted).when(draft(replace(content, headline="另一个"))).then_refused("WARNING_EXISTS")


def test_a_township_does_not_warn_the_county() -> None:
    township = Actor(subject="chen", roles=("duty_officer",), jurisdiction="431281102")
    given().when(draft(by=township)).then_refused("OUTSIDE_JURISDICTION")


@pytest.mark.parametrize(
    ("onset", "expires"),
    [(None, timedelta(0)), (None, -timedelta(hours=1)), (timedelta(hours=2), timedelta(hours=2))],
)
def test_a_warning_expires_after_now_and_after_its_onset(
    onset: timedelta | None, expires: timedelta
) -> None:
    said = replace(
        content, onset_at=None if onset is None else NOW + onset, expires_at=NOW + expires
    )
    with pytest.raises(Invalid) as refusal:
        decide(draft(said), None)
    assert refusal.value.context["field"] == "expire_time"


@pytest.mark.parametrize("text", ["暴雨\x00", "bell\x07", "\ufffe", "  \n "])
def test_a_warning_can_be_written_as_xml(text: str) -> None:
    for field in ("headline", "description", "instruction"):
        with pytest.raises(Invalid) as refusal:
            decide(draft(replace(content, **{field: text})), None)  # type: ignore[arg-type]
        assert refusal.value.context["field"] == field
