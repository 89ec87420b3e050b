"""A draft is a valid CAP 1.2 document that nobody can mistake for an issued warning."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from services.notify import cap
from services.notify.domain.warning import NOT_IN_XML, Category, Certainty, Color, Content, Urgency
from services.notify.gazetteer import Gazetteer
from services.notify.rulebook import Reference
from services.runtime import reference
from services.runtime.place import Regions
from services.runtime.settings import REPOSITORY
from tests.notify.facts import NOW, content

HERE = Path(__file__).parent
SCHEMA = etree.XMLSchema(etree.parse(HERE / "data" / "CAP-v1.2.xsd"))
ABOUT = reference.load(REPOSITORY / "reference", "notify", Reference)
GAZETTEER = Gazetteer(reference.load(REPOSITORY / "reference", "regions", Regions), ABOUT.above)
CAP = {"c": cap.NAMESPACE}


def written(said: Content = content, exercise: str = "") -> etree._Element:
    draft = cap.Draft(warning_id="w1", content=said, drafted_at=NOW, exercise=exercise)
    xml = cap.document(draft, GAZETTEER, ABOUT.sender, ABOUT.sender_name)
    document = etree.fromstring(xml.encode())
    SCHEMA.assertValid(document)
    return document


def texts(document: etree._Element, path: str) -> list[str]:
    found = document.xpath("/".join(f"c:{step}" for step in path.split("/")), namespaces=CAP)
    assert isinstance(found, list)
    return [element.text for element in found]


def test_a_draft_says_that_it_is_one() -> None:
    document = written()
    assert texts(document, "status") == ["Draft"]
    assert texts(document, "msgType") == ["Alert"]
    assert texts(document, "scope") == ["Public"]
    assert texts(document, "incidents") == ["i1"]
    assert texts(document, "info/language") == ["zh-CN"]


def test_a_drill_says_that_it_is_one() -> None:
    document = written(exercise="drill-7")
    assert texts(document, "status") == ["Exercise"]
    assert "演练（drill-7）" in texts(document, "note")[0]


def test_times_are_beijings_without_fraction_or_z() -> None:
    document = written(replace(content, onset_at=NOW + timedelta(milliseconds=7)))
    times = [
        *texts(document, "sent"),
        *texts(document, "info/onset"),
        *texts(document, "info/expires"),
    ]
    assert times == [
        "2025-07-02T03:10:00+08:00",
        "2025-07-02T03:10:00+08:00",
        "2025-07-02T09:10:00+08:00",
    ]


@pytest.mark.parametrize(
    ("color", "severity", "parameter"),
    [
        (Color.RED, "Extreme", "Red"),
        (Color.ORANGE, "Severe", "Orange"),
        (Color.YELLOW, "Moderate", "Yellow"),
        (Color.BLUE, "Minor", "Blue"),
    ],
)
def test_the_colour_is_told_in_both_languages(color: Color, severity: str, parameter: str) -> None:
    document = written(replace(content, color=color))
    assert texts(document, "info/severity") == [severity]
    assert texts(document, "info/parameter/valueName") == ["cn:warningColor"]
    assert texts(document, "info/parameter/value") == [parameter]


def test_the_event_carries_its_code() -> None:
    document = written()
    assert texts(document, "info/event") == ["暴雨"]
    assert texts(document, "info/eventCode/valueName") == ["GB/T 35561"]
    assert texts(document, "info/eventCode/value") == ["11B03"]


def test_no_area_can_be_mistaken_for_the_other_hongjiang() -> None:
    document = written(replace(content, adcodes=("431281", "431281102", "431281101002")))
    assert texts(document, "info/area/areaDesc") == [
        "湖南省怀化市洪江市",
        "湖南省怀化市洪江市安江镇",
        "湖南省怀化市洪江市黔城镇玉皇阁社区",
    ]
    assert texts(document, "info/area/geocode/valueName") == ["GB/T 2260", *["GB/T 10114"] * 2]
    assert texts(document, "info/area/geocode/value") == ["431281", "431281102", "431281101002"]


words = st.text(min_size=1, max_size=40).filter(
    lambda text: text.strip() and not NOT_IN_XML.search(text)
)
moments = st.datetimes(
    datetime(1975, 1, 1),  # noqa: DTZ001
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@settings(deadline=None, max_examples=60)
@given(
    said=st.builds(
        replace,
        st.just(content),
        category=st.sampled_from(Category),
        color=st.sampled_from(Color),
        urgency=st.sampled_from(Urgency),
        certainty=st.sampled_from(Certainty),
        headline=words,
        description=words,
        instruction=words,
        adcodes=st.lists(
            st.sampled_from(sorted(GAZETTEER.regions.regions)), min_size=1, unique=True
        ).map(tuple),
        onset_at=st.none() | moments,
        expires_at=moments,
    ),
    exercise=st.sampled_from(["", "drill-7"]),
)
def test_every_draft_is_valid_and_complete(said: Content, exercise: str) -> None:
    document = written(said, exercise)
    assert len(texts(document, "info/area")) == len(said.adcodes)
    # XML turns a carriage return into a character reference, and gives it back.
    assert texts(document, "info/headline") == [said.headline]
    for time in texts(document, "info/expires"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00", time)
