"""`anlan plans`: brings sample plans from files into force, step by step as a plan is made."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from google.protobuf import json_format
from google.protobuf.message import Message

from services.cli.client import Client, Refusal
from services.cli.exits import CannotGoOn, Exit
from services.cli.rpc import find, plain
from services.cli.tokens import REFERENCE

KEYS = {"plan_id", "adcode", "issued", "content"}
SAMPLE = "样本"
"""What stands for body and paper, where nobody has reviewed, assessed or issued a sample."""
STEPS = {
    "PLAN_STATE_DRAFT": ("ReviewPlan", {"verdict": "PLAN_VERDICT_PASSED"}),
    "PLAN_STATE_REVIEWED": ("AssessPlan", {"verdict": "PLAN_VERDICT_PASSED"}),
    "PLAN_STATE_ASSESSED": ("PublishPlan", {}),
}
PATIENCE_S = 10.0


class BadPlan(CannotGoOn):
    """A file that holds no sample of a plan, or not the one that can be loaded now."""

    exit_code = Exit.USAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFile:
    """A sample as a file has it, its ``content`` as a message; in force from when it was issued."""

    path: Path
    plan_id: str
    adcode: str
    issued: str
    content: Any

    @property
    def title(self) -> str:
        return str(plain(self.content)["title"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """``version`` is in force; ``acts`` tells how many it took, 0 where it was so already."""

    plan: PlanFile
    version: int
    acts: int

    @property
    def said(self) -> str:
        done = f"in force after {self.acts} acts" if self.acts else "in force already"
        return f"{self.plan.plan_id} v{self.version} {self.plan.title}: {done}"


def shipped(names: Sequence[str] = ()) -> list[Path]:
    """Return the files of the samples that come with the suite, all or those named."""
    folder = Path(os.environ.get("ANLAN_REFERENCE") or REFERENCE) / "plans"
    return [folder / f"{name}.json" for name in names] or sorted(folder.glob("*.json"))


def read(path: Path) -> PlanFile:
    """Return the sample in a file.  Raises BadPlan."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(tree, dict) or set(tree) != KEYS:
            raise BadPlan(f"{path}: want a mapping of {', '.join(sorted(KEYS))}")
        named = {key: tree[key] for key in KEYS - {"issued"}}
        request = json_format.ParseDict(
            {**named, "occur_time": tree["issued"]}, _request("DraftPlan")
        )
    except (OSError, ValueError, json_format.ParseError) as wrong:
        raise BadPlan(f"{path}: {wrong}") from None
    content: Any = request.content  # type: ignore[attr-defined]
    if not content.sample:
        raise BadPlan(
            f"{path}: not marked as a sample; what shall hold in earnest is reviewed, assessed "
            "and published by people, not by a command"
        )
    return PlanFile(
        path=path,
        plan_id=str(tree["plan_id"]),
        adcode=str(tree["adcode"]),
        issued=str(tree["issued"]),
        content=content,
    )


async def load(client: Client, paths: Sequence[Path]) -> list[Loaded]:
    """Bring every sample in ``paths`` into force; one that is there already is left as it is.

    Raises BadPlan, before the first is sent where a file is wrong; Refusal and OutOfReach.
    """
    return [await _load(client, plan) for plan in [read(path) for path in paths]]


async def _load(client: Client, plan: PlanFile) -> Loaded:
    known = await _known(client, plan)
    if known is None:
        await _do(client, plan, "DraftPlan", adcode=plan.adcode, content=plan.content)
        number, state, acts = 1, "PLAN_STATE_DRAFT", 1
    elif known.version.content == plan.content:
        number, acts = known.version.version, 0
        state = str(plain(known.version)["state"])
    else:
        await _do(client, plan, "RevisePlan", content=plan.content, reason=f"{SAMPLE}更新")
        in_force = known.plan.version_in_force == known.version.version
        number, state, acts = known.version.version + in_force, "PLAN_STATE_DRAFT", 1
    position = 0
    for left in list(STEPS)[list(STEPS).index(state) :] if state in STEPS else ():
        method, more = STEPS[left]
        paper = {"version": number, "body": SAMPLE, "reference": f"{SAMPLE} {plan.issued}"}
        position = await _do(client, plan, method, **paper, **more)
        acts += 1
    if position:  # until it can be read that it is in force
        await _get(client, plan_id=plan.plan_id, read={"min_position": position})
    return Loaded(plan=plan, version=number, acts=acts)


async def _known(client: Client, plan: PlanFile) -> Any:
    """Return the newest version in the suite, None for a plan that is not there.

    What people have adopted, or are revising, is theirs: it is not replaced by a sample.
    """
    try:
        found = await _get(client, plan_id=plan.plan_id)
        if found.plan.newest_version != found.version.version:
            newest = found.plan.newest_version
            found = await _get(client, plan_id=plan.plan_id, version=newest)
    except Refusal as refusal:
        if refusal.reason == "NO_SUCH_PLAN":
            return None
        raise
    if plain(found.plan)["state"] == "PLAN_STATE_RETIRED":
        raise BadPlan(f"{plan.path}: {plan.plan_id} was retired: give the sample another id")
    if not (found.plan.sample and found.version.content.sample):
        raise BadPlan(
            f"{plan.path}: {plan.plan_id} is a plan in earnest by now, or being made one: "
            "a sample does not replace it"
        )
    return found


async def _get(client: Client, **fields: Any) -> Any:
    rpc = find("command.PlanService/GetPlan")
    return await client.call(rpc, rpc.request(**fields), patience_s=PATIENCE_S)


async def _do(client: Client, plan: PlanFile, method: str, **fields: Any) -> int:
    request: Any = _request(method)
    json_format.ParseDict({"occur_time": plan.issued}, request)
    request.request_id, request.plan_id = str(uuid4()), plan.plan_id
    content = fields.pop("content", None)
    if content is not None:
        request.content.CopyFrom(content)
    json_format.ParseDict(fields, request)
    rpc = find(f"command.PlanService/{method}")
    return int((await client.call(rpc, request, patience_s=PATIENCE_S)).position)


def _request(method: str) -> Message:
    return find(f"command.PlanService/{method}").request()
