"""Development tokens: the keys of one data directory, and what they sign."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.cli.exits import CannotGoOn, Exit

SERVICE_TOKEN_LIFETIME = timedelta(days=7)
CLI_TOKEN_LIFETIME = timedelta(hours=12)
NATION = "000000"
REFERENCE = Path(__file__).parents[2] / "reference"


class NoIssuer(CannotGoOn):
    """No keys where they were looked for."""

    exit_code = Exit.NOT_ALLOWED


class UnknownRole(CannotGoOn):
    """A role that grants nothing, because nobody defined it."""

    exit_code = Exit.USAGE


def known_roles(roles: Sequence[str]) -> Sequence[str]:
    """Return ``roles``; raises UnknownRole for one that the reference data does not have."""
    folder = Path(os.environ.get("ANLAN_REFERENCE") or REFERENCE)
    defined = json.loads((folder / "authority.json").read_text())["roles"]
    for role in roles:
        if role not in defined:
            raise UnknownRole(f"no role {role!r}; there are {', '.join(sorted(defined))}")
    return roles


def issuer_folder(data: Path) -> Path:
    return data / "issuer"


def make_issuer(data: Path) -> Path:
    """Make the keys where there are none; return the file of the public ones."""
    from services.runtime.identity import DevelopmentIssuer  # noqa: PLC0415 - slow to import

    issuer = DevelopmentIssuer(issuer_folder(data))
    issuer.ensure()
    return issuer.jwks


def issue(
    data: Path,
    subject: str,
    roles: Sequence[str],
    jurisdiction: str,
    lifetime: timedelta = CLI_TOKEN_LIFETIME,
) -> str:
    """Return a token signed by the suite whose data these are.  Raises NoIssuer."""
    from services.runtime.actor import Actor  # noqa: PLC0415 - slow to import
    from services.runtime.identity import DevelopmentIssuer  # noqa: PLC0415

    folder = issuer_folder(data)
    actor = Actor(subject=subject, roles=tuple(roles), jurisdiction=jurisdiction)
    try:
        return DevelopmentIssuer(folder).issue(actor, datetime.now(UTC), lifetime)
    except FileNotFoundError:
        raise NoIssuer(
            f"no keys in {folder}: name the suite's data with --data or ANLAN_DATA, "
            "or bring a token with --token or ANLAN_TOKEN"
        ) from None


def own(data: Path) -> str:
    """Return an administrator's token for whoever sits here."""
    return issue(data, keyboard(), ["administrator"], NATION)


def write_service_token(data: Path, path: Path) -> None:
    """Write the token with which services call each other; whole or not at all."""
    token = issue(data, "anlan", ["service"], NATION, SERVICE_TOKEN_LIFETIME)
    part = path.with_name(f"{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token)
    part.replace(path)


def keyboard() -> str:
    """Return the subject for the person at this keyboard."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return f"cli:{os.getuid()}"
