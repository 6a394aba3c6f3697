"""Finds the cause of a failed build in the end of its output."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_METADATA = re.compile(r"#(\d+) \[internal\] load metadata for (\S+)")
_FRONTEND = re.compile(r"#(\d+) resolve image config for (?:docker-image://)?(\S+)")
_WAITING = re.compile(r"#\d+ \[internal\] waiting for connection")
_LOST = re.compile(r"code = Unavailable|error reading from server|transport is closing|\Acontext deadline exceeded\Z")
_STEP_ERROR = re.compile(r"#(\d+) ERROR: (.*)")
_WANTS_CREDENTIALS = re.compile(r"pull access denied|401 Unauthorized|authorization failed|authentication required")
_NO_CACHE_EXPORT = re.compile(r"ERROR: (?:failed to build: )?Cache export is not supported for the docker driver")
_MARKS = ("ERROR: failed to solve: ", "failed to solve: ", "ERROR: failed to build: ", "ERROR: ")


def cause_of(tail: Iterable[str]) -> tuple[str, str | None]:
    """The cause of a failed build without BuildKit's prefixes, and the base image that could not be pulled.

    The second is ``None`` for other causes.
    """
    lines = [line.strip() for line in tail]
    missing = _pull_failure(lines)
    if missing:
        return missing[1], missing[0]
    return _lost_builder(lines) or _missing_frontend(lines) or _missing_exporter(lines) or _last_error(lines), None


def _pull_failure(lines: Sequence[str]) -> tuple[str, str] | None:
    """The base image that could not be pulled, and the cause; ``None`` for other causes."""
    wanted = {found[1]: found[2] for line in lines if (found := _METADATA.match(line))}
    for line in lines:
        failed = _STEP_ERROR.match(line)
        if failed and failed[1] in wanted:
            hint = " (the registry needs credentials: docker login)" if _WANTS_CREDENTIALS.search(failed[2]) else ""
            name = wanted[failed[1]]
            return name, f"the base image {name} cannot be pulled: {failed[2]}{hint}"
    return None


def _lost_builder(lines: Sequence[str]) -> str | None:
    """The builder that cannot be reached or that stopped, and the fix; ``None`` for other causes."""
    error = _last_error(lines)
    if not _LOST.search(error):
        return None
    is_early = any(_WAITING.match(line) for line in lines)
    what = "the builder cannot be reached" if is_early else "the builder stopped during the build"
    return f"{what}: {error}. Start it, or name another one with --builder"


def _missing_frontend(lines: Sequence[str]) -> str | None:
    """The image of the ``# syntax=`` line that cannot be pulled, and the fix; ``None`` for other causes."""
    wanted = {found[1]: found[2] for line in lines if (found := _FRONTEND.match(line))}
    for line in lines:
        failed = _STEP_ERROR.match(line)
        if failed and failed[1] in wanted:
            return (
                f"the image {wanted[failed[1]]} of the Dockerfile's # syntax= line cannot be pulled: {failed[2]}."
                " Remove the line if the builder's own syntax suffices, or give the builder access to the registry"
            )
    return None


def _missing_exporter(lines: Sequence[str]) -> str | None:
    """The exporter that the builder lacks, and the fix; ``None`` for other causes."""
    for line in lines:
        if _NO_CACHE_EXPORT.match(line):
            return (
                "the builder cannot export a cache: its engine stores images with the overlay2 driver. Use the"
                " containerd image store, create a builder (docker buildx create), or omit cache-to"
            )
    return None


def _last_error(lines: Sequence[str]) -> str:
    for line in reversed(lines):
        for mark in _MARKS:
            if line.startswith(mark):
                return (
                    line.removeprefix(mark)
                    .removeprefix("failed to solve: ")
                    .removeprefix("rpc error: code = Unknown desc = ")
                )
    return lines[-1] if lines else "the build failed and printed nothing"
