"""Lists of risk sites, landing points and experts as CSV: each row a request, or what is wrong."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from itertools import takewhile
from pathlib import Path
from typing import Any

from services.cli.exits import CannotGoOn, Exit
from services.cli.site_columns import KINDS, Kind, Wrong

INVENTED = "invented"
"""The column that names what of a row nobody found out but somebody made up; empty for nothing."""
ENCODINGS = ("utf-8-sig", "gb18030")
"""What spreadsheets write in China; a text in the second is hardly ever valid in the first."""


class BadList(CannotGoOn):
    """A file that is no list, or not one whose columns are known."""

    exit_code = Exit.USAGE


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


def read(path: Path, exercise: str = "") -> SiteList:
    """Return the list in a file, for earnest or for a drill, whose id then begins every id.

    Raises BadList; what is wrong with one row is said by that row alone.
    """
    # As a spreadsheet breaks lines, not at each of the breaks that Unicode has.
    lines = [*StringIO(_text(path), newline="")]
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
