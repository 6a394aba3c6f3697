"""Runs the prepare commands of images: each in a separate checkout, before the build."""

from __future__ import annotations

import shutil
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from weighbridge.build.command import BoundedCommands
from weighbridge.errors import BuildError
from weighbridge.plan.image_plan import PlannedSide
from weighbridge.progress.lines import Progress
from weighbridge.progress.text import without_controls

_PASSED_ON = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ")
"""The variables that a command gets. Excludes the tokens of the job."""
_TAIL_LINES = 40
_LINE_CHARACTERS = 500


class Preparation:
    """Makes checkouts in which a prepare command has run. Thread-safe."""

    def __init__(self, environment: Mapping[str, str], progress: Progress, *, timeout_seconds: float) -> None:
        given = {name: environment[name] for name in _PASSED_ON if name in environment}
        self._commands = BoundedCommands(environment=given)
        self._progress = progress
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._number = 0

    def prepared(self, tree: Path, planned: PlannedSide, *, title: str) -> Path:
        """A copy of the checkout `tree`, next to it, after the command of `planned`; `tree` itself without one.

        The copy is removed with the checkouts of the run. Raises BuildError with the end of the output.
        """
        if not planned.prepare:
            return tree
        with self._lock:
            self._number += 1
            folder = tree.with_name(f"{tree.name}-prepared-{self._number}")
        try:
            shutil.copytree(tree, folder, symlinks=True)
        except (OSError, shutil.Error) as error:
            raise BuildError(f"{title}: the checkout cannot be copied for its prepare command: {error}") from error
        shown = " ".join(planned.prepare)[:200]
        self._progress.step(f"{title}: {shown}")
        tail: deque[str] = deque(maxlen=_TAIL_LINES)
        try:
            code = self._commands.run(
                planned.prepare,
                lambda line: tail.append(without_controls(line)[:_LINE_CHARACTERS]),
                self._timeout_seconds,
                folder=folder,
            )
        except OSError as error:
            raise BuildError(f"{title}: prepare command {shown!r}: {error.strerror}.") from error
        if code is None:
            raise BuildError(
                f"{title}: prepare command {shown!r} exceeded the timeout of {self._timeout_seconds:g} seconds."
                " Set --build-timeout.",
                log_tail=tuple(tail),
            )
        if code != 0:
            raise BuildError(f"{title}: prepare command {shown!r} ended with exit code {code}", log_tail=tuple(tail))
        return folder

    def stop(self) -> None:
        """End the running commands."""
        self._commands.stop()
