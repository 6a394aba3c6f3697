"""Checks free disk space, because a build that fills a disk breaks other programs too."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from weighbridge.errors import EngineError

RESERVE_BYTES = 1_000_000_000
"""Free space that every disk of a run must have before a build begins."""


def require_room(places: Iterable[Path], *, reserve_bytes: int = RESERVE_BYTES) -> None:
    """Raises EngineError if less than `reserve_bytes` are free at one of `places`. Ignores inaccessible places."""
    for place in places:
        try:
            free_bytes = shutil.disk_usage(place).free
        except OSError:
            continue
        if free_bytes < reserve_bytes:
            raise EngineError(
                f"only {free_bytes / 1e9:.1f} GB are free at {place}; a build needs at least"
                f" {reserve_bytes / 1e9:g} GB. Free space (docker builder prune), or use more jobs"
                " (docs/scaling.md)."
            )
