"""Shows all builds of a run in one view on a terminal: the running builds, their steps, and the layer that is read."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from weighbridge.progress.lines import Lines, fitted, is_build_step, progress_bar
from weighbridge.progress.text import without_controls

_REFRESHES_A_SECOND = 4
_READING_CHARACTERS = 40
_TITLE_CHARACTERS = 34
"""Title, seconds and the beginning of the step fit into 80 columns."""


@dataclass(kw_only=True, slots=True)
class _Running:
    begun: float
    at: str = ""


class LiveView(Lines):
    """As `Lines`, but shows builds and reads in place, below the printed lines.

    The view controls the terminal from the first build to the end of the last one. `finish` always releases it.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._console = Console(file=stream, highlight=False, soft_wrap=False)
        self._running: dict[str, _Running] = {}
        self._reading: str | None = None
        self._live: Live | None = None

    def build_line(self, title: str, line: str) -> None:
        """Show the current step of the build."""
        with self._lock:
            running = self._running.setdefault(title, _Running(begun=time.monotonic()))
            if is_build_step(line):
                running.at = without_controls(line)
            if self._live is None:
                self._clear_bar()
                self._live = Live(
                    get_renderable=self._view,
                    console=self._console,
                    refresh_per_second=_REFRESHES_A_SECOND,
                    transient=True,
                )
                self._live.start()

    def build_ended(self, title: str, *, seconds: float, failed: bool) -> None:
        """Print a permanent line."""
        super().build_ended(title, seconds=seconds, failed=failed)
        with self._lock:
            self._running.pop(title, None)
            live = None if self._running else self._take_live()
        if live is not None:
            live.stop()

    def reading(self, what: str, done_bytes: int, total_bytes: int | None) -> None:
        """Show the read below the builds. Without builds, show it as `Lines` does."""
        if self._live is None:
            super().reading(what, done_bytes, total_bytes)
        else:
            shown = fitted(without_controls(what), _READING_CHARACTERS)
            self._reading = f"reading {shown}  {progress_bar(done_bytes, total_bytes)}"

    def finish(self) -> None:
        """Remove the view, before results or an error are printed."""
        with self._lock:
            live = self._take_live()
        if live is not None:
            live.stop()
        super().finish()

    def _take_live(self) -> Live | None:
        live, self._live = self._live, None
        self._reading = None
        return live

    def _print(self, text: str) -> None:
        if self._live is None:
            super()._print(text)
        else:
            self._console.print(Text(without_controls(text)))

    def _view(self) -> RenderableType:
        """Render the view. Runs in the view's own thread, which must not wait, so it takes no lock."""
        now = time.monotonic()
        builds = list(self._running.items())
        names = [fitted(without_controls(title), _TITLE_CHARACTERS) for title, _ in builds]
        width = max(map(len, names), default=0)
        lines = []
        for name, (_, running) in zip(names, builds, strict=True):
            line = Text(f"  {name:<{width}} {now - running.begun:4.0f} s ", no_wrap=True, overflow="ellipsis")
            lines.append(line.append(running.at, style="dim"))
        running_now, total = len(self._running), self._builds.total
        ended = f"{self._builds.ended} of {total}" if total else str(self._builds.ended)
        head = Text(f"• {running_now} {'build runs' if running_now == 1 else 'builds run'}, {ended} ended")
        return Group(head, *lines, *([Text(f"• {self._reading}")] if self._reading else []))
