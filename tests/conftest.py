"""The engines of the tests. `make test` provides them; without it engine tests fail and say so, they never skip."""

from __future__ import annotations

import fcntl
import gc
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from weighbridge.sources.layer_cache import LayerCache

ROOT = Path(__file__).resolve().parent.parent
# Compiled files are kept even where the environment forbids it (as images for Python do): otherwise each of three
# processes compiles 260 test modules, and each command that a test starts compiles the package.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

PREFIX = os.environ.get("WEIGHBRIDGE_TEST_ENGINES", "")
"""Other engines for the two stores: ``docker28-`` takes those of `make test-engines`."""
ACTION_BASE = "debian:trixie-slim"
TEST_IMAGE_LABEL = "dev.weighbridge.test"
"""`scripts/engine.py start` removes images with this label after some hours: see `devkit.engines.clear_away`."""
HOW = "run `make test` (everything) or `make engine base-images` (only the set-up), then pytest again"


def pytest_configure() -> None:
    """Ctrl-C reaches what tests start, also where a shell runs them in the background and has it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection() -> None:
    """The garbage collector stands still during collection: it would walk through a million new objects, which stay."""
    gc.disable()


def pytest_collection_finish() -> None:
    """From here on the garbage collector passes over what the collection made. Each of its walks is short."""
    gc.freeze()
    gc.enable()


class _ByFile(LoadFileScheduling):
    """A file's tests share a process. So do those of all files that run act, which runs once at a time."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "act" if file in {"tests/e2e/test_action.py", "tests/e2e/test_fanout.py"} else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """The scheduler of `--dist loadfile`."""
    return _ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """A real engine. `environment` is what a subprocess needs to talk to it; `client` is docker's SDK."""

    docker_host: str
    store: str
    version: str
    environment: dict[str, str]
    client: docker.DockerClient

    def docker(self, *arguments: str | Path, timeout_seconds: float = 600) -> subprocess.CompletedProcess[str]:
        """Run the `docker` client that can build on this engine; its exit code and output are the caller's to judge."""
        return subprocess.run(
            ["docker", *map(str, arguments)],
            env={**os.environ, **self.environment, "DOCKER_BUILDKIT": "1"},
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=timeout_seconds,
            check=False,
        )

    def recording_environment(self, folder: Path) -> dict[str, str]:
        """What a subprocess needs, with a `docker` that writes its arguments down in `folder`, for `left_tags`."""
        docker_program = shutil.which("docker", path=self.environment.get("PATH", os.environ["PATH"]))
        wrapper = folder / "recording/docker"
        wrapper.parent.mkdir(exist_ok=True)
        wrapper.write_text(
            f"#!/bin/sh\nprintf '%s\\n' \"$@\" >> '{folder}/recording/arguments'\nexec '{docker_program}' \"$@\"\n"
        )
        wrapper.chmod(0o755)
        path = self.environment.get("PATH", os.environ["PATH"])
        return {**os.environ, **self.environment, "PATH": f"{wrapper.parent}:{path}"}

    def left_tags(self, folder: Path) -> list[str]:
        """The names that were given to images with `recording_environment(folder)` and are still there.

        Whatever else runs on this engine has other names and is not looked at.
        """
        given = set((folder / "recording/arguments").read_text().splitlines())
        listed = self.client.api.images()  # one answer: other runs remove images meanwhile
        return sorted(given.intersection(tag for image in listed for tag in image["RepoTags"] or ()))

    def run(self, image: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Start a container of the image without a network and wait for its end."""
        return self.docker("run", "--rm", "--network=none", image, *command, timeout_seconds=120)


def _engine(slot: str) -> Iterator[Engine]:
    command = [sys.executable, str(ROOT / "scripts/engine.py"), "env", "--json", slot]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if answer.returncode != 0:
        pytest.fail(f"no engine with the {slot} store runs: {HOW}\n{answer.stderr}", pytrace=False)
    known = json.loads(answer.stdout)
    client = docker.DockerClient(base_url=known["docker_host"], timeout=300)
    try:
        yield Engine(
            docker_host=known["docker_host"],
            store=known["store"],
            version=known["version"],
            environment=known["environment"],
            client=client,
        )
    finally:
        client.close()


@pytest.fixture(scope="session")
def overlay2_engine() -> Iterator[Engine]:
    """The engine that stores images with the overlay2 driver."""
    yield from _engine(f"{PREFIX}overlay2")


@pytest.fixture(scope="session")
def containerd_engine() -> Iterator[Engine]:
    """The engine that stores images in containerd, with buildx."""
    yield from _engine(f"{PREFIX}containerd")


@pytest.fixture(scope="session")
def engine(overlay2_engine: Engine) -> Engine:
    """The primary engine, for tests to which the store does not matter."""
    return overlay2_engine


@pytest.fixture(params=["overlay2", "containerd"], scope="session")
def any_engine(request: pytest.FixtureRequest) -> Engine:
    """Both engines in turn, for tests to which the store does matter."""
    chosen: Engine = request.getfixturevalue(f"{request.param}_engine")
    return chosen


@pytest.fixture(scope="session")
def need_images() -> Callable[..., None]:
    """`need_images(engine, "gcc", "python:3")` makes sure that base images are in the engine, or fails."""
    known: set[tuple[str, str]] = set()  # each question is a process: hundreds in a run

    def need(engine: Engine, *names: str) -> None:
        wanted = [name for name in names if (engine.docker_host, name) not in known]
        if not wanted:
            return
        slot = PREFIX + ("containerd" if engine.store == "containerd" else "overlay2")
        command = [sys.executable, str(ROOT / "scripts/base_images.py"), "--engine", slot, "--only", *wanted]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            pytest.fail(f"base images {' '.join(wanted)} cannot be had: {HOW}\n{done.stderr}", pytrace=False)
        known.update((engine.docker_host, name) for name in wanted)

    return need


@pytest.fixture(scope="session")
def layer_cache(tmp_path_factory: pytest.TempPathFactory) -> LayerCache:
    """A cache that the test processes of one run share, so that the large base images are read once."""
    folder = tmp_path_factory.getbasetemp()
    return LayerCache((folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "layers")


@pytest.fixture(scope="session")
def action_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Action as a release has it: its files, committed or about to be."""
    folder = tmp_path_factory.mktemp("action")
    names = [
        "action.yml",
        "Dockerfile",
        ".dockerignore",
        "requirements/runtime.lock",
        "scripts/collect_image.py",
        "setup",
        "src",
    ]
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *names]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def action_image(engine: Engine, need_images: Callable[..., None], action_folder: Path) -> str:
    """The name of the Action's image in the primary engine.

    All test processes share it, and later runs with the same files. `make engine` removes it after some hours. The
    engine's own builder makes it, as for act, so that act finds its layers.
    """
    digest = hashlib.sha256()
    for path in sorted(path for path in action_folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(action_folder)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    name = f"weighbridge-test-action:{digest.hexdigest()[:16]}"
    need_images(engine, ACTION_BASE)
    (ROOT / ".dev").mkdir(exist_ok=True)
    with (ROOT / ".dev/action-image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if engine.docker("image", "inspect", name).returncode != 0:
            engine.client.images.build(path=str(action_folder), tag=name, rm=True, labels={TEST_IMAGE_LABEL: "action"})
    return name


@pytest.fixture
def build_image() -> Iterator[Callable[..., str]]:
    """`build_image(engine, context, dockerfile=…, arguments=…)` names a new image, removed after the test."""
    built: list[tuple[Engine, str]] = []

    def build(
        engine: Engine, context: Path, *, dockerfile: Path | None = None, arguments: Sequence[str | Path] = ()
    ) -> str:
        name = f"weighbridge-test:{uuid.uuid4().hex[:12]}"
        file = ("--file", dockerfile) if dockerfile else ()
        done = engine.docker("build", "--progress=plain", "--tag", name, *file, *arguments, context)
        assert done.returncode == 0, done.stderr
        built.append((engine, name))
        return name

    yield build
    for engine, name in built:
        engine.docker("image", "rm", "--force", name)
