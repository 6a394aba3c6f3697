"""Prints progress as plain lines on stderr. Results never go there."""

from __future__ import annotations

import contextlib
import re
import sys
import threading
import time
from dataclasses import dataclass
from typing import Protocol, TextIO

from weighbridge.progress.text import one_line, without_controls


class Progress(Protocol):
    """Receives the progress of a run. All methods are thread-safe."""

    def step(self, text: str) -> None:
        """A new step of the run begins."""

    def warn(self, text: str) -> None:
        """Print a warning. The run continues."""

    def expect_builds(self, count: int) -> None:
        """`count` more builds follow. An estimate: a failed build may be repeated."""

    def build_line(self, title: str, line: str) -> None:
        """One line of output (hostile text) of the build `title`."""

    def build_ended(self, title: str, *, seconds: float, failed: bool) -> None:
        """The build `title` has ended."""

    def reading(self, what: str, done_bytes: int, total_bytes: int | None) -> None:
        """`done_bytes` of `what` are read. Called often."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Silent:
    """Shows no progress (``--quiet``), only warnings."""

    stream: TextIO

    def step(self, text: str) -> None:
        """Prints nothing."""

    def warn(self, text: str) -> None:
        """Show the warning."""
        with contextlib.suppress(OSError):
            print(f"warning: {one_line(text)}", file=self.stream, flush=True)

    def expect_builds(self, count: int) -> None:
        """Prints nothing."""

    def build_line(self, title: str, line: str) -> None:
        """Prints nothing."""

    def build_ended(self, title: str, *, seconds: float, failed: bool) -> None:
        """Prints nothing."""

    def reading(self, what: str, done_bytes: int, total_bytes: int | None) -> None:
        """Prints nothing."""

    def finish(self) -> None:
        """Does nothing: no line is left to clear."""


class Lines:
    """Prints permanent lines that begin with a title, on a terminal, in a pipe and in CI.

    Prints the steps of builds; with `verbose` every line of their output.
    """

    def __init__(self, stream: TextIO | None = None, *, verbose: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._verbose = verbose
        self._lock = threading.Lock()
        self._bar = self._stream.isatty()
        self._bar_shown = False
        self._last: tuple[str, float] = ("", 0.0)
        self._builds = BuildCount()

    def step(self, text: str) -> None:
        """Show the step."""
        self._print(f"• {one_line(text)}")

    def warn(self, text: str) -> None:
        """Show the warning."""
        self._print(f"warning: {one_line(text)}")

    def expect_builds(self, count: int) -> None:
        """Add to the total that the lines show."""
        self._builds.expect(count)

    def build_line(self, title: str, line: str) -> None:
        """Show a step of the build, or with `verbose` any line of its output."""
        if self._verbose or is_build_step(line):
            self._print(f"  [{title}] {line}")

    def build_ended(self, title: str, *, seconds: float, failed: bool) -> None:
        """Print the duration of the build, and how many have ended."""
        self._print(f"  [{title}] {ended(seconds, failed=failed)}{self._builds.count_ended()}")

    def reading(self, what: str, done_bytes: int, total_bytes: int | None) -> None:
        """Print a bar on a terminal, ten times a second; elsewhere one line per layer."""
        with self._lock:
            last, shown_at = self._last
            if what == last and (not self._bar or time.monotonic() - shown_at < _BAR_SECONDS):
                return
            self._last = (what, time.monotonic())
            if self._bar:
                name = fitted(without_controls(what), _WHAT_CHARACTERS)
                self._stream.write(f"\r\x1b[K• reading {name}  {progress_bar(done_bytes, total_bytes)}")
                self._stream.flush()
                self._bar_shown = True
        if not self._bar:
            self._print(f"• reading {what}")

    def finish(self) -> None:
        """Clear the bar, before results or an error are printed."""
        with self._lock:
            self._clear_bar()
            self._stream.flush()

    def _clear_bar(self) -> None:
        if self._bar_shown:
            self._stream.write("\r\x1b[K")
            self._bar_shown = False

    def _print(self, text: str) -> None:
        # Nobody may be left to read it; that ends no run.
        with self._lock, contextlib.suppress(OSError):
            self._clear_bar()
            print(without_controls(text), file=self._stream, flush=True)


class BuildCount:
    """Counts the ended builds of a run. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._expected = 0
        self.ended = 0

    def expect(self, count: int) -> None:
        """`count` more builds follow."""
        with self._lock:
            self._expected += count

    def count_ended(self) -> str:
        """One more build has ended: `` (3 of 12)``; empty if the total is unknown."""
        with self._lock:
            self.ended += 1
            return f" ({self.ended} of {self.total})" if self.total else ""

    @property
    def total(self) -> int:
        """The number of all builds, at least the number that has ended; 0 if unknown."""
        return max(self._expected, self.ended) if self._expected else 0


def ended(seconds: float, *, failed: bool) -> str:
    """The outcome of a build in words."""
    return f"{'failed after' if failed else 'built in'} {seconds:.1f} s"


def fitted(what: str, maximum: int) -> str:
    """`what` in at most `maximum` characters, shortened in the middle: the end tells layers, sides and paths apart."""
    if len(what) <= maximum:
        return what
    half = maximum // 2
    return f"{what[: half - 1]}…{what[-half:]}"


_WHAT_CHARACTERS = 60
_BAR_SECONDS = 0.1
_BAR_CELLS = 24


def progress_bar(done_bytes: int, total_bytes: int | None) -> str:
    """The bytes that are read, with a bar if the total is known."""
    read = f"{done_bytes / 1e6:.0f} MB"
    if not total_bytes:
        return read
    share = min(1.0, done_bytes / total_bytes)
    full = round(share * _BAR_CELLS)
    return f"{'█' * full}{'░' * (_BAR_CELLS - full)} {share:4.0%}  {read}"


_BUILD_STEP = re.compile(r"#\d+ (\[|ERROR|CACHED)|Step \d+/\d+ ")


def is_build_step(line: str) -> bool:
    """True for a line of build output that begins or ends a step of the Dockerfile."""
    return _BUILD_STEP.match(line) is not None and "[internal]" not in line
