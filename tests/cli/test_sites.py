"""Lists from a county's spreadsheets: every row is a request, or it is said why not."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.cli import sites
from services.cli.client import OutOfReach, Refusal
from services.cli.rpc import Rpc, find
from services.cli.site_columns import EXPERTS, RISK_SITES
from services.cli.site_file import BadList, Row, read
from services.cli.sites import shipped
from tests.service import ROOT

HEAD = "site_id,kind,name,adcode,latitude,longitude,key,threatened_people,responsible,invented"
GOOD = "s1,geological,屋背滑坡,431281102,27.3,110.1,是,15,村主任,"


def a_list(folder: Path, *rows: str, head: str = HEAD, encoding: str = "utf-8") -> Path:
    file = folder / "list.csv"
    file.write_bytes("\r\n".join(["# from the bureau", head, *rows, ""]).encode(encoding))
    return file


def wrong(rows: Any) -> dict[int, str]:
    return {row.line: row.wrong for row in rows if row.wrong}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_row_becomes_a_request_in_whatever_encoding_it_came(
    tmp_path: Path, encoding: str
) -> None:
    [row] = read(a_list(tmp_path, GOOD, encoding=encoding)).rows
    assert row == Row(
        line=3,
        key="s1",
        fields={
            "site_id": "s1",
            "kind": "RISK_SITE_KIND_GEOLOGICAL",
            "name": "屋背滑坡",
            "place": {"adcode": "431281102", "point": {"latitude": 27.3, "longitude": 110.1}},
            "key": True,
            "threatened_people": 15,
            "responsible": "村主任",
        },
    )
    json_format.ParseDict(row.fields, find(RISK_SITES.rpc).request())


def test_each_bad_row_is_named_by_its_line_and_no_other_is_lost(tmp_path: Path) -> None:
    found = read(
        a_list(
            tmp_path,
            GOOD,
            "s2,volcano,某,431281102,,,,,某,",
            "s3,geological,某,431281102,27.3,,,,某,",
            "s4,geological,某,431281102,,,maybe,,某,",
            's5,geological,"某\n两行",431281102,,,,,某,',
            "s6,geological,某,431281102,,,,many,某,",
            "s7,geological,某,431281102,north,110.1,,,某,",
            "s1,geological,某,431281102,,,,,某,",
            "s8,geological,某,431281102",
            ",,,,,,,,,",
            "s9,geological,某,431281102,,,,,某,name",
            "s10,geological,某,431281102,,,,,某,",
        )
    )
    said = wrong(found.rows)
    assert [row.key for row in found.rows if not row.wrong] == ["s1", "s5", "s10"]
    assert said.keys() == {4, 5, 6, 9, 10, 11, 12, 14}, "a cell of two lines counts two"
    assert said[4].startswith("kind: got volcano, allowed: geological, reservoir")
    assert said[5] == "longitude: got nothing, allowed: degrees, beside the latitude, or neither"
    assert said[6] == "key: got maybe, allowed: yes or no, 是 or 否"
    assert said[9] == "threatened_people: got many, allowed: a whole number, 0 or more"
    assert said[10] == "latitude: got north, allowed: a number"
    assert said[11] == "site_id: got s1, allowed: each once, and line 3 has it"
    assert said[12] == "cells: got 4, allowed: 10, as many as columns"
    assert "--exercise" in said[14]


def test_in_a_drill_what_is_invented_is_taken_and_every_id_is_the_drills(tmp_path: Path) -> None:
    head = HEAD.replace("threatened_people", "shelter_id")
    path = a_list(tmp_path, "s1,other,某,431281,,,,school,某,all", head=head)
    [row] = read(path, "drill-7").rows
    assert (row.fields["site_id"], row.fields["shelter_id"]) == ("drill-7-s1", "drill-7-school")


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ("name,kind", "first column: got name, allowed: site_id, landing_point_id, expert_id"),
        (f"{HEAD},colour", "columns: got colour, allowed"),
        (f"{HEAD},kind", "columns: got kind, kind, allowed: each once"),
        ("site_id,kind,name", "columns: adcode, responsible missing"),
        ("", "first column: got nothing"),
    ],
)
def test_a_file_that_is_no_list_is_refused_whole(tmp_path: Path, head: str, says: str) -> None:
    with pytest.raises(BadList, match=says):
        read(a_list(tmp_path, GOOD, head=head))


def test_a_quotation_that_does_not_end_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(BadList, match="line 4"):
        read(a_list(tmp_path, GOOD, 's2,"other'))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(st.text(max_size=8), min_size=1, max_size=12), max_size=8))
def test_whatever_stands_in_a_row_it_is_a_request_or_is_said_why_not(
    tmp_path: Path, rows: list[list[str]]
) -> None:
    file = tmp_path / "any.csv"
    with file.open("w", encoding="utf-8", newline="", errors="replace") as out:
        out.write(HEAD + "\r\n")
        csv.writer(out).writerows(rows)
    found = read(file, "drill").rows
    assert len(found) == sum(any(cell.strip() for cell in row) for row in rows)
    assert all(bool(row.fields) != bool(row.wrong) for row in found)


def test_experts_have_several_types_fields_and_papers(tmp_path: Path) -> None:
    head = "expert_id,name,adcode,types,fields,qualifications,home_adcode"
    papers = "高级工程师;注册安全工程师|Z1|2029-12-31"
    good = f"e1,石工,431281,on_scene;technical,geology; tailings,{papers},431200"
    rows = [good, good.replace("e1", "e2").replace("on_", "off_")]
    rows += [good.replace("e1", "e3").replace("12-31", "13-45"), good.replace("e1", "e4")]
    rows += [good.replace("e1", "e5").replace("2029-12-31", "2029-12-31|x")]
    found = read(a_list(tmp_path, *rows, head=head))
    fields = found.rows[0].fields
    assert found.kind is EXPERTS
    assert fields["types"] == ["EXPERT_TYPE_ON_SCENE", "EXPERT_TYPE_TECHNICAL"]
    assert fields["fields"] == ["geology", "tailings"]
    assert fields["qualifications"] == [
        {"name": "高级工程师", "certificate": ""},
        {
            "name": "注册安全工程师",
            "certificate": "Z1",
            "expire_time": "2029-12-31T00:00:00+08:00",
        },
    ]
    assert "day it ends" in found.rows[2].wrong
    assert "day it ends" in found.rows[4].wrong
    assert found.rows[1].wrong.startswith("types: got off_scene, allowed: deciding, on_scene")
    json_format.ParseDict(fields, find(EXPERTS.rpc).request())


class Suite:
    """Knows what it was told; refuses what it does not like, and ends for who has no token."""

    def __init__(self, ends: Exception | None = None) -> None:
        self.known: dict[str, Any] = {}
        self.ends = ends

    async def call(self, rpc: Rpc, request: Any, *, exercise: str = "", **_: Any) -> Any:
        if self.ends:
            raise self.ends
        assert exercise == ""
        if request.place.adcode != "431281102":
            code, context = grpc.StatusCode.INVALID_ARGUMENT, {"field": "place.adcode"}
            raise Refusal(code, "ADCODE_UNKNOWN", "place.adcode: got 1, allowed: 431281", context)
        request.request_id = ""
        before = self.known.get(request.site_id)
        self.known[request.site_id] = request
        answer: Any = rpc.response()
        answer.etag, answer.changed = "0" if before is None else "1", before != request
        answer.position = len(self.known)
        return answer


def client(suite: Suite) -> Any:
    return suite


async def test_loading_again_changes_nothing_and_another_word_changes_one_row(
    tmp_path: Path,
) -> None:
    suite = Suite()
    rows = [GOOD, GOOD.replace("s1", "s2"), GOOD.replace("s1", "s3").replace("431281102", "1")]

    async def load() -> sites.Outcome:
        [outcome] = await sites.load(client(suite), [read(a_list(tmp_path, *rows))])
        return outcome

    first, second = await load(), await load()
    rows[1] = rows[1].replace("15", "16")
    third = await load()

    counts = [(one.new, one.changed, one.as_before) for one in (first, second, third)]
    assert counts == [(2, 0, 0), (0, 0, 2), (0, 1, 1)]
    assert first.lines[0].endswith("risk sites: 2 new, 0 changed, 0 as before, 1 refused")
    assert first.lines[1:] == [
        "  line 5 (s3): ADCODE_UNKNOWN: adcode: got 1, allowed: 431281",
    ], "the column is named as the file names it"
    assert first.told["refused"][0]["line"] == 5
    assert first.told["position"] == 2


@pytest.mark.parametrize(
    "end",
    [
        Refusal(grpc.StatusCode.PERMISSION_DENIED, "CAPABILITY_REQUIRED", "no", {}),
        OutOfReach("away"),
    ],
)
async def test_what_is_not_a_rows_fault_ends_the_load(tmp_path: Path, end: Exception) -> None:
    with pytest.raises(type(end)):
        await sites.load(client(Suite(end)), [read(a_list(tmp_path, GOOD))])


# The samples.


def rows_of(path: Path) -> list[dict[str, str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [*csv.DictReader(line for line in lines if not line.startswith("#"))]


def test_the_samples_are_lists_for_drills_of_places_that_there_are() -> None:
    regions = json.loads((ROOT / "reference" / "regions.json").read_text())
    points = json.loads((ROOT / "reference" / "landing_points.json").read_text())
    fields = json.loads((ROOT / "reference" / "experts.json").read_text())["fields"]
    for path in shipped():
        rows, found = rows_of(path), read(path, "drill")
        assert not wrong(found.rows)
        assert len(wrong(read(path).rows)) == len(rows), "none of them is for earnest"
        assert all(row["invented"] for row in rows)
        assert path.read_text(encoding="utf-8").startswith("# A sample, for drills")
        for row, one in zip(rows, found.rows, strict=True):
            json_format.ParseDict(one.fields, find(found.kind.rpc).request())
            assert row["adcode"] in regions["regions"]
            if path.stem == "landing_points":
                assert row["kind"] in points["kinds"]
                assert row["surface"] in points["surfaces"]
            if path.stem == "experts":
                assert set(row["fields"].split(";")) <= fields.keys()
                assert row["home_adcode"] in {**regions["regions"], **regions["neighbours"]}


def test_the_sample_sites_are_as_many_as_the_citys_plan_counts() -> None:
    rows = rows_of(ROOT / "reference" / "samples" / "risk_sites.csv")
    assert Counter(row["kind"] for row in rows) == {
        "geological": 168,
        "reservoir": 5,
        "tailings_pond": 6,
        "hazardous_chemicals": 36,
        "fireworks": 3,
        "mine": 1,
    }
    slopes = [row for row in rows if row["kind"] == "geological"]
    assert sum(row["key"] == "yes" for row in slopes) == 16
    named = [row for row in rows if "name" not in row["invented"] and row["invented"] != "all"]
    assert [row for row in named if "虚拟" in row["name"]] == [
        row for row in named if row["invented"] == "all but adcode"
    ]
