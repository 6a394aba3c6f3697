"""The log of a run inside of GitHub Actions: builds folded and fenced, everything else harmless."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Iterable
from typing import TextIO

from weighbridge.github.workflow_commands import command, group_end, group_start, log_line, mask_lines
from weighbridge.progress.lines import ended, without_controls


class ActionLog:
    """A `Progress` for the runner. Each build is a group of its own in which the runner obeys nothing.

    Everything is written to `stream` in the order in which it happens, line by line.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.RLock()
        self._title: str | None = None
        self._token = ""
        self._read: str | None = None

    def step(self, text: str) -> None:
        """Show a step of the run."""
        self._write(log_line(without_controls(text)))

    def warn(self, text: str) -> None:
        """Show a warning, which the runner also puts on the run's page."""
        self._write(command("warning", without_controls(text), {"title": "Weighbridge"}))

    def error(self, text: str) -> None:
        """Show what the run failed of."""
        self._write(command("error", without_controls(text), {"title": "Weighbridge"}))

    def notice(self, text: str) -> None:
        """Show a remark, which the runner also puts on the run's page."""
        self._write(command("notice", without_controls(text), {"title": "Weighbridge"}))

    def mask(self, secret: str) -> None:
        """Have the runner show ``***`` for `secret` from here on."""
        for line in mask_lines(secret):
            self._write(line)

    def build_line(self, title: str, line: str) -> None:
        """Show a line of the build called `title`, in its group."""
        with self._lock:
            if title != self._title:
                self._open(title)
            # A carriage return ends a line for the runner as well.
            for part in re.split(r"\r\n|\r|\n", line):
                self._print(part.replace("\0", "?"))

    def build_ended(self, title: str, *, seconds: float, failed: bool) -> None:
        """Say how long it took."""
        self.step(f"{title}: {ended(seconds, failed=failed)}")

    def reading(self, what: str, done_bytes: int, total_bytes: int | None) -> None:
        """One line for each thing that is read."""
        del done_bytes, total_bytes
        with self._lock:
            if what != self._read:
                self._read = what
                self.step(f"reading {what}")

    def block(self, title: str, lines: Iterable[str]) -> None:
        """Show hostile `lines` in a group of their own."""
        with self._lock:
            self._open(title)
            for line in lines:
                self.build_line(title, line)
            self.close()

    def command_line(self, line: str) -> None:
        """Write a line that was made for the runner to obey, or made harmless, by `workflow_commands`."""
        self._write(line)

    def close(self) -> None:
        """End the open group, if there is one."""
        with self._lock:
            if self._title is not None:
                self._print(f"::{self._token}::")
                self._print(group_end())
                self._title = None

    def _open(self, title: str) -> None:
        self.close()
        self._title = title
        # Drawn anew for each group: what runs in a build cannot guess it.
        self._token = secrets.token_hex(32)
        self._print(group_start(without_controls(title)))
        self._print(command("stop-commands", self._token))

    def _write(self, line: str) -> None:
        with self._lock:
            self.close()
            self._print(line)

    def _print(self, line: str) -> None:
        print(line.encode("utf-8", "backslashreplace").decode(), file=self._stream, flush=True)
