"""The fire calls: every row read, its dirt counted, and its steps put into a unit's order."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from services.cli.importer import Outcome
from services.cli.imports import picture, summary
from services.cli.sffd import Kind, NotThisFile, Record, Row, in_order, read

FILE = Path(__file__).parents[1] / "data" / "sffd-unit-responses-2009-2015.csv"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def record() -> Record:
    return read(FILE)


@pytest.fixture(scope="module")
def raw() -> list[dict[str, str]]:
    """Return the rows as the standard library reads them, for counts of our own."""
    with FILE.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_no_row_is_lost(record: Record, raw: list[dict[str, str]]) -> None:
    assert record.read == len(record.rows) == len(raw) == 3038
    assert not record.unreadable
    assert len(record.incidents()) == 651
    assert len(record.by_unit()) == len({row["Unit ID"] for row in raw}) == 106


def test_dirt_is_what_it_is_in_the_file(record: Record, raw: list[dict[str, str]]) -> None:
    told = summary(record, Outcome(), 0)
    empty = Counter(kind.column for row in raw for kind in Kind if not row[kind.column])
    assert told["missing_times"] == dict(empty)
    assert empty == {"Response DtTm": 204, "On Scene DtTm": 955, "Available DtTm": 19}
    backwards = 0
    for row in raw:
        times = [
            datetime.strptime(row[kind.column], "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=UTC)
            for kind in Kind
            if row[kind.column]
        ]
        backwards += any(b < a for a, b in pairwise(times))
    assert told["rows_with_times_that_run_backwards"] == backwards == 11
    assert sum(told["times_that_run_backwards"].values()) == 11


def test_times_are_local_in_california(record: Record) -> None:
    winter = next(row for row in record.rows if row.row_id == "090100225-E21")
    assert winter.received == datetime(2009, 1, 10, 22, 36, 1, tzinfo=UTC)
    summer = next(row for row in record.rows if row.row_id == "121540050-E10")
    assert summer.times[Kind.DISPATCH] == datetime(2012, 6, 2, 10, 20, 56, tzinfo=UTC)


def test_every_step_of_every_row_is_planned_once_and_in_time(record: Record) -> None:
    planned = 0
    for rows in record.by_unit().values():
        steps = list(in_order(rows))
        own = [step for step in steps if not step.inferred]
        planned += len(own)
        assert Counter((s.row.row_id, s.kind) for s in own) == Counter(
            (row.row_id, kind) for row in rows for kind in row.times
        )
        for row in rows:
            kinds = [step.kind for step in steps if step.row is row]
            assert kinds == sorted(kinds), "a row's own steps keep their order"
        clean = {row.row_id for row in rows if not row.backwards}
        times = [step.at for step in steps if step.row.row_id in clean]
        assert times == sorted(times)
    assert planned == 3038 * 4 - 204 - 955 - 19


def test_three_units_are_on_two_calls_at_once(record: Record) -> None:
    double = []
    for unit, rows in record.by_unit().items():
        held: set[str] = set()
        for step in in_order(rows):
            if step.kind is Kind.DISPATCH:
                double += [unit] if held else []
                held.add(step.row.row_id)
            elif step.kind is Kind.CLEAR:
                held.discard(step.row.row_id)
    assert sorted(double) == ["E10", "E21", "T06"]


def row(line: int, **minutes: int) -> Row:
    return Row(
        line=line,
        row_id=f"{line}-E1",
        call=str(line),
        incident=f"i{line}",
        unit="E1",
        unit_type="ENGINE",
        call_type="Outside Fire",
        address="A ST",
        disposition="",
        latitude=37.7,
        longitude=-122.4,
        received=NOON,
        entered=None,
        times={Kind[name.upper()]: NOON + timedelta(minutes=at) for name, at in minutes.items()},
        transported=False,
    )


def order(*rows: Row) -> list[tuple[int, str]]:
    return [
        (step.row.line, step.kind.name + ("?" if step.inferred else "")) for step in in_order(rows)
    ]


def test_free_in_the_second_of_the_next_call_is_free_first() -> None:
    assert order(row(2, dispatch=5, clear=9), row(1, dispatch=0, clear=5)) == [
        (1, "DISPATCH"),
        (1, "CLEAR"),
        (2, "DISPATCH"),
        (2, "CLEAR"),
    ]


def test_all_in_one_second_keeps_the_columns() -> None:
    assert order(row(1, dispatch=0, en_route=0, on_scene=0, clear=0)) == [
        (1, "DISPATCH"),
        (1, "EN_ROUTE"),
        (1, "ON_SCENE"),
        (1, "CLEAR"),
    ]


def test_backwards_times_are_kept_as_said_in_the_order_of_the_columns() -> None:
    backwards = row(1, dispatch=0, on_scene=7, clear=3)
    assert order(backwards) == [(1, "DISPATCH"), (1, "ON_SCENE"), (1, "CLEAR")]
    assert [step.at for step in in_order([backwards])][2] == NOON + timedelta(minutes=3)
    assert backwards.backwards == [(Kind.ON_SCENE, Kind.CLEAR)]


def test_without_a_time_of_release_the_next_call_releases() -> None:
    assert order(row(1, dispatch=0), row(2, dispatch=5, clear=6)) == [
        (1, "DISPATCH"),
        (1, "CLEAR?"),
        (2, "DISPATCH"),
        (2, "CLEAR"),
    ]


def test_on_two_calls_at_once_both_go_on() -> None:
    assert order(row(1, dispatch=0, clear=9), row(2, dispatch=5, clear=7)) == [
        (1, "DISPATCH"),
        (2, "DISPATCH"),
        (2, "CLEAR"),
        (1, "CLEAR"),
    ]


def test_requests_have_the_same_ids_each_time_and_each_its_own(record: Record) -> None:
    ids = [step.request_id() for rows in record.by_unit().values() for step in in_order(rows)]
    assert len(set(ids)) == len(ids)
    again = read(FILE, limit=1).rows
    step = next(in_order(again))
    assert step.request_id() in ids
    assert step.request_id("/override") not in ids


def test_the_limit_counts_rows() -> None:
    assert read(FILE, limit=7).read == 7


def test_unreadable_rows_are_kept_with_their_reason(tmp_path: Path) -> None:
    with FILE.open(newline="", encoding="utf-8") as file:
        table = csv.DictReader(file)
        rows = [next(table) for _ in range(4)]
        rows[0]["Dispatch DtTm"] = ""
        rows[1]["Location"] = "nowhere"
        rows[2]["Received DtTm"] = "13/13/2009"
        broken = tmp_path / "broken.csv"
        with broken.open("w", newline="") as copy:
            writer = csv.DictWriter(copy, table.fieldnames or ())
            writer.writeheader()
            writer.writerows(rows)
    found = read(broken)
    assert [(len(found.rows), len(found.unreadable))] == [(1, 3)]
    assert "no time of call or dispatch" in found.unreadable[0][1]
    told = summary(found, Outcome(assignments=1, refused=list(found.unreadable)), 0)
    assert told["rows_read"] == told["assignments"] + len(told["refused"]) == 4
    assert picture(told).renderables


def test_another_file_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(NotThisFile, match="no column Address"):
        read(other)


def test_in_the_hour_that_autumn_has_twice_the_row_says_so(tmp_path: Path) -> None:
    with FILE.open(newline="", encoding="utf-8") as file:
        table = csv.DictReader(file)
        entry = next(table)
        entry["Received DtTm"] = "11/01/2009 01:30:00 AM"
        copy = tmp_path / "autumn.csv"
        with copy.open("w", newline="") as out:
            writer = csv.DictWriter(out, table.fieldnames or ())
            writer.writeheader()
            writer.writerow(entry)
    assert read(copy).rows[0].ambiguous == ("Received DtTm",)
