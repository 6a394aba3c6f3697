"""Real servers on loopback for one test: any command that listens, and docker-registry."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class LoopbackRegistry:
    """A running registry. `address` is `127.0.0.1:PORT`; `repositories` has one folder per repository."""

    address: str
    repositories: Path


def free_address() -> str:
    """`127.0.0.1:PORT` with a port that nothing uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@contextlib.contextmanager
def running_server(command: Sequence[str | Path], *, log: Path, address: str) -> Iterator[None]:
    """Run `command` while the context is open. Enters when `address` accepts connections."""
    host, _, port = address.rpartition(":")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command], stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
                break
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline, f"{address} does not answer: {log.read_text(errors='replace')}"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextlib.contextmanager
def running_registry(folder: Path, *, settings: str = "") -> Iterator[LoopbackRegistry]:
    """Run docker-registry with its data in `folder`, which may not exist yet; `settings` are lines of config.yml."""
    folder.mkdir(exist_ok=True)
    address = free_address()
    config = folder / "config.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: {address}}}\n{settings}"
    )
    with running_server(["docker-registry", "serve", config], log=folder / "log", address=address):
        yield LoopbackRegistry(address=address, repositories=folder / "data/docker/registry/v2/repositories")
