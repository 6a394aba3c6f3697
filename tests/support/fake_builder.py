"""A builder without an engine: it makes OCI layouts from Dockerfiles of a few instructions.

It knows ``FROM scratch`` and ``FROM`` a stage, ``COPY`` of files and folders, ``CMD``, ``ENTRYPOINT``, and ``RUN`` of
``head -c N /dev/zero > FILE``, ``true`` and ``false``. What it builds is held to the same contract as the real
builder's images: `tests/support/builder_contract.py`.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tars import tar_of

from weighbridge.build.builder import BuildRequest
from weighbridge.build.client import BuildClient, BuildKind
from weighbridge.build.driver import BuilderDriver
from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.errors import BuildError
from weighbridge.sources.from_files import OCI
from weighbridge.sources.reference import ImageReference

CLIENT = BuildClient(program="fake", kind=BuildKind.BUILDX)
_FILL = re.compile(r"head -c ([0-9]+) /dev/zero > /?(\S+)")


@dataclass
class _Stage:
    layers: list[bytes] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    config: dict[str, object] = field(default_factory=dict)

    def add(self, text: str, files: dict[str, bytes]) -> None:
        self.files |= files
        self.layers.append(tar_of(dict(sorted(files.items())), permissions=0o755))
        self.history.append(text)

    def copy(self) -> _Stage:
        return _Stage(list(self.layers), list(self.history), dict(self.files), dict(self.config))


class FakeBuilder:
    """Implements `run.clients.ImageBuilder`. `requests` are the builds in their order; `on_build` sees each before."""

    def __init__(self, folder: Path, *, on_build: Callable[[BuildRequest], None] = lambda _: None) -> None:
        self.client = CLIENT
        self.driver = BuilderDriver(name="fake", driver="fake", is_engines_own=False)
        self.requests: list[BuildRequest] = []
        self.is_clean = False
        self._folder = folder
        self._on_build = on_build
        self._lock = threading.Lock()
        self._is_stopped = False
        self._is_kept = False

    def machine(self) -> tuple[str, str]:
        return "linux", "amd64"

    def build(self, request: BuildRequest) -> ImageReference:
        if self._is_stopped:
            raise BuildError(f"{request.title}: stopped")
        with self._lock:
            self.requests.append(request)
            place = self._folder / str(len(self.requests))
        self._on_build(request)
        stage = _interpreted(request)
        _write_layout(place, stage)
        return ImageReference(transport=OCI, place=str(place), name="built")

    def in_engine(self, reference: ImageReference) -> str:
        return reference.place

    def stop(self) -> None:
        self._is_stopped = True

    def keep(self) -> tuple[str, ...]:
        self._is_kept = True
        return tuple(f"{request.title} is kept" for request in self.requests)

    def clean_up(self) -> None:
        self.is_clean = True
        if not self._is_kept:
            for folder in self._folder.iterdir():
                shutil.rmtree(folder)


def _interpreted(request: BuildRequest) -> _Stage:
    text = request.dockerfile.read_text()
    dockerfile = parse_dockerfile(text, path=request.dockerfile.name, build_args=request.build_args)
    stages: dict[str, _Stage] = {}
    for number, stage in enumerate(dockerfile.stages):
        base = stage.base or ""
        if base != "scratch" and base not in stages:
            raise BuildError(f"{request.title}: no image {base}", log_tail=(base,), missing_image=base)
        state = _Stage() if base == "scratch" else stages[base].copy()
        for one in stage.instructions:
            _apply(one.name, one.text, state, stages, request)
        stages[str(number)] = state
        if stage.name:
            stages[stage.name] = state
    return state if request.target is None else stages[request.target]


def _apply(name: str, text: str, state: _Stage, stages: dict[str, _Stage], request: BuildRequest) -> None:
    rest = text.partition(" ")[2].strip()
    if name in {"CMD", "ENTRYPOINT"}:
        state.config["Cmd" if name == "CMD" else "Entrypoint"] = json.loads(rest)
    elif name == "RUN":
        if rest == "false":
            raise BuildError(f"{request.title}: false did not complete", log_tail=("RUN false", "exit code: 1"))
        filled = _FILL.fullmatch(rest)
        state.add(f"RUN {rest}", {filled[2]: b"\0" * int(filled[1])} if filled else {})
    elif name == "COPY":
        words = [word for word in shlex.split(rest) if not word.startswith("--")]
        source = re.search(r"--from=(\S+)", rest)
        target = words[-1].lstrip("/")
        found: dict[str, bytes] = {}
        for word in words[:-1]:
            if source:
                found[target + (word.rpartition("/")[2] if not target or target.endswith("/") else "")] = stages[
                    source[1]
                ].files[word.lstrip("/")]
                continue
            path = request.context / word
            if not path.exists():
                raise BuildError(f"{request.title}: {word}: not found", log_tail=(f"COPY {word}: not found",))
            files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
            files = [one for one in files if not _is_ignored(one, request.context)]
            for file in files:
                name_in = file.name if path.is_file() else str(file.relative_to(path))
                is_folder = path.is_dir() or not target or target.endswith("/")
                found[target.rstrip("/") + ("/" if target.rstrip("/") else "") + name_in if is_folder else target] = (
                    file.read_bytes()
                )
        state.add(f"COPY {rest} # buildkit", found)


def _is_ignored(file: Path, context: Path) -> bool:
    """True for a file that a line of ``.dockerignore`` names, itself or by its folder. There are no patterns."""
    ignore = context / ".dockerignore"
    lines = ignore.read_text().split() if ignore.exists() else []
    path = file.relative_to(context).as_posix()
    return any(path == line.strip("/") or path.startswith(line.strip("/") + "/") for line in lines)


def _write_layout(folder: Path, stage: _Stage) -> None:
    blobs: dict[str, bytes] = {}

    def put(content: bytes, media_type: str) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        blobs[digest] = content
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    layers = [put(layer, "application/vnd.oci.image.layer.v1.tar") for layer in stage.layers]
    document = {
        "architecture": "amd64",
        "os": "linux",
        "config": stage.config,
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
        "history": [{"created_by": text} for text in stage.history],
    }
    config = put(json.dumps(document).encode(), "application/vnd.oci.image.config.v1+json")
    media_type = "application/vnd.oci.image.manifest.v1+json"
    manifest = {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers}
    descriptor = put(json.dumps(manifest).encode(), media_type)
    place = folder / "blobs/sha256"
    place.mkdir(parents=True)
    for digest, content in blobs.items():
        (place / digest.removeprefix("sha256:")).write_bytes(content)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    annotated = descriptor | {"annotations": {"org.opencontainers.image.ref.name": "built"}}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [annotated]}))
