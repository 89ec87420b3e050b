"""What is said of a unit in one word: how its assignment goes, or how the unit itself fares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.cli.acting import act
from services.cli.client import Client, Refusal
from services.cli.exits import CannotGoOn, Exit
from services.cli.reads import one
from services.runtime import reference
from services.runtime.settings import REPOSITORY


@dataclass(frozen=True, slots=True)
class Word:
    """What is said of an assignment; ``note`` is the field that takes what else is said.

    ``asks`` is said of a plan that came to nothing and waits for an answer, on which no unit is.
    """

    words: tuple[str, ...]
    rpc: str
    note: str = ""
    asks: bool = False


@dataclass(frozen=True, slots=True)
class StatusWords:
    """The words of assignments; a unit's own words are the vocabulary of its kind."""

    version: str
    source: str
    words: tuple[Word, ...]

    def find(self, text: str) -> Word | None:
        return next((word for word in self.words if text.lower() in word.words), None)

    def __str__(self) -> str:
        return ", ".join("/".join(word.words) for word in self.words)


class NotOne(CannotGoOn):
    """What was named is not one thing."""

    exit_code = Exit.NOT_FOUND


class UnknownWord(CannotGoOn):
    exit_code = Exit.USAGE


def shipped() -> StatusWords:
    return reference.load(REPOSITORY / "reference", "status_words", StatusWords)


async def say(client: Client, words: StatusWords, name: str, text: str, note: str) -> str:
    """Say ``text`` of an assignment or of a unit.

    A word of assignments is said of the one that the unit is on, and of nothing else: whoever
    reports an arrival must not set a mere status unawares.  Any other word, or one of EIDO's codes,
    is said of the unit.
    """
    word = words.find(text)
    found = await _assignment(client, name, asks=word is not None and word.asks)
    if word is not None and found is not None:
        return await _of_assignment(client, found, word, note)
    unit_id = name if found is None else found["unit_id"]
    unit = (await one(client, "resources.UnitService/GetUnit", {"unit_id": unit_id}))["unit"]
    vocabulary = await one(
        client, "resources.UnitService/GetUnitVocabulary", {"kind": unit["kind"]}
    )
    said = _own_word(vocabulary, text, exactly=word is not None)
    if said is None and word is not None:
        raise NotOne(f"{unit_id} is on no assignment, of which {text!r} could be said")
    if said is None:
        own = ", ".join(known["word"] for known in vocabulary["words"])
        codes = ", ".join(
            f"{code['code']} {code['name']}" for code in vocabulary["secondary_statuses"]
        )
        raise UnknownWord(
            f"no status {text!r} for {unit_id} ({unit['kind']}); of its assignment: {words}; "
            f"of the unit itself: {own}; or a code of EIDO: {codes}"
        )
    fields = {"unit_id": unit_id, "source": "STATUS_SOURCE_CONSOLE", **said}
    answer = await act(client, "resources.UnitService/SetUnitStatus", fields, unit["exercise"])
    return f"{unit_id}: {', '.join(said.get('codes', ())) or said['word']}{_late(answer)}"


async def _of_assignment(client: Client, found: Any, word: Word, note: str) -> str:
    fields = {"assignment_id": found["assignment_id"]}
    if word.note:
        fields[word.note] = note or word.words[-1]
    answer = await act(client, word.rpc, fields, found["exercise"])
    return f"{found['unit_id']} ({found['assignment_id']}): {word.words[0]}{_late(answer)}"


def _own_word(vocabulary: Any, text: str, *, exactly: bool) -> dict[str, Any] | None:
    """Return what to say of the unit itself: a word of its kind, or a code.

    ``exactly`` takes a code only, and only as it is spelled.
    """
    codes = [code["code"] for code in vocabulary["secondary_statuses"]]
    if exactly:
        return {"codes": [text]} if text in codes else None
    if any(known["word"] == text for known in vocabulary["words"]):
        return {"word": text}
    found = [code for code in codes if code.lower() == text.lower()]
    return {"codes": found} if found else None


def _late(answer: Any) -> str:
    return "  (late: something newer is known)" if answer.get("late") else ""


async def _assignment(client: Client, name: str, *, asks: bool) -> Any | None:
    """Return the open assignment that unit ``name`` is on, or else the one called so."""
    listed = await one(
        client, "dispatch.AssignmentService/ListAssignments", {"unit_id": name, "page_size": 20}
    )
    on_it = [found for found in listed["assignments"] if found["asks"] is asks]
    if len(on_it) == 1:
        return on_it[0]
    if on_it:
        ids = ", ".join(found["assignment_id"] for found in on_it)
        raise NotOne(f"{name} is on {len(on_it)} assignments: name one of {ids}")
    try:
        answer = await one(
            client, "dispatch.AssignmentService/GetAssignment", {"assignment_id": name}
        )
    except Refusal as refusal:
        if refusal.exit_code is Exit.NOT_FOUND:
            return None
        raise
    return answer["assignment"]
