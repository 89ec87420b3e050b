"""Regenerates proto/gen, or lints and compares the protos with buf.

    python proto/build.py gen             write proto/gen and docs/api.md
    python proto/build.py check [REV]     buf lint; buf breaking against REV's protos

`buf/validate/validate.proto` is published nowhere as text in a package; its descriptor ships
inside protovalidate, so protoc reads it as a descriptor set.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from google.protobuf import descriptor_pb2
from grpc_tools import protoc
from protovalidate._gen.buf.validate import validate_pb

PROTO = Path(__file__).parent
GEN = PROTO / "gen"
RULES = "buf/validate/validate.proto"
WELL_KNOWN = Path(protoc.__file__).with_name("_proto")
CONFIG = str(PROTO.parent / "buf.yaml")
BIN = Path(sys.executable).parent
PLUGINS = [f"--plugin={BIN / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]


def rules_descriptor(folder: Path) -> Path:
    """Write the descriptor set of the validation rules, and of what they import."""
    file = descriptor_pb2.FileDescriptorProto.FromString(_serialized_rules())
    imports = folder / "imports.binpb"
    _protoc(f"-I{WELL_KNOWN}", "--include_imports", f"-o{imports}", *file.dependency)
    found = descriptor_pb2.FileDescriptorSet.FromString(imports.read_bytes())
    found.file.append(file)
    path = folder / "validate.binpb"
    path.write_bytes(found.SerializeToString())
    return path


def _serialized_rules() -> bytes:
    return bytes(validate_pb._DESC.proto.to_binary())


def sources(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in (root / "anlan").rglob("*.proto"))


def generate() -> None:
    """Write proto/gen anew; protos that do not compile leave it as it was."""
    with tempfile.TemporaryDirectory(dir=PROTO) as folder:
        new = Path(folder) / "gen"
        new.mkdir()
        _stubs(new, rules_descriptor(Path(folder)))
        if GEN.exists():
            GEN.rename(Path(folder) / "old")
        new.rename(GEN)


def _stubs(into: Path, rules: Path) -> None:
    out = ["--python_out", "--grpc_python_out", "--mypy_out=quiet:", "--mypy_grpc_out=quiet:"]
    targets = [f"{o}{into}" if o.endswith(":") else f"{o}={into}" for o in out]
    _protoc(
        *PLUGINS,
        f"--descriptor_set_in={rules}",
        f"--python_out={into}",
        f"--mypy_out=quiet:{into}",
        RULES,
    )
    _protoc(*PLUGINS, f"--descriptor_set_in={rules}", f"-I{PROTO}", *targets, *sources(PROTO))
    for stub in into.rglob("*_pb2_grpc.py*"):
        source = PROTO / stub.relative_to(into).with_name(
            stub.name.split("_pb2_grpc")[0] + ".proto"
        )
        if "\nservice " not in source.read_text():
            stub.unlink()


def image(root: Path, folder: Path, name: str) -> Path:
    path = folder / name
    _protoc(
        f"--descriptor_set_in={rules_descriptor(folder)}",
        f"-I{root}",
        "--include_imports",
        "--include_source_info",
        f"-o{path}",
        *sources(root),
    )
    return path


def document(folder: Path) -> None:
    """Write docs/api.md: every RPC and every public event with the comment in its proto."""
    files = descriptor_pb2.FileDescriptorSet.FromString(
        image(PROTO, folder, "docs.binpb").read_bytes()
    )
    lines = [
        "# The APIs and the public events",
        "",
        "Written by `make proto` from the comments in `proto/anlan`, where the field rules stand.",
    ]
    for file in files.file:
        comments = {
            tuple(location.path): " ".join(location.leading_comments.split())
            for location in file.source_code_info.location
        }
        for n, service in enumerate(file.service):
            lines += ["", f"## {file.package}.{service.name}", "", comments[6, n], ""]
            for m, rpc in enumerate(service.method):
                kind = " (server stream)" if rpc.server_streaming else ""
                lines.append(f"- **{rpc.name}**{kind}: {comments[6, n, 2, m]}")
        if file.package == "anlan.events.v1":
            lines += ["", f"## Public events: {Path(file.name).stem}", ""]
            for n, message in enumerate(file.message_type):
                lines.append(f"- **{message.name}**: {comments[4, n]}")
    docs = PROTO.parent / "docs"
    docs.mkdir(exist_ok=True)
    (docs / "api.md").write_text("\n".join(lines) + "\n")


def check(revision: str | None) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        now = image(PROTO, folder, "now.binpb")
        only = [part for source in sources(PROTO) for part in ("--path", source)]
        _run("buf", "lint", str(now), "--config", CONFIG, *only)
        if revision is None:
            return
        archive = subprocess.run(
            ["git", "archive", revision, "proto"], check=True, capture_output=True, cwd=PROTO.parent
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder / "then", filter="data")
        then = image(folder / "then" / "proto", folder, "then.binpb")
        _run("buf", "breaking", str(now), "--against", str(then), "--config", CONFIG, *only)


def _protoc(*arguments: str) -> None:
    if protoc.main(["protoc", *arguments]) != 0:
        sys.exit(1)


def _run(program: str, *arguments: str) -> None:
    if subprocess.run([BIN / program, *arguments], check=False).returncode != 0:
        sys.exit(1)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["gen"]:
            generate()
            with tempfile.TemporaryDirectory() as temporary:
                document(Path(temporary))
        case ["check"]:
            check(None)
        case ["check", revision]:
            check(revision)
        case _:
            sys.exit(__doc__)
