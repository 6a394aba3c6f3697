"""Build commands always end: on a timeout, a lost engine, an escaped child, and the death of the run itself."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from weighbridge.build import command
from weighbridge.build.command import BoundedCommands
from weighbridge.errors import BuildError


@pytest.fixture
def commands():
    """Commands with the environment of the tests."""
    return BoundedCommands(environment=dict(os.environ))


def test_output_comes_line_by_line_and_overlong_line_in_pieces(commands, monkeypatch):
    monkeypatch.setattr(command, "_LINE_BYTES", 8)
    lines: list[str] = []
    assert commands.run(["printf", "ab\\r\\n\\n0123456789abcdef\\nend"], lines.append, 10) == 0
    assert (lines[:2], lines[-1]) == (["ab", ""], "end")
    assert "".join(lines[2:-1]) == "0123456789abcdef"


def test_command_over_timeout_ends_without_exit_code(commands):
    assert commands.run(["sleep", "60"], print, 0.2) is None  # 0 if the command had ended by itself


def test_command_with_endless_output_exceeds_its_timeout(commands):
    assert commands.run(["yes"], lambda _: None, 0.3) is None


def test_command_of_lost_engine_ends_with_failure(commands):
    lost = threading.Event()
    threading.Timer(0.2, lost.set).start()
    code = commands.run(["sleep", "60"], print, 60, is_lost=lost.is_set)
    assert code not in {0, None}


def test_escaped_child_with_open_pipe_does_not_delay_run(commands, monkeypatch):
    monkeypatch.setattr(command, "_SILENCE_AFTER_END_SECONDS", 0.2)
    lines: list[str] = []
    assert commands.run(["sh", "-c", "setsid sleep 50 & echo $!"], lines.append, 60) == 0
    (child,) = map(int, lines)
    assert _runs(child)
    os.kill(child, signal.SIGKILL)


def test_commands_ignoring_signal_are_killed_together(commands, monkeypatch):
    monkeypatch.setattr(command, "_TERMINATE_SECONDS", 0.5)
    stubborn = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.2; done"]
    ready = threading.Semaphore(0)
    codes: list[int | None] = []
    threads = [
        threading.Thread(target=lambda: codes.append(commands.run(stubborn, lambda _: ready.release(), 60)))
        for _ in range(3)
    ]
    for one in threads:
        one.start()
    for _ in threads:
        assert ready.acquire(timeout=20)
    commands.stop()
    for one in threads:
        one.join(20)
    assert codes == [-signal.SIGKILL] * 3
    with pytest.raises(BuildError, match="stopped before"):
        commands.run(["true"], print, 10)


def test_build_of_killed_run_ends_too():
    program = (
        "import os; from weighbridge.build.command import BoundedCommands;"
        "command = ['sh', '-c', 'echo $$; exec sleep 60'];"
        "BoundedCommands(environment=dict(os.environ)).run(command, lambda line: print(line, flush=True), 60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        build = os.pidfd_open(int(run.stdout.readline()))
        run.kill()
    try:
        ended, _, _ = select.select([build], [], [], 30)  # readable when the process has ended
    finally:
        os.close(build)
    assert ended


def _runs(process: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
