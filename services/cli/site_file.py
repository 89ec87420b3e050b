"""Lists of risk sites, landing points and experts as CSV: each row a request, or what is wrong."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

from services.cli.exits import CannotGoOn, Exit

INVENTED = "invented"
"""The column that names what of a row nobody found out but somebody made up; empty for nothing."""
SEVERAL = ";"
PARTS = "|"
YES = {"yes", "true", "1", "是"}
NO = {"no", "false", "0", "否", ""}
ENCODINGS = ("utf-8-sig", "gb18030")
"""What spreadsheets write in China; a text in the second is hardly ever valid in the first."""


class BadList(CannotGoOn):
    """A file that is no list, or not one whose columns are known."""

    exit_code = Exit.USAGE


class Wrong(Exception):
    """A cell that cannot be read: its column, what came and what is allowed."""

    def __init__(self, column: str, got: str, allowed: str) -> None:
        super().__init__(f"{column}: got {got or 'nothing'}, allowed: {allowed}")


@dataclass(frozen=True, slots=True)
class Column:
    """``path`` is where a cell goes in the request; ``read`` makes a value of its text."""

    path: str
    read: Callable[[str, str], Any] = lambda _, text: text
    required: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """What a list is of, known by its first column.  A drill's id is put before ``references``."""

    name: str
    rpc: str
    columns: Mapping[str, Column]
    references: tuple[str, ...]

    @property
    def key(self) -> str:
        return next(iter(self.columns))

    def named(self, path: str) -> str:
        """Return the column, or columns, from which a field of the request came."""
        found = [
            name
            for name, column in self.columns.items()
            if column.path == path or column.path.startswith(f"{path}.")
        ]
        return ", ".join(found) or path


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """``fields`` is the request as JSON has it; empty where ``wrong`` says why there is none."""

    line: int
    key: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class SiteList:
    path: Path
    kind: Kind
    rows: Sequence[Row]


