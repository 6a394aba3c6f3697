"""The command line as a process of its own, on a real engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from engine_protocol import Engine

from weighbridge.engine.leftovers import remove_leftovers, this_place


def command_line(*arguments: str | Path) -> list[str]:
    """The words of a call of weighbridge."""
    return [sys.executable, "-m", "weighbridge", *map(str, arguments)]


def environment(engine: Engine, folder: Path) -> dict[str, str]:
    """The environment of a call: its images are recorded, and its cache and temporary files are in `folder`."""
    return {**engine.recording_environment(folder), "XDG_CACHE_HOME": str(folder / "cache"), "TMPDIR": str(folder)}


def assert_nothing_left(engine: Engine, folder: Path, said: str) -> None:
    """The runs of `environment(engine, folder)` have left no image and no checkout; `said` is their stderr.

    An engine under load can need more than the time for cleaning up. The run then warns, and the next run must remove
    the rest.
    """
    if "The next run on this engine removes them" in said:
        remove_leftovers(engine.client, this_place(engine.client))
    left = (engine.left_tags(folder), [path.name for path in folder.glob("weighbridge-*")])
    assert left == ([], []), said


def weighbridge(engine: Engine, folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run weighbridge in `folder`."""
    return subprocess.run(
        command_line(*arguments),
        env=environment(engine, folder),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=folder,
    )
