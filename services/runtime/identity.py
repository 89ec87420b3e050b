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
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt import PyJWK, PyJWKSet
from jwt.algorithms import OKPAlgorithm

from services.runtime.actor import Actor
from services.runtime.rejection import Unavailable

AUDIENCE = "anlan"
ALGORITHMS = ["EdDSA", "RS256"]
RELOAD_KEYS_AFTER_S = 30.0
RETRY_KEYS_AFTER_S = 1.0
KEPT_TOKENS = 10_000

log = structlog.get_logger()


class Unauthenticated(Exception):
    """No token, or one that does not verify."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What we read of a token; the rest is PyJWT's to check."""

    sub: str
    exp: float
    jurisdiction: str = ""
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Jwks:
    keys: list[dict[str, Any]]


class Verifier:
    """Verifies bearer tokens of one issuer against its JWKS, a file or an https URL."""

    def __init__(self, issuer: str, jwks: str) -> None:
        self._issuer = issuer
        self._jwks = jwks
        self._keys: dict[str, PyJWK] = {}
        self._loading = asyncio.Lock()
        self._load_again_at = float("-inf")
        self._verified: dict[str, tuple[float, Actor]] = {}

    async def verify(self, token: str) -> Actor:
        """Return the actor whom ``token`` names.  Raises Unauthenticated, or Unavailable."""
        if known := self._verified.get(token):
            expires, actor = known
            if time.time() < expires:
                return actor
            del self._verified[token]
        try:
            decoded = jwt.decode(
                token,
                await self._key(jwt.get_unverified_header(token).get("kid", "")),
                algorithms=ALGORITHMS,
                audience=AUDIENCE,
                issuer=self._issuer,
                options={"require": ["exp", "sub", "iss", "aud"]},
            )
            claims = msgspec.convert(decoded, Claims)
        except (jwt.PyJWTError, msgspec.ValidationError) as wrong:
            raise Unauthenticated(str(wrong)) from None
        if not (claims.jurisdiction.isascii() and claims.jurisdiction.isdigit()):
            raise Unauthenticated("the token names no jurisdiction")
        actor = Actor(subject=claims.sub, roles=claims.roles, jurisdiction=claims.jurisdiction)
        if len(self._verified) >= KEPT_TOKENS:
            self._verified.clear()
        self._verified[token] = (claims.exp, actor)
        return actor

    async def _key(self, kid: str) -> PyJWK:
        if kid not in self._keys:
            async with self._loading:  # all wait for the keys that one of them loads
                if kid not in self._keys and time.monotonic() >= self._load_again_at:
                    await self._reload()
        if not self._keys:
            raise Unavailable("ISSUER_UNAVAILABLE", "the issuer's keys cannot be read")
        if kid not in self._keys:
            raise Unauthenticated(f"no key {kid!r} at the issuer")
        return self._keys[kid]

    async def _reload(self) -> None:
        self._load_again_at = time.monotonic() + RETRY_KEYS_AFTER_S
        try:
            published = msgspec.json.decode(await self._load(), type=Jwks)
            keys = PyJWKSet(published.keys)
        except (OSError, msgspec.DecodeError, httpx.HTTPError, jwt.PyJWTError) as failure:
            log.warning("issuer's keys not loaded", jwks=self._jwks, why=repr(failure))
            return
        self._load_again_at = time.monotonic() + RELOAD_KEYS_AFTER_S
        self._keys = {key.key_id or "": key for key in keys.keys}

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
