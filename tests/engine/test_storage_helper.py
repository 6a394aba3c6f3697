"""From a container with the engine's socket alone, a helper reads the storage, and gives what docker save gives."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

WEIGHED = r"""
FROM busybox
RUN mkdir -p /data/gone && echo one > /data/one && echo two > /data/gone/two \
 && head -c 300000 /dev/urandom > /data/random && ln /data/random /data/hard && ln -s one /data/soft \
 && mkfifo /data/pipe && chown 12:34 /data/random && touch "/data/caf$(printf '\351')" \
 && mkdir -m 700 /data/private && echo secret > /data/private/file && chmod 000 /data/private/file \
 && chown -R 999:999 /data/private
RUN rm -r /data/gone && chmod 600 /data/random
"""

PRINT_ALL = """
import hashlib, json, sys
from pathlib import Path
import docker
from weighbridge.sources import storage_helper as helper
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.transports import parse_image_reference
said, events = [], []
exec(sys.argv[2])
reference = parse_image_reference(sys.argv[1])
make = helper.storage_helper if len(sys.argv) < 4 else None
with LayerReader(cache=LayerCache(Path("/tmp/cache")), engine=docker.from_env, helper=make, in_place=False,
                 progress=events.append, say=said.append) as reader:
    image = reader.read([reference])[reference]
    if isinstance(image, Exception):
        raise image
    layers = [(layer.diff_id, layer.created_by, layer.download_bytes, [ascii(e) for e in layer.changeset.entries])
              for layer in image.layers]
saved = any("docker save" in event.what for event in events)
print(json.dumps({"layers": layers, "said": said, "saved": saved, "container": helper.container_of_network()}))
"""


HANG = """
from types import SimpleNamespace
helper.TIMEOUT_SECONDS = 2
helper._MODULE = "timeit"
helper.msgspec = SimpleNamespace(json=SimpleNamespace(encode=lambda request: b"import time; time.sleep(600)"))
"""


@pytest.fixture(scope="module")
def images(
    overlay2_engine: Any,
    containerd_engine: Any,
    need_images: Callable[..., None],
    action_image: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, str]]:
    """This program's own image, from the project's Dockerfile, and one to weigh, on both engines."""
    need_images(overlay2_engine, "busybox")
    folder = tmp_path_factory.mktemp("context")
    (folder / "Dockerfile").write_text(WEIGHED)
    mark = uuid.uuid4().hex[:12]
    own, weighed = f"weighbridge-own-test:{mark}", f"weighbridge-weighed-test:{mark}"
    try:
        assert overlay2_engine.docker("tag", action_image, own).returncode == 0
        done = overlay2_engine.docker("build", "--tag", weighed, folder)
        assert done.returncode == 0, done.stderr
        assert overlay2_engine.docker("save", "--output", folder / "saved.tar", own, weighed).returncode == 0
        assert containerd_engine.docker("load", "--input", folder / "saved.tar").returncode == 0
        yield own, weighed
    finally:
        for engine in (overlay2_engine, containerd_engine):
            engine.docker("image", "rm", "--force", own, weighed)


def in_container(
    engine: Any, own: str, *arguments: str, socket_of: Any = None, network: str = "none"
) -> subprocess.CompletedProcess[str]:
    """Run python in our own image as the Action has it: the engine's socket, and nothing else of the machine."""
    socket = (socket_of or engine).docker_host.removeprefix("unix://")
    name = f"weighbridge-test-{uuid.uuid4().hex[:12]}"
    volume = f"--volume={socket}:/var/run/docker.sock"
    done: subprocess.CompletedProcess[str] = engine.docker(
        "run", "--rm", f"--name={name}", f"--network={network}", volume, "--entrypoint=python3", own, "-I", *arguments
    )
    return done


def read(engine: Any, images: tuple[str, str], *, first: str = "", helper: bool = True, **more: Any) -> dict[str, Any]:
    own, weighed = images
    done = in_container(engine, own, "-c", PRINT_ALL, weighed, first, *([] if helper else ["never"]), **more)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def helpers_left(engine: Any, found: dict[str, Any]) -> list[Any]:
    """The helpers that the container that printed `found` has left behind."""
    assert found["container"]
    left: list[Any] = engine.client.api.containers(
        all=True, filters={"label": f"io.weighbridge.storage-helper={found['container']}"}
    )
    return left


def test_helper_gives_same_files_as_docker_save(any_engine: Any, images: tuple[str, str]) -> None:
    with_helper = read(any_engine, images)
    with_save = read(any_engine, images, helper=False)
    assert (with_helper["saved"], with_save["saved"]) == (False, True)
    assert with_helper["layers"] == with_save["layers"]
    assert any("data/private/file" in entry for entry in with_helper["layers"][1][3])
    assert helpers_left(any_engine, with_helper) == []


def test_command_line_uses_helper_in_container_unless_disabled(any_engine: Any, images: tuple[str, str]) -> None:
    own, weighed = images
    outputs = []
    for choice in ("auto", "never"):
        command = ["-m", "weighbridge", "inspect", weighed, "--format", "json", "--read-storage", choice]
        done = in_container(any_engine, own, *command)
        assert done.returncode == 0, done.stderr
        assert ("docker save" in done.stderr) is (choice == "never")
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize(
    ("first", "why"),
    [
        ("helper.MEMORY_LIMIT_BYTES = 8 << 20", "ended before its last message"),
        (HANG, "took longer than 2 seconds"),
        ("helper._MODULE = 'no.such.module'", "No module named"),
    ],
    ids=["out of memory", "hangs", "does not start"],
)
def test_failed_helper_is_removed_and_docker_save_is_used(
    engine: Any, images: tuple[str, str], first: str, why: str
) -> None:
    found = read(engine, images, first=first)
    assert found["saved"]
    (line,) = found["said"]
    assert why in line
    assert line.endswith("so docker save does it")
    assert len(found["layers"]) == 3
    assert helpers_left(engine, found) == []


def test_container_with_shared_network_finds_own_image(engine: Any, images: tuple[str, str]) -> None:
    # As act and some CI systems do: /etc/hostname is then the other container's.
    other = engine.client.containers.run("busybox", ["sleep", "300"], detach=True, network_mode="none")
    try:
        found = read(engine, images, network=f"container:{other.id}")
    finally:
        other.remove(force=True)
    assert (found["saved"], found["said"], found["container"]) == (False, [], other.id)


def test_engine_not_running_this_container_uses_docker_save(
    overlay2_engine: Any, containerd_engine: Any, images: tuple[str, str]
) -> None:
    found = read(overlay2_engine, images, socket_of=containerd_engine)
    assert found["saved"]
    assert found["said"] == [
        "the storage helper: the engine does not know the container of this process; so docker save does it"
    ]
