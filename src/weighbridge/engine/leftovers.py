"""Removes the images and containers that killed runs left in an engine. It recognises them by their mark.

The mark of a run says where and when it runs: in the tag of each image that it builds, and in the label of each
container that it makes. A run has ended if its process or its container no longer exists. If both are unknown
here (another machine), it counts as ended after a day. Images of an active run are never removed.
"""

from __future__ import annotations

import functools
import itertools
import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import docker
import docker.errors
import requests

from weighbridge.engine.removal import remove_all

RUN_LABEL = "dev.weighbridge.run"
TAG_PREFIX = "weighbridge.invalid/run"
"""``.invalid`` is reserved (RFC 2606), so no registry can serve such a name."""

_OVER_AFTER_SECONDS = 86_400
_MAXIMUM_REMOVED = 1_000
_MARK = re.compile(
    r"(?P<kind>[hc])(?P<host>[0-9a-f]{12})-(?P<process>[0-9]{1,10})\.(?P<birth>[0-9]{1,20})"
    r"-(?P<start>[0-9]{1,12})-[0-9a-f]{12}"
)
_TAG = re.compile(rf"{re.escape(TAG_PREFIX)}-(?P<mark>[^:/]+):[0-9]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessLocation:
    """Where this process runs. `container` is its container's ID, if the engine knows it; `host` names the machine."""

    host: str
    container: str | None
    process: int
    birth: int


def this_place(engine: docker.DockerClient) -> ProcessLocation:
    """Where this process runs, as `engine` sees it."""
    container = None
    name = socket.gethostname()
    if re.fullmatch(r"[0-9a-f]{12}", name):
        try:
            container = str(engine.api.inspect_container(name)["Id"])[:12]
        except (docker.errors.DockerException, requests.RequestException, KeyError):
            container = None
    return ProcessLocation(host=_host(name), container=container, process=os.getpid(), birth=birth_of(os.getpid()) or 0)


def new_mark(place: ProcessLocation) -> str:
    """The mark of a new run: unique, and of characters that a tag may have."""
    where = f"c{place.container}" if place.container is not None else f"h{place.host}"
    return f"{where}-{place.process}.{place.birth}-{int(time.time())}-{secrets.token_hex(6)}"


def is_over(mark: str, place: ProcessLocation, *, now: float, runs: Callable[[str], bool]) -> bool:
    """True if the run with `mark` has ended for certain. `runs` says whether the engine runs a container.

    A mark that is not one of ours is never over.
    """
    found = _MARK.fullmatch(mark)
    if found is None:
        return False
    if found["kind"] == "c":
        return found["host"] != place.container and not runs(found["host"])
    if found["host"] == place.host and place.birth:
        return birth_of(int(found["process"])) != int(found["birth"])
    return now - int(found["start"]) > _OVER_AFTER_SECONDS


def remove_leftovers(engine: docker.DockerClient, place: ProcessLocation) -> int:
    """Remove the images and containers of runs that are over. Returns how many. The next run tries the others again."""
    removed = 0
    try:
        is_over_here = _over_here(engine, place)
        for removals in (_containers_left(engine, is_over_here), _images_left(engine, is_over_here)):
            errors = remove_all(engine, list(itertools.islice(removals, _MAXIMUM_REMOVED - removed)))
            removed += errors.count(None)
    except (docker.errors.DockerException, requests.RequestException):
        pass  # best effort
    return removed


def _over_here(engine: docker.DockerClient, place: ProcessLocation) -> Callable[[str], bool]:
    """Whether the run of a mark is over; each mark is judged once."""
    now = time.time()

    def runs(container: str) -> bool:
        try:
            return bool(engine.api.inspect_container(container)["State"]["Running"])
        except docker.errors.NotFound:
            return False

    return functools.cache(lambda mark: is_over(mark, place, now=now, runs=runs))


def _containers_left(
    engine: docker.DockerClient, is_over_here: Callable[[str], bool]
) -> Iterator[Callable[[], object]]:
    for container in engine.api.containers(all=True, filters={"label": RUN_LABEL}):
        if is_over_here(str((container.get("Labels") or {}).get(RUN_LABEL))):
            yield functools.partial(engine.api.remove_container, container["Id"], v=True, force=True)


def _images_left(engine: docker.DockerClient, is_over_here: Callable[[str], bool]) -> Iterator[Callable[[], object]]:
    for image in engine.api.images(filters={"reference": f"{TAG_PREFIX}-*"}):
        for tag in image.get("RepoTags") or ():
            found = _TAG.fullmatch(tag)
            if found is not None and is_over_here(found["mark"]):
                yield functools.partial(engine.api.remove_image, tag)


def birth_of(process: int) -> int | None:
    """When a process began, in the kernel's ticks since the boot (proc(5), field 22); ``None`` where unknown."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        return int(text.rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None


def _host(name: str) -> str:
    """One name for all processes that see each other's numbers: machine, boot and PID namespace."""
    parts = [name]
    for path in (Path("/proc/sys/kernel/random/boot_id"), Path("/etc/machine-id")):
        try:
            parts.append(path.read_text(encoding="ascii").strip())
        except (OSError, UnicodeError):
            parts.append("")
    try:
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    except OSError:
        parts.append("")
    return sha256("\n".join(parts).encode()).hexdigest()[:12]
