"""Who calls: tokens of the issuer we trust, for us, in time; and nobody else's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from services.runtime import identity
from services.runtime.actor import Actor
from services.runtime.identity import Authority, DevelopmentIssuer, Unauthenticated, Verifier
from services.runtime.rejection import Unavailable

ISSUER = "https://issuer.example"
Key = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def new_key(algorithm: str) -> Key:
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


def public(key: Key, kid: str) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        return {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid}
    return {**OKPAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid}


def publish(file: Path, *keys: dict[str, Any]) -> None:
    file.write_bytes(msgspec.json.encode({"keys": keys}))


def token(key: Key, kid: str = "k1", algorithm: str = "EdDSA", **claims: Any) -> str:
    said = {
        "iss": ISSUER,
        "aud": "anlan",
        "sub": "值班员.王",
        "roles": ["duty_officer"],
        "jurisdiction": "431281",
        "exp": int(time.time()) + 3600,
        **claims,
    }
    kept = {name: value for name, value in said.items() if value is not None}
    return jwt.encode(kept, key, algorithm=algorithm, headers={"kid": kid})


@pytest.fixture
def jwks(tmp_path: Path) -> Path:
    return tmp_path / "jwks.json"


@pytest.fixture
def key(jwks: Path) -> Key:
    made = new_key("EdDSA")
    publish(jwks, public(made, "k1"))
    return made


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
async def test_both_algorithms_verify(jwks: Path, algorithm: str) -> None:
    key = new_key(algorithm)
    publish(jwks, public(key, "k1"))

    actor = await Verifier(ISSUER, str(jwks)).verify(token(key, algorithm=algorithm))

    assert actor == Actor(subject="值班员.王", roles=("duty_officer",), jurisdiction="431281")


WRONG: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://elsewhere.example"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "another"},
    "no audience": {"aud": None},
    "expired": {"exp": int(time.time()) - 1},
    "no end": {"exp": None},
    "an end that is no number": {"exp": "tomorrow"},
    "not yet": {"nbf": int(time.time()) + 3600},
    "nobody": {"sub": None},
    "no jurisdiction": {"jurisdiction": None},
    "a jurisdiction that is no code": {"jurisdiction": "hunan"},
    "a jurisdiction that is a number": {"jurisdiction": 431281},
    "digits of another script": {"jurisdiction": "４３１２８１"},
    "roles that are none": {"roles": 5},
    "roles that are one word": {"roles": "duty_officer"},
    "roles of roles": {"roles": [["duty_officer"]]},
}


@pytest.mark.parametrize("claims", WRONG.values(), ids=WRONG)
async def test_a_wrong_claim_does_not_verify(jwks: Path, key: Key, claims: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        await Verifier(ISSUER, str(jwks)).verify(token(key, **claims))


FORGED: dict[str, Callable[[Key], str]] = {
    "another key under the known name": lambda _: token(new_key("EdDSA")),
    "another algorithm": lambda _: token(new_key("RS256"), algorithm="RS256"),
    "no signature": lambda _: jwt.encode({"sub": "x"}, "", algorithm="none"),
    "the public key as a secret": lambda _: jwt.encode(
        {"sub": "x"}, b"x" * 32, algorithm="HS256", headers={"kid": "k1"}
    ),
    "not a token": lambda _: "a.b.c",
    "nothing": lambda _: "",
    "too much": lambda key: token(key) + "." + "x" * 10_000,
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
async def test_a_forged_token_does_not_verify(
    jwks: Path, key: Key, forge: Callable[[Key], str]
) -> None:
    with pytest.raises(Unauthenticated):
        await Verifier(ISSUER, str(jwks)).verify(forge(key))


async def test_first_callers_all_wait_for_the_keys(jwks: Path, key: Key) -> None:
    verifier = Verifier(ISSUER, str(jwks))

    actors = await asyncio.gather(*(verifier.verify(token(key, jti=str(n))) for n in range(8)))

    assert len(actors) == 8


async def test_a_new_key_is_found_and_an_unknown_one_is_not_sought_at_every_call(
    jwks: Path, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = Verifier(ISSUER, str(jwks))
    await verifier.verify(token(key))
    rotated = new_key("RS256")
    publish(jwks, public(key, "k1"), public(rotated, "k2"))

    with pytest.raises(Unauthenticated):
        await verifier.verify(token(rotated, "k2", "RS256"))
    monkeypatch.setattr(verifier, "_load_again_at", 0)
    actor = await verifier.verify(token(rotated, "k2", "RS256"))

    assert actor.subject == "值班员.王"
    assert await verifier.verify(token(key)) == actor


@pytest.mark.parametrize("content", [None, "", "{}", '{"keys": []}', "[1]"])
async def test_without_the_issuers_keys_it_is_we_who_are_unavailable(
    jwks: Path, content: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "RETRY_KEYS_AFTER_S", 0.0)
    key = new_key("EdDSA")
    if content is not None:
        await asyncio.to_thread(jwks.write_text, content)
    verifier = Verifier(ISSUER, str(jwks))

    for _ in range(2):
        with pytest.raises(Unavailable) as away:
            await verifier.verify(token(key))
    publish(jwks, public(key, "k1"))

    assert away.value.reason == "ISSUER_UNAVAILABLE"
    assert (await verifier.verify(token(key))).subject == "值班员.王"


async def test_a_token_that_was_good_ends_when_it_says(
    jwks: Path, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = Verifier(ISSUER, str(jwks))
    end = int(time.time()) + 3600
    said = token(key, exp=end)
    await verifier.verify(said)
    monkeypatch.setattr(time, "time", lambda: end - 0.01)
    await verifier.verify(said)
    monkeypatch.setattr(time, "time", lambda: float(end))

    with pytest.raises(Unauthenticated):
        await Verifier(ISSUER, str(jwks)).verify(token(key, exp=int(time.time()) - 7200))
    verifier._keys = {"another": verifier._keys["k1"]}
    with pytest.raises(Unauthenticated):
        await verifier.verify(said)


async def test_remembered_tokens_are_bounded(
    jwks: Path, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "KEPT_TOKENS", 3)
    verifier = Verifier(ISSUER, str(jwks))
    for n in range(10):
        await verifier.verify(token(key, jti=str(n)))

    assert len(verifier._verified) <= 3


async def test_the_development_issuer_signs_what_its_keys_verify(tmp_path: Path) -> None:
    issuer = DevelopmentIssuer(tmp_path)
    issuer.ensure()
    issuer.ensure()
    officer = Actor(subject="duty.wang", roles=("duty_officer", "storekeeper"), jurisdiction="43")
    said = issuer.issue(officer, datetime.now(UTC), timedelta(hours=1))

    assert await Verifier(issuer.NAME, str(issuer.jwks)).verify(said) == officer
    assert (tmp_path / "issuer.key.json").stat().st_mode & 0o777 == 0o600


def test_authority_grants_by_role_and_nothing_by_default() -> None:
    authority = Authority("1", "a test", {"a.B/C": "c"}, {"r": ["c", "d"], "s": ["e"]})
    both = Actor(subject="x", roles=("r", "s", "unheard_of"), jurisdiction="43")
    none = Actor(subject="y", roles=(), jurisdiction="43")

    assert authority.required("/a.B/C") == "c"
    assert authority.required("/a.B/D") is None
    assert authority.capabilities(both) == {"c", "d", "e"}
    assert authority.grants(both, "e")
    assert not authority.grants(none, "c")
    assert authority.capabilities(none) == frozenset()
