"""What is deployed is valid, hardened, complete, and asks nothing of the code that it lacks."""

from __future__ import annotations

import importlib
import json
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from kubernetes_validate.utils import validate as validate_against

from services.eventstore.main import parse
from services.runtime.serve import refuse_insecure
from services.runtime.settings import Settings
from tests.deploy.rendering import DEPLOY, FOLDERS, ROOT, SERVICES, Rendered, render

KUBERNETES = "1.34"
"""The oldest that is meant: a hook that only sleeps is stable there."""

COMPLETE = FOLDERS[1:]
HARD_STOP_S = 10

needs_kubectl = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="kubectl, which renders the manifests, is not here"
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("deploy")


@pytest.fixture(scope="module", params=FOLDERS)
def rendered(request: pytest.FixtureRequest, copy: Path) -> Rendered:
    return render(copy, request.param)


@pytest.fixture(scope="module", params=COMPLETE)
def complete(request: pytest.FixtureRequest, copy: Path) -> Rendered:
    """With secrets; the base alone has none."""
    return render(copy, request.param)


@needs_kubectl
def test_every_object_is_valid(rendered: Rendered) -> None:
    for found in rendered.objects:
        validate(json.dumps(found, sort_keys=True))


@cache  # the folders have much in common, and the schemas are slow
def validate(text: str) -> None:
    validate_against(json.loads(text), KUBERNETES, strict=True)


@needs_kubectl
def test_every_pod_is_hardened(rendered: Rendered) -> None:
    for name, pod in rendered.pods():
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["runAsUser"] > 0, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["serviceAccountName"] == name
        assert pod["terminationGracePeriodSeconds"] >= HARD_STOP_S, name
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert set(container["resources"]) == {"requests", "limits"}, name
            assert {"cpu", "memory"} == set(container["resources"]["limits"]), name
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                assert len({"exec", "grpc", "httpGet"} & set(container[probe])) == 1, (name, probe)


@needs_kubectl
def test_every_workload_has_its_account_its_address_and_its_budget(rendered: Rendered) -> None:
    for name, _ in rendered.pods():
        account = rendered.named("ServiceAccount", name)
        assert account["automountServiceAccountToken"] is False
        labels = {"app.kubernetes.io/name": name}
        assert rendered.named("Service", name)["spec"]["selector"] == labels
        budget = rendered.named("PodDisruptionBudget", name)["spec"]
        assert budget == {"maxUnavailable": 1, "selector": {"matchLabels": labels}}


@needs_kubectl
def test_nobody_speaks_to_anybody_unless_it_is_written_down(rendered: Rendered) -> None:
    deny = rendered.named("NetworkPolicy", "default-deny")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@needs_kubectl
def test_whatever_a_pod_mounts_or_reads_is_there(complete: Rendered) -> None:
    for name, pod in complete.pods():
        for kind, wanted in references(pod):
            assert wanted in complete.names(kind), (name, kind, wanted)


@needs_kubectl
def test_every_image_has_a_version(complete: Rendered) -> None:
    images = {c["image"] for _, pod in complete.pods() for c in pod["containers"]}
    assert not [image for image in images if ":" not in image or image.endswith(":latest")]


@needs_kubectl
def test_no_secret_comes_out_of_the_repository() -> None:
    for overlay in ("dev", "prod"):
        folder = DEPLOY / "k8s" / "overlays" / overlay / "secrets"
        assert (folder / ".gitignore").read_text().splitlines()[-2:] == ["*", "!.gitignore"]


@needs_kubectl
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_with_what_it_is_told(
    complete: Rendered, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = complete.environment(service)
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    settings = Settings()
    ours = {f"ANLAN_{field}".upper() for field in Settings.model_fields}

    refuse_insecure(settings)
    assert settings.listen == "0.0.0.0:4310"
    pod = complete.named("Deployment", service)["spec"]["template"]["spec"]
    mounts = [m["mountPath"] for m in pod["containers"][0]["volumeMounts"]]
    for key, path in environment.items():
        if path.startswith("/") and (key in ours or service == "notify"):
            assert any(path.startswith(mount) for mount in mounts), path


@needs_kubectl
def test_in_earnest_nothing_is_insecure(copy: Path) -> None:
    for folder in ("overlays/prod", "overlays/prod-postgresql"):
        for service in SERVICES:
            environment = render(copy, folder).environment(service)
            assert "ANLAN_ALLOW_INSECURE" not in environment
            assert environment["ANLAN_TLS_CLIENT_CA"]
            assert "development" not in environment["ANLAN_ISSUER"]


@needs_kubectl
def test_one_database_has_one_writer(complete: Rendered) -> None:
    for service in SERVICES:
        if complete.environment(service)["ANLAN_READ_MODEL_URL"].startswith("postgresql"):
            deployment = complete.named("Deployment", service)["spec"]
            assert deployment["replicas"] == 1
            assert deployment["strategy"] == {"type": "Recreate"}


@needs_kubectl
def test_the_node_understands_its_arguments(copy: Path) -> None:
    pod = render(copy, "overlays/dev").named("Deployment", "kurrentdb")["spec"]["template"]["spec"]
    options = parse(pod["containers"][0]["args"])
    assert str(options.data) in [m["mountPath"] for m in pod["containers"][0]["volumeMounts"]]


@needs_kubectl
def test_every_service_is_deployed_and_nothing_else(rendered: Rendered) -> None:
    deployed = {
        found["metadata"]["name"]
        for found in rendered.of("Deployment")
        if found["metadata"]["labels"].get("anlan/tier") == "service"
    }
    assert deployed == set(having("main")) - {"cli", "eventstore"}


def test_every_setting_and_stream_that_is_named_exists() -> None:
    known = {f"ANLAN_{field}".upper() for model in models() for field in model.model_fields}
    known |= {importlib.import_module(f"services.{name}.relay").STREAM for name in having("relay")}
    for path in DEPLOY.rglob("*"):
        if path.suffix in {".yaml", ".env", ".py", ".md"}:
            assert set(re.findall(r"\bANLAN_[A-Z_]+\b", path.read_text())) <= known, path


def having(room: str) -> list[str]:
    """Return the services that have this room."""
    files = [path.parent for path in ROOT.glob(f"services/*/{room}.py")]
    folders = [path.parent.parent for path in ROOT.glob(f"services/*/{room}/__init__.py")]
    return sorted({path.name for path in (*files, *folders)} - {"runtime"})


def models() -> Iterator[type[Settings]]:
    """Yield the settings of the runtime, and those that a service adds to them."""
    for name in having("main"):
        importlib.import_module(f"services.{name}.main")
    waiting = [Settings]
    while waiting:
        yield (model := waiting.pop())
        waiting += model.__subclasses__()


def references(pod: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for volume in pod.get("volumes", ()):
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
    for container in pod["containers"]:
        for source in container.get("envFrom", ()):
            for kind, reference in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
                if reference in source:
                    yield kind, source[reference]["name"]
        for variable in container.get("env", ()):
            key = variable.get("valueFrom", {}).get("secretKeyRef")
            if key is not None:
                yield "Secret", key["name"]
