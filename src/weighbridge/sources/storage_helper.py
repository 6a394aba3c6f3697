"""The storage helper, host side: runs a short-lived container that reads the engine's storage.

In a container with the engine's socket (the Action is one) the engine's folder is not visible, and ``docker save``
makes the engine export every layer to a temporary folder before it sends the first byte. But the engine can start
another container of this process' own image, with the layer folders mounted read-only. That container runs this
program; it never executes files of the weighed images. It has no network, only the capability to read files of any
owner, a read-only root, limited memory and limited time. It is always removed.
"""

from __future__ import annotations

import contextlib
import re
import sys
import tempfile
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import docker.errors
import msgspec

from weighbridge.errors import EngineError, ImageError
from weighbridge.sources.engine_images import engine_errors
from weighbridge.sources.storage_helper_main import MOUNT_POINT
from weighbridge.sources.storage_helper_stream import Message, Request, read_messages

MEMORY_LIMIT_BYTES = 512 << 20
PROCESS_LIMIT = 32
TIMEOUT_SECONDS = 900
LABEL = "io.weighbridge.storage-helper"

_MODULE = "weighbridge.sources.storage_helper_main"
_CONTAINER_MOUNT = re.compile(r"/containers/([0-9a-f]{64})/(?:hostname|hosts|resolv\.conf) ")
_OVERLAY_FOLDERS = ("image/overlay2", "overlay2")
_CONTENT_STORE = "io.containerd.content.v1.content"
_ERROR_BYTES = 2000
_MAX_CONTAINERS = 100
"""How many running containers are checked for being this one, newest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Mount:
    source: Path
    target: Path


class StorageHelper:
    """Starts the helper. Every failure is an `EngineError` with the reason."""

    def __init__(self, client: docker.DockerClient) -> None:
        self._api: Any = client.api

    def messages(self, request: Request) -> Generator[Message]:
        """The helper's messages. Closing the iterator removes the helper. Raises `EngineError` if the helper fails."""
        with engine_errors("the engine refuses it"):
            own_container = self._own_container()
            image_id = str(self._api.inspect_container(own_container)["Image"])
            container_id = self._created(image_id, own_container, request)
            try:
                yield from self._output(container_id)
            finally:
                # It removes itself when it ends; this removes one that has not ended.
                with contextlib.suppress(docker.errors.APIError):
                    self._api.remove_container(container_id, v=True, force=True)

    def _own_container(self) -> str:
        """The container of this process: the one in which the engine finds a file that this process just created.

        Docker's mounts name the container of the network instead, which is another container if the network is shared.
        """
        try:
            mark = tempfile.NamedTemporaryFile(dir="/", prefix=".weighbridge-")  # noqa: SIM115 - closed by `with`
        except OSError as error:
            raise EngineError(f"cannot find our own container: no file can be created in it: {error}") from error
        with mark:
            for container_id in self._possible_containers():
                with contextlib.suppress(docker.errors.APIError):
                    chunks, _ = self._api.get_archive(container_id, mark.name)
                    chunks.close()
                    return container_id
        raise EngineError("the engine does not know the container of this process")

    def _possible_containers(self) -> Iterator[str]:
        named = container_of_network()
        if named is not None:
            yield named
        for container in self._api.containers(trunc=False, limit=_MAX_CONTAINERS, filters={"status": "running"}):
            if container["Id"] != named:
                yield str(container["Id"])

    def _created(self, image_id: str, own_container: str, request: Request) -> str:
        """A created, not yet started container with the first set of folders that exists."""
        reason = "the engine's storage is unsupported"
        for mounts in self._candidates():
            try:
                created = self._api.create_container(
                    image_id,
                    entrypoint=[sys.executable, "-I", "-m", _MODULE],
                    command=[msgspec.json.encode(request).decode()],
                    user="0:0",
                    network_disabled=True,
                    labels={LABEL: own_container},
                    host_config=self._host_config(mounts),
                )
            except docker.errors.APIError as error:
                if error.status_code != 400 or "bind source path does not exist" not in str(error):
                    raise
                reason = f"the engine has no folder {mounts[0].source}"
            else:
                return str(created["Id"])
        raise EngineError(reason)

    def _candidates(self) -> Iterator[list[_Mount]]:
        info = self._api.info()
        root = Path(str(info.get("DockerRootDir") or "/var/lib/docker"))
        if info.get("Driver") == "overlay2":
            yield [_Mount(source=root / name, target=MOUNT_POINT / name) for name in _OVERLAY_FOLDERS]
            return
        kinds = [value for key, value in info.get("DriverStatus") or [] if key == "driver-type"]
        if not any(kind.startswith("io.containerd.snapshotter") for kind in kinds):
            raise EngineError(f"the engine's storage driver is {info.get('Driver')}")
        target = MOUNT_POINT / "containerd" / _CONTENT_STORE
        for containerd_root in (root / "containerd/daemon", root / "containerd", Path("/var/lib/containerd")):
            yield [_Mount(source=containerd_root / _CONTENT_STORE, target=target)]

    def _host_config(self, mounts: Sequence[_Mount]) -> Any:
        return self._api.create_host_config(
            auto_remove=True,
            mounts=[
                {
                    "Type": "bind",
                    "Source": str(mount.source),
                    "Target": str(mount.target),
                    "ReadOnly": True,
                    # Excludes the roots of running containers, which are mounted below; engines require rslave here.
                    "BindOptions": {"Propagation": "rslave", "NonRecursive": True},
                }
                for mount in mounts
            ],
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            cap_add=["DAC_READ_SEARCH"],
            security_opt=["no-new-privileges:true"],
            mem_limit=MEMORY_LIMIT_BYTES,
            memswap_limit=MEMORY_LIMIT_BYTES,
            pids_limit=PROCESS_LIMIT,
            log_config={"Type": "none", "Config": {}},
            userns_mode="host",
        )

    def _output(self, container_id: str) -> Generator[Message]:
        errors = bytearray()
        out_of_time = threading.Event()

        def stop() -> None:
            out_of_time.set()
            with contextlib.suppress(docker.errors.DockerException):
                self._api.kill(container_id)

        stream = self._api.attach(container_id, stdout=True, stderr=True, stream=True, logs=False, demux=True)
        timer = threading.Timer(TIMEOUT_SECONDS, stop)
        timer.daemon = True
        timer.start()

        def chunks() -> Iterator[bytes]:
            for out, err in stream:
                if err and len(errors) < _ERROR_BYTES:
                    errors.extend(err)
                if out:
                    yield out

        try:
            self._api.start(container_id)
            yield from read_messages(chunks())
        except ImageError as error:
            if out_of_time.is_set():
                raise EngineError(f"it took longer than {TIMEOUT_SECONDS} seconds") from error
            said = errors[:_ERROR_BYTES].decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise EngineError(f"{error}: {said}" if said else str(error)) from error
        finally:
            timer.cancel()
            stream.close()


def container_of_network(mountinfo: Path = Path("/proc/self/mountinfo")) -> str | None:
    """The container that docker mounted ``/etc/hostname`` from: this one, unless it shares the network of another.

    ``None`` outside of a container.
    """
    try:
        found = _CONTAINER_MOUNT.search(mountinfo.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    return found[1] if found else None


def storage_helper(client: docker.DockerClient) -> StorageHelper | None:
    """A helper, if this process runs in one of docker's containers; ``None`` otherwise."""
    return StorageHelper(client) if container_of_network() is not None else None
