"""`anlan runcards`: brings sample run cards from files into force, for exercises."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from google.protobuf import json_format

from services.cli.client import Client, Refusal
from services.cli.exits import CannotGoOn, Exit
from services.cli.rpc import find, plain
from services.cli.tokens import REFERENCE

KEYS = {"run_card_id", "adcode", "issued", "content"}
SAMPLE = "样本"
PATIENCE_S = 10.0


class BadRunCard(CannotGoOn):
    """A file that holds no sample of a run card, or not one that can be loaded now."""

    exit_code = Exit.USAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """``version`` is in force; ``acts`` tells how many it took, 0 where it was so already."""

    run_card_id: str
    title: str
    version: int
    acts: int

    @property
    def said(self) -> str:
        done = f"in force after {self.acts} acts" if self.acts else "in force already"
        return f"{self.run_card_id} v{self.version} {self.title}: {done}"


def shipped() -> list[Path]:
    """Return the files of the samples that come with the suite."""
    folder = Path(os.environ.get("ANLAN_REFERENCE") or REFERENCE) / "runcards"
    return sorted(folder.glob("*.json"))


def read(path: Path) -> Any:
    """Return the request that drafts the sample in a file.  Raises BadRunCard."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(tree, dict) or set(tree) != KEYS:
            raise BadRunCard(f"{path}: want a mapping of {', '.join(sorted(KEYS))}")
        tree["occur_time"] = tree.pop("issued")
        request: Any = json_format.ParseDict(tree, _request("DraftRunCard"))
    except (OSError, ValueError, json_format.ParseError) as wrong:
        raise BadRunCard(f"{path}: {wrong}") from None
    if not request.content.sample:
        raise BadRunCard(
            f"{path}: not marked as a sample; what shall hold in earnest is drafted and published "
            "by people, not by a command"
        )
    return request


async def load(client: Client, paths: Sequence[Path]) -> list[Loaded]:
    """Bring every sample into force; one that is there already is left as it is.

    Raises BadRunCard, before the first is sent where a file is wrong; Refusal and OutOfReach.
    """
    return [await _load(client, draft) for draft in [read(path) for path in paths]]


async def _load(client: Client, draft: Any) -> Loaded:
    known = await _known(client, draft.run_card_id)
    acts, version = 0, 1
    if known is None:
        await _do(client, "DraftRunCard", draft)
        acts = 1
    elif not known.run_card.content.sample:
        raise BadRunCard(f"{draft.run_card_id} is a card in earnest by now: it stays as it is")
    elif plain(known.run_card)["state"] == "RUN_CARD_STATE_RETIRED":
        raise BadRunCard(f"{draft.run_card_id} was retired: give the sample another id")
    else:
        version = known.run_card.newest_version
        newest = await _known(client, draft.run_card_id, version)
        if newest.run_card.content != draft.content:
            revise = _request("ReviseRunCard")
            revise.run_card_id, revise.reason = draft.run_card_id, f"{SAMPLE}更新"
            revise.content.CopyFrom(draft.content)
            version, acts = (await _do(client, "ReviseRunCard", revise)).version, 1
    if acts or known.run_card.version_in_force != version:
        publish = _request("PublishRunCard")
        publish.run_card_id, publish.version = draft.run_card_id, version
        publish.body, publish.reference = SAMPLE, f"{SAMPLE} {draft.run_card_id}"
        await _do(client, "PublishRunCard", publish)
        acts += 1
    return Loaded(
        run_card_id=draft.run_card_id, title=draft.content.title, version=version, acts=acts
    )


async def _known(client: Client, run_card_id: str, version: int = 0) -> Any:
    rpc = find("dispatch.RunCardService/GetRunCard")
    request = rpc.request(run_card_id=run_card_id, version=version)
    try:
        return await client.call(rpc, request, patience_s=PATIENCE_S)
    except Refusal as refusal:
        if refusal.reason == "NO_SUCH_RUN_CARD":
            return None
        raise


async def _do(client: Client, method: str, request: Any) -> Any:
    request.request_id = str(uuid4())
    rpc = find(f"dispatch.RunCardService/{method}")
    return await client.call(rpc, request, patience_s=PATIENCE_S)


def _request(method: str) -> Any:
    return find(f"dispatch.RunCardService/{method}").request()
