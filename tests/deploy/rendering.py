"""The manifests as a cluster would get them, with secrets made up for the occasion."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SERVICES = ("command", "resources", "dispatch", "notify", "audit")
STORE = "esdb+discover://admin:pw@kurrentdb:2113?TlsCaFile=/run/anlan/roots/roots.pem"
FILES = {
    "overlays/dev/secrets/service.token": "token",
    "overlays/dev/secrets/jwks.json": '{"keys": []}',
    "overlays/prod/secrets/roots.pem": "roots",
    "overlays/prod/secrets/service.token": "token",
    "overlays/prod/secrets/smtp.password": "pw",
    "overlays/prod/secrets/addresses.env": (
        f"ANLAN_ESDB_URI={STORE}\nANLAN_NATS_URL=nats://anlan:pw@nats:4222\n"
    ),
    "overlays/prod/secrets/kurrentdb.env": "admin-password=pw\nops-password=pw\n",
    "overlays/prod/secrets/nats.env": "password=pw\n",
    "overlays/prod-postgresql/databases.env": "".join(
        f"{name}=postgresql+asyncpg://anlan:pw@db/{name}?ssl=verify-full\n" for name in SERVICES
    ),
    **{
        f"overlays/prod/secrets/{name}/{file}": file
        for name in (*SERVICES, "nats", "kurrentdb")
        for file in ("tls.crt", "tls.key", "ca.crt")
    },
    "overlays/prod-postgresql/kustomization.yaml": (
        "resources: [../prod]\ncomponents: [../../components/postgresql]\n"
        "namespace: anlan\n"
        "secretGenerator: [{name: anlan-databases, envs: [databases.env]}]\n"
    ),
}
FOLDERS = ("base", "overlays/dev", "overlays/prod", "overlays/prod-postgresql")
WORKLOADS = ("Deployment", "StatefulSet")


@dataclass(frozen=True)
class Rendered:
    objects: list[dict[str, Any]]

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [found for found in self.objects if found["kind"] in kinds]

    def names(self, kind: str) -> set[str]:
        return {found["metadata"]["name"] for found in self.of(kind)}

    def named(self, kind: str, name: str) -> dict[str, Any]:
        """Return the object of this name; a generated one has a hash behind it."""
        exact = [found for found in self.of(kind) if found["metadata"]["name"] == name]
        hashed = [f for f in self.of(kind) if f["metadata"]["name"].rpartition("-")[0] == name]
        (found,) = exact or hashed
        return found

    def pods(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the name and the pod's specification of each workload."""
        for workload in self.of(*WORKLOADS):
            yield workload["metadata"]["name"], workload["spec"]["template"]["spec"]

    def environment(self, service: str) -> dict[str, str]:
        """Return what a container of ``service`` finds in its environment."""
        (container,) = self.named("Deployment", service)["spec"]["template"]["spec"]["containers"]
        found: dict[str, str] = {}
        for source in container.get("envFrom", ()):
            found |= self._values(source)
        for variable in container.get("env", ()):
            key = variable.get("valueFrom", {}).get("secretKeyRef")
            if key is not None:
                secret = self.named("Secret", key["name"])
                found[variable["name"]] = _plain(secret["data"][key["key"]])
            elif "value" in variable:
                found[variable["name"]] = variable["value"]
        return found

    def _values(self, source: dict[str, Any]) -> dict[str, str]:
        if "configMapRef" in source:
            values: dict[str, str] = self.named("ConfigMap", source["configMapRef"]["name"])["data"]
            return values
        secret = self.named("Secret", source["secretRef"]["name"])
        return {key: _plain(value) for key, value in secret["data"].items()}


@cache
def render(folder: Path, name: str) -> Rendered:
    """Render one folder of deploy/k8s, copied into ``folder`` with its secrets."""
    copy = folder / "k8s"
    if not copy.exists():
        shutil.copytree(DEPLOY / "k8s", copy, ignore=shutil.ignore_patterns("secrets"))
        for path, text in FILES.items():
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            (copy / path).write_text(text)
    done = subprocess.run(
        ["kubectl", "kustomize", str(copy / name)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return Rendered(list(yaml.safe_load_all(done.stdout)))


def _plain(value: str) -> str:
    return base64.b64decode(value).decode()
