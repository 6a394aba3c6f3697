"""Asking an engine who it is, and finding the engines that the machine already offers."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devkit.apt import find_program
from devkit.command import DevkitError, run

_UNIX = "unix://"


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineInfo:
    """What an engine says about itself. `store` is `overlay2`, `containerd`, or another storage driver's name."""

    docker_host: str
    version: str
    store: str


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_seconds: float) -> None:
        super().__init__("localhost", timeout=timeout_seconds)
        self._path = path

    def connect(self) -> None:
        """Open the socket file instead of a TCP port."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def probe(docker_host: str, *, timeout_seconds: float = 20) -> EngineInfo | None:
    """The engine at this address, or `None` when none answers there."""
    try:
        info = _info(docker_host, timeout_seconds)
        snapshotter = "io.containerd.snapshotter" in json.dumps(info.get("DriverStatus") or [])
        store = "containerd" if snapshotter else str(info["Driver"])
        return EngineInfo(docker_host=docker_host, version=str(info["ServerVersion"]), store=store)
    except (OSError, http.client.HTTPException, ValueError, KeyError, DevkitError):
        return None


def offered_engines() -> Iterator[EngineInfo]:
    """The existing engines of this machine, `docker`'s current engine first."""
    seen: set[str] = set()
    for host in _offered_hosts():
        if host not in seen:
            seen.add(host)
            if info := probe(host):
                yield info


def _offered_hosts() -> Iterator[str]:
    if named := os.environ.get("DOCKER_HOST"):
        yield named
        return  # Someone who names an engine means that one and no other.
    if find_program("docker"):
        with contextlib.suppress(DevkitError):
            yield run(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]).strip()
    yield f"{_UNIX}/var/run/docker.sock"
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        yield f"{_UNIX}{runtime}/docker.sock"


def _info(docker_host: str, timeout_seconds: float) -> dict[str, object]:
    if not docker_host.startswith(_UNIX):
        text = run(["docker", "--host", docker_host, "info", "--format", "{{json .}}"], timeout_seconds=timeout_seconds)
        return dict(json.loads(text))
    path = docker_host.removeprefix(_UNIX)
    if not Path(path).exists():
        raise DevkitError(f"{path} is not there")
    connection = _UnixConnection(path, timeout_seconds)
    try:
        connection.request("GET", "/info")
        return dict(json.loads(connection.getresponse().read()))
    finally:
        connection.close()
