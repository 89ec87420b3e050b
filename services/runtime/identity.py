"""Tokens: who calls, in which roles, over which region; and what each role may call."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt import PyJWK, PyJWKSet
from jwt.algorithms import OKPAlgorithm

from services.runtime.actor import Actor

AUDIENCE = "anlan"
ALGORITHMS = ["EdDSA", "RS256"]
RELOAD_KEYS_AFTER_S = 30.0
KEPT_TOKENS = 10_000


class Unauthenticated(Exception):
    """No token, or one that does not verify."""


class Verifier:
    """Verifies bearer tokens of one issuer against its JWKS, a file or an https URL."""

    def __init__(self, issuer: str, jwks: str) -> None:
        self._issuer = issuer
        self._jwks = jwks
        self._keys: dict[str, Any] = {}
        self._loaded_at = float("-inf")
        self._verified: dict[str, tuple[float, Actor]] = {}

    async def verify(self, token: str) -> Actor:
        """Return the actor whom ``token`` names.  Raises Unauthenticated."""
        if known := self._verified.get(token):
            expires, actor = known
            if time.time() < expires:
                return actor
            del self._verified[token]
        try:
            claims = jwt.decode(
                token,
                await self._key(jwt.get_unverified_header(token).get("kid", "")),
                algorithms=ALGORITHMS,
                audience=AUDIENCE,
                issuer=self._issuer,
                options={"require": ["exp", "sub", "iss", "aud"]},
            )
            actor = Actor(
                subject=claims["sub"],
                roles=tuple(claims.get("roles", ())),
                jurisdiction=claims.get("jurisdiction", ""),
            )
        except jwt.PyJWTError as wrong:
            raise Unauthenticated(str(wrong)) from None
        if not actor.jurisdiction.isdigit():
            raise Unauthenticated("the token names no jurisdiction")
        if len(self._verified) >= KEPT_TOKENS:
            self._verified.clear()
        self._verified[token] = (float(claims["exp"]), actor)
        return actor

    async def _key(self, kid: str) -> Any:
        if kid not in self._keys and time.monotonic() - self._loaded_at > RELOAD_KEYS_AFTER_S:
            self._loaded_at = time.monotonic()
            keys = PyJWKSet.from_json(await self._load())
            self._keys = {key.key_id or "": key.key for key in keys.keys}
        if kid not in self._keys:
            raise Unauthenticated(f"no key {kid!r} at the issuer")
        return self._keys[kid]

    async def _load(self) -> str:
        if self._jwks.startswith(("https://", "http://")):
            async with httpx.AsyncClient(timeout=5) as http:
                return (await http.get(self._jwks)).raise_for_status().text
        return await asyncio.to_thread(Path(self._jwks).read_text)


@dataclass(frozen=True, slots=True)
class Authority:
    """What each RPC needs and each role grants; versioned data, one table."""

    version: str
    source: str
    rpcs: dict[str, str]
    roles: dict[str, list[str]]

    def grants(self, actor: Actor, capability: str) -> bool:
        return any(capability in self.roles.get(role, ()) for role in actor.roles)

    def capabilities(self, actor: Actor) -> frozenset[str]:
        return frozenset().union(*(self.roles.get(role, ()) for role in actor.roles))

    def required(self, method: str) -> str | None:
        """Return the capability that ``/package.Service/Method`` needs; None for one not listed."""
        return self.rpcs.get(method.lstrip("/"))


class DevelopmentIssuer:
    """Signs tokens with a key on this disk.  For one machine; production has a real issuer."""

    NAME = "anlan-development"

    def __init__(self, folder: Path) -> None:
        self._private = folder / "issuer.key.json"
        self.jwks = folder / "jwks.json"

    def ensure(self) -> None:
        """Make the key pair where there is none."""
        if self._private.exists():
            return
        key = Ed25519PrivateKey.generate()
        public = {**OKPAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": self.NAME}
        self._private.parent.mkdir(parents=True, exist_ok=True)
        self._private.touch(mode=0o600)
        self.jwks.write_bytes(msgspec.json.encode({"keys": [public]}))
        self._private.write_bytes(msgspec.json.encode(OKPAlgorithm.to_jwk(key, as_dict=True)))

    def issue(self, actor: Actor, now: datetime, lifetime: timedelta) -> str:
        key = PyJWK.from_json(self._private.read_text(), algorithm="EdDSA")
        claims = {
            "iss": self.NAME,
            "aud": AUDIENCE,
            "sub": actor.subject,
            "roles": list(actor.roles),
            "jurisdiction": actor.jurisdiction,
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
        }
        return jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": self.NAME})
