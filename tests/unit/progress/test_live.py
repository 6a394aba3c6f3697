"""One live view of all builds, on a real pseudo-terminal; steady lines everywhere else."""

from __future__ import annotations

import io
import os
import pty
import re
import termios
import threading
from collections.abc import Callable, Iterator

import pytest
from rich.console import Console

from weighbridge.progress.lines import Lines
from weighbridge.progress.live import LiveView

HOSTILE = "#5 [2/3] RUN \x1b]0;mine\x07 [red]markup[/red]"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[LiveView], None]], str]]:
    """`terminal(use)` gives what a terminal received while `use` worked with a view on it."""
    monkeypatch.setenv("TERM", "xterm")  # a dumb terminal has no live view
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 80))
    received: list[bytes] = []

    def read() -> None:
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:
                return
            if not piece:
                return
            received.append(piece)

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(follower, "w", encoding="utf-8") as stream:

        def use(work: Callable[[LiveView], None]) -> str:
            work(LiveView(stream))
            stream.flush()
            termios.tcdrain(stream.fileno())
            stream.close()
            reader.join(timeout=20)
            return b"".join(received).decode()

        yield use
    reader.join(timeout=20)
    os.close(leader)


def test_live_view_parallel_builds_share_view_and_ended_ones_stay(terminal):
    def work(view: LiveView) -> None:
        view.build_line("api base", "#4 [1/3] FROM busybox")
        view.build_line("web head", HOSTILE)
        view.reading("api base, layer 1 of 3", 500_000, 1_000_000)
        view._live.refresh()
        view.step("a step meanwhile")
        view.build_ended("api base", seconds=1.25, failed=False)
        view._live.refresh()
        view.build_ended("web head", seconds=2, failed=True)
        view.finish()

    shown = terminal(work)
    assert "2 builds run, 0 ended" in shown
    assert "1 build runs, 1 ended" in shown
    assert "[1/3] FROM busybox" in shown
    assert "[red]markup[/red]" in shown, "text of a build is no markup"
    assert "\x1b]0;" not in shown
    assert "reading api base, layer 1 of 3" in shown
    assert "50%" in shown
    assert "• a step meanwhile" in shown
    assert "[api base] built in 1.2 s" in shown
    assert "[web head] failed after 2.0 s" in shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1, "the cursor comes back"


def test_live_view_finish_during_build_releases_terminal(terminal):
    def work(view: LiveView) -> None:
        view.build_line("api base", "#4 [1/3] FROM busybox")
        view.finish()
        view.finish()

    shown = terminal(work)
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1


def test_live_view_many_threads_do_not_deadlock(terminal):
    def work(view: LiveView) -> None:
        def build(number: int) -> None:
            for step in range(50):
                view.build_line(f"image {number}", f"#{step} [1/3] RUN {step}")
                view.step("a line")
                view.reading(f"image {number}", step, 50)
            view.build_ended(f"image {number}", seconds=step, failed=False)

        threads = [threading.Thread(target=build, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert not any(thread.is_alive() for thread in threads)
        view.finish()

    assert len(re.findall(r"built in", terminal(work))) == 8


def test_lines_without_terminal_have_no_control_characters():
    stream = io.StringIO()
    lines = Lines(stream)
    lines.build_line("api base", HOSTILE)
    lines.build_line("api base", "#5 0.123 output of the step")
    lines.build_ended("api base", seconds=3, failed=False)
    assert stream.getvalue() == ("  [api base] #5 [2/3] RUN 0;mine [red]markup[/red]\n  [api base] built in 3.0 s\n")


def test_bar_long_name_keeps_its_end():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    Lines(stream).reading(f"services/{'payments-' * 12}api head, layer 12 of 31", 5_000_000, 10_000_000)
    assert "• reading services/payments-" in stream.getvalue()
    assert "…" in stream.getvalue()
    assert "api head, layer 12 of 31  ████████████░" in stream.getvalue()


def test_names_of_long_builds_are_cut_to_80_columns() -> None:
    stream = io.StringIO()
    view = LiveView(stream)
    for side in ("base", "head"):
        view.build_line(
            f"platform/services/payments/worker-{'x' * 40} {side}", "#5 [2/9] RUN make -j4 everything and more"
        )
    console = Console(file=io.StringIO(), width=80)
    console.print(view._view())
    view.finish()
    lines = console.file.getvalue().splitlines()
    assert "2 builds run" in lines[0]
    for line, side in zip(lines[1:], ("base", "head"), strict=True):
        assert len(line) <= 80
        assert f"x {side}    0 s #5 [2/9] RUN make" in line
