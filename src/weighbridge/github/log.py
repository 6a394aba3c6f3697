"""The log of a run in GitHub Actions: folds and fences build output, and escapes all other text."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Iterable
from typing import TextIO

from weighbridge.github.workflow_commands import group_end, group_start, inert_log_line, mask_lines
from weighbridge.progress.lines import ended, without_controls
from weighbridge.report.workflow_command import command


class ActionLog:
    """A `Progress` for the runner. Each build is a separate group, in which the runner ignores workflow commands.

    Writes to `stream` line by line, in the order of events.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.RLock()
        self._title: str | None = None
        self._token = ""
        self._read: str | None = None

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

    def build_line(self, title: str, line: str) -> None:
        """Print a line of the build `title`, in its group."""
        with self._lock:
            if title != self._title:
                self._open(title)
            # The runner also ends a line at a carriage return.
            for part in re.split(r"\r\n|\r|\n", line):
                self._print(part.replace("\0", "?"))

    def build_ended(self, title: str, *, seconds: float, failed: bool) -> None:
        """Print the duration of the build."""
        self.step(f"{title}: {ended(seconds, failed=failed)}")

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
            self._open(title)
            for line in lines:
                self.build_line(title, line)
            self.close()

    def command_line(self, line: str) -> None:
        """Print a line that `workflow_commands` made for the runner."""
        self._write(line)

    def close(self) -> None:
        """End the open group, if any."""
        with self._lock:
            if self._title is not None:
                self._print(f"::{self._token}::")
                self._print(group_end())
                self._title = None

    def _open(self, title: str) -> None:
        self.close()
        self._title = title
        # A new random token for each group: a build cannot guess it.
        self._token = secrets.token_hex(32)
        self._print(group_start(without_controls(title)))
        self._print(command("stop-commands", self._token))

    def _write(self, line: str) -> None:
        with self._lock:
            self.close()
            self._print(line)

    def _print(self, line: str) -> None:
        print(line.encode("utf-8", "backslashreplace").decode(), file=self._stream, flush=True)