def number(column: str, text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Wrong(column, text, "a number")
    return value


def whole(column: str, text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise Wrong(column, text, "a whole number, 0 or more")
    return int(text)


def yes(column: str, text: str) -> bool:
    if text.lower() not in YES | NO:
        raise Wrong(column, text, "yes or no, 是 or 否")
    return text.lower() in YES


def several(_: str, text: str) -> list[str]:
    return [part.strip() for part in text.split(SEVERAL) if part.strip()]


def word(prefix: str, *words: str) -> Callable[[str, str], str]:
    """Return what reads a word of an enum, whose names begin with ``prefix``."""

    def read(column: str, text: str) -> str:
        if text not in words:
            raise Wrong(column, text, ", ".join(words))
        return f"{prefix}{text.upper()}"

    return read


def words(prefix: str, *known: str) -> Callable[[str, str], list[str]]:
    read = word(prefix, *known)
    return lambda column, text: [read(column, part) for part in several(column, text)]


def qualifications(column: str, text: str) -> list[dict[str, str]]:
    """Read ``name|certificate|end``, the last two of which may be left out, separated by ``;``."""
    found = []
    for part in several(column, text):
        name, *more = (piece.strip() for piece in part.split(PARTS))
        if len(more) > 2:  # noqa: PLR2004 - certificate and end
            raise Wrong(column, part, f"name{PARTS}certificate{PARTS}2030-01-01")
        one = dict(zip(("name", "certificate"), (name, *more), strict=False))
        if len(more) == 2 and more[1]:  # noqa: PLR2004
            one["expire_time"] = f"{more[1]}T00:00:00+08:00"
        found.append(one)
    return found


PLACE = {
    "adcode": Column("place.adcode", required=True),
    "address": Column("place.address"),
    "latitude": Column("place.point.latitude", number),
    "longitude": Column("place.point.longitude", number),
}
RISK_SITES = Kind(
    "risk sites",
    "resources.RiskSiteService/RegisterRiskSite",
    {
        "site_id": Column("site_id", required=True),
        "kind": Column(
            "kind",
            word(
                "RISK_SITE_KIND_",
                "geological",
                "reservoir",
                "tailings_pond",
                "hazardous_chemicals",
                "fireworks",
                "mine",
                "other",
            ),
            required=True,
        ),
        "name": Column("name", required=True),
        **PLACE,
        "key": Column("key", yes),
        "threatened_households": Column("threatened_households", whole),
        "threatened_people": Column("threatened_people", whole),
        "responsible": Column("responsible", required=True),
        "responsible_phone": Column("responsible_phone"),
        "monitor": Column("monitor"),
        "monitor_phone": Column("monitor_phone"),
        "instructions": Column("instructions"),
        "shelter_id": Column("shelter_id"),
        "source": Column("source"),
    },
    ("site_id", "shelter_id"),
)
LANDING_POINTS = Kind(
    "landing points",
    "resources.LandingPointService/RegisterLandingPoint",
    {
        "landing_point_id": Column("landing_point_id", required=True),
        "kind": Column("kind", required=True),
        "name": Column("name", required=True),
        **PLACE,
        "elevation_m": Column("elevation_m", number),
        "length_m": Column("length_m", number, required=True),
        "width_m": Column("width_m", number, required=True),
        "surface": Column("surface", required=True),
        "max_weight_kg": Column("max_weight_kg", whole),
        "night_lighting": Column("night_lighting", yes),
        "restrictions": Column("restrictions"),
        "keeper": Column("keeper"),
        "keeper_phone": Column("keeper_phone"),
        "source": Column("source"),
    },
    ("landing_point_id",),
)
EXPERTS = Kind(
    "experts",
    "resources.ExpertService/RegisterExpert",
    {
        "expert_id": Column("expert_id", required=True),
        "name": Column("name", required=True),
        "adcode": Column("adcode", required=True),
        "types": Column(
            "types", words("EXPERT_TYPE_", "deciding", "on_scene", "technical"), required=True
        ),
        "fields": Column("fields", several, required=True),
        "organisation": Column("organisation"),
        "phone": Column("phone"),
        "second_contact": Column("second_contact"),
        "qualifications": Column("qualifications", qualifications),
        "home_adcode": Column("home.adcode", required=True),
        "home_address": Column("home.address"),
        "latitude": Column("home.point.latitude", number),
        "longitude": Column("home.point.longitude", number),
        "source": Column("source"),
    },
    ("expert_id",),
)
KINDS = {kind.key: kind for kind in (RISK_SITES, LANDING_POINTS, EXPERTS)}


def read(path: Path, exercise: str = "") -> SiteList:
    """Return the list in a file, for earnest or for a drill, whose id then begins every id.

    Raises BadList; what is wrong with one row is said by that row alone.
    """
    lines = _text(path).splitlines(keepends=True)
    comments = sum(1 for _ in takewhile(lambda line: line.lstrip('" ').startswith("#"), lines))
    reader = csv.reader(lines[comments:], strict=True)
    try:
        columns = [name.strip() for name in next(reader, [])]
        kind = _kind(path, columns)
        rows = [*_rows(reader, comments, columns, kind, exercise)]
    except csv.Error as wrong:
        raise BadList(f"{path}: line {comments + reader.line_num}: {wrong}") from None
    return SiteList(path, kind, rows)


def _text(path: Path) -> str:
    data = path.read_bytes()
    for encoding in ENCODINGS:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadList(f"{path}: neither UTF-8 nor GB 18030: save it as CSV UTF-8")


def _kind(path: Path, columns: list[str]) -> Kind:
    """Return what a list with these columns is of.  Raises BadList."""
    kind = KINDS.get(columns[0] if columns else "")
    if kind is None:
        raise BadList(
            f"{path}: first column: got {columns[0] if columns else 'nothing'}, "
            f"allowed: {', '.join(KINDS)}: it says what the list is of"
        )
    known = [*kind.columns, INVENTED]
    if strange := [name for name in columns if name not in known or columns.count(name) > 1]:
        raise BadList(
            f"{path}: columns: got {', '.join(strange)}, allowed: each once of {', '.join(known)}"
        )
    required = [name for name, column in kind.columns.items() if column.required]
    if missing := [name for name in required if name not in columns]:
        raise BadList(f"{path}: columns: {', '.join(missing)} missing")
    return kind


def _rows(
    reader: Any, comments: int, columns: list[str], kind: Kind, exercise: str
) -> Iterator[Row]:
    first: dict[str, int] = {}
    line = comments + reader.line_num + 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield _row(line, cells, columns, kind, exercise, first)
        line = comments + reader.line_num + 1


def _row(
    line: int,
    cells: list[str],
    columns: list[str],
    kind: Kind,
    exercise: str,
    first: dict[str, int],
) -> Row:
    key = cells[0].strip()
    try:
        if len(cells) != len(columns):
            raise Wrong("cells", str(len(cells)), f"{len(columns)}, as many as columns")  # noqa: TRY301
        before = first.setdefault(key, line)
        if before != line:
            raise Wrong(kind.key, key, f"each once, and line {before} has it")  # noqa: TRY301
        texts = dict(zip(columns, (cell.strip() for cell in cells), strict=True))
        return Row(line=line, key=key, fields=_fields(texts, kind, exercise))
    except Wrong as wrong:
        return Row(line=line, key=key, wrong=str(wrong))


def _fields(texts: dict[str, str], kind: Kind, exercise: str) -> dict[str, Any]:
    invented = texts.pop(INVENTED, "")
    if invented and not exercise:
        raise Wrong(
            INVENTED, invented, "nothing in earnest; name the drill that it is for with --exercise"
        )
    fields: dict[str, Any] = {}
    for name, text in texts.items():
        column = kind.columns[name]
        value = column.read(name, text)
        if value is None or value == "":
            continue
        if exercise and name in kind.references:
            value = f"{exercise}-{value}"
        *above, last = column.path.split(".")
        into = fields
        for part in above:
            into = into.setdefault(part, {})
        into[last] = value
    _whole_point(texts)
    return fields


def _whole_point(texts: Mapping[str, str]) -> None:
    """Raise Wrong for half a point, which would lie on the equator or at Greenwich."""
    given = [name for name in ("latitude", "longitude") if texts.get(name)]
    if len(given) == 1:
        missing = "longitude" if given == ["latitude"] else "latitude"
        raise Wrong(missing, "", f"degrees, beside the {given[0]}, or neither")
