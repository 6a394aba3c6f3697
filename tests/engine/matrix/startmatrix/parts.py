"""The built and downloaded programs, made once and kept in the developer's cache by the hash of their recipe."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

RECIPE = Path(__file__).parent.parent / "parts"
IMAGES = ("gcc", "golang", "rust", "python:3", "node:20", "eclipse-temurin:17", "debian:trixie", "debian:bullseye")
"""What the recipe builds on."""
BUILD_SECONDS = 1800
_STALE_SECONDS = 86_400


def cache_home() -> Path:
    """The folder of things that are made once for all clones of a user."""
    named = os.environ.get("WEIGHBRIDGE_DEV_HOME")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    home = (Path(named) if named else Path(cache) / "weighbridge-dev") / "matrix"
    home.mkdir(parents=True, exist_ok=True)
    return home


def is_stale(folder: Path) -> bool:
    """True for a folder that was made or opened more than a day ago: another checkout may be at work in a newer one."""
    return time.time() - folder.stat().st_mtime > _STALE_SECONDS


def ensure_parts(environment: Mapping[str, str]) -> Path:
    """The folder with all parts; `environment` lets `docker` reach the engine that builds them. Raises OSError."""
    home = cache_home()
    folder = home / f"parts-{recipe_hash()}"
    with _only_one(home / "parts.lock"):
        if not folder.exists():
            for old in home.glob("parts-*"):
                if is_stale(old):
                    shutil.rmtree(old)
            _build(folder, environment)
        folder.touch()
    return folder


def recipe_hash() -> str:
    """Changes with anything in the recipe's folder."""
    digest = hashlib.sha256()
    for file in sorted(RECIPE.rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(RECIPE)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _build(folder: Path, environment: Mapping[str, str]) -> None:
    archive = folder.with_suffix(".tar")
    command = ["docker", "build", "--progress=plain", "-o", f"type=tar,dest={archive}", str(RECIPE)]
    done = subprocess.run(
        command,
        env={**os.environ, **environment, "DOCKER_BUILDKIT": "1"},
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        timeout=BUILD_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise OSError("the programs of the start matrix cannot be built:\n" + done.stderr[-3000:])
    unpacking = folder.with_suffix(".unpacking")
    shutil.rmtree(unpacking, ignore_errors=True)
    with tarfile.open(archive) as tar:
        # Our own build's output; its absolute links (of the virtual environment) are what is tested.
        tar.extractall(unpacking, filter="fully_trusted")
    archive.unlink()
    unpacking.rename(folder)


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
