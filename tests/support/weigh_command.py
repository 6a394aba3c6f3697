"""The command line as a process of its own, on a real engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from engine_protocol import Engine


def command_line(*arguments: str | Path) -> list[str]:
    """The words of a call of weighbridge."""
    return [sys.executable, "-m", "weighbridge", *map(str, arguments)]


def environment(engine: Engine, folder: Path) -> dict[str, str]:
    """The environment of a call: its images are recorded, and its cache and temporary files are in `folder`."""
    return {**engine.recording_environment(folder), "XDG_CACHE_HOME": str(folder / "cache"), "TMPDIR": str(folder)}


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
