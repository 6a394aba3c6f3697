"""The log of a run in GitHub Actions: folds and fences build output, and escapes all other text."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from typing import TextIO

from weighbridge.github.workflow_commands import fenced, group_end, group_start, inert_log_line, mask_lines
from weighbridge.progress.lines import BuildCount, ended
from weighbridge.progress.text import without_controls
from weighbridge.report.workflow_command import command

MAXIMUM_BUILD_LINES = 5_000
"""The lines of a build that are kept; the oldest go first."""
SHOWN_OF_FAILED = 15


class ActionLog:
    """A `Progress` for the runner. Each build is one group, in which the runner ignores workflow commands."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.RLock()
        self._builds: dict[str, deque[str]] = {}
        self._read: str | None = None
        self._count = BuildCount()

    def step(self, text: str) -> None:
        """Print a step of the run."""
        self._write(inert_log_line(without_controls(text)))

    def warn(self, text: str) -> None:
        """Print a warning, which the runner also shows on the run's page."""
        self._write(command("warning", without_controls(text), {"title": "Weighbridge"}))

    def error(self, text: str) -> None:
        """Print the error that ended the run."""
        self._write(command("error", without_controls(text), {"title": "Weighbridge"}))

    def notice(self, text: str) -> None:
        """Print a notice, which the runner also shows on the run's page."""
        self._write(command("notice", without_controls(text), {"title": "Weighbridge"}))

    def mask(self, secret: str) -> None:
        """Make the runner show ``***`` instead of `secret` from now on."""
        for line in mask_lines(secret):
            self._write(line)

    def expect_builds(self, count: int) -> None:
        """Add to the total that the titles of the groups show."""
        self._count.expect(count)

    def build_line(self, title: str, line: str) -> None:
        """Keep a line of the build `title` until it ends. Builds run in parallel, and groups do not nest."""
        with self._lock:
            output = self._builds.get(title)
            if output is None:
                output = self._builds[title] = deque(maxlen=MAXIMUM_BUILD_LINES)
                self.step(f"{title}: build runs")
            output.append(line)

    def build_ended(self, title: str, *, seconds: float, failed: bool) -> None:
        """Print the output of the build as one folded group; of a failed build, its end also below the group."""
        with self._lock:
            lines = self._builds.pop(title, deque())
            said = f"{title}: {ended(seconds, failed=failed)}{self._count.count_ended()}"
            if not lines:
                self.step(said)
                return
            self.block(said, lines)
            if failed:
                self.step(f"{title}: the end of its output:")
                self._fence(list(lines)[-SHOWN_OF_FAILED:])

    def reading(self, what: str, done_bytes: int, total_bytes: int | None) -> None:
        """Print one line for each read."""
        del done_bytes, total_bytes
        with self._lock:
            if what != self._read:
                self._read = what
                self.step(f"reading {what}")

    def block(self, title: str, lines: Iterable[str]) -> None:
        """Print hostile `lines` in a separate group."""
        with self._lock:
            self._print(group_start(without_controls(title)))
            self._fence(lines)
            self._print(group_end())

    def command_line(self, line: str) -> None:
        """Print a line that `workflow_commands` made for the runner."""
        self._write(line)

    def close(self) -> None:
        """Print the output of builds that did not end."""
        with self._lock:
            for title in list(self._builds):
                self.block(f"{title}: interrupted", self._builds.pop(title))

    def _fence(self, lines: Iterable[str]) -> None:
        for line in fenced(lines):
            self._print(line)

    def _write(self, line: str) -> None:
        with self._lock:
            self._print(line)

    def _print(self, line: str) -> None:
        print(line.encode("utf-8", "backslashreplace").decode(), file=self._stream, flush=True)
