"""Which texts are valid: the reader accepts what the real shells accept, and refuses what they refuse."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from weighbridge.domain.shell import Dialect, parse_script

RECORDED = Path(__file__).parents[3] / "data" / "shell" / "accepted.txt"
DIALECTS = {"dash": Dialect.POSIX, "ash": Dialect.ASH, "bash": Dialect.BASH}
COMMANDS = {"dash": ("dash", "-n"), "bash": ("bash", "-O", "extglob", "-n")}


def _recorded():
    rows = [line.split("\t") for line in RECORDED.read_text(encoding="utf-8").split("\n") if line[:1] == '"']
    return {json.loads(text): set(shells.split()) for text, shells in rows}


@pytest.mark.parametrize("shell", DIALECTS)
def test_reader_accepts_exactly_what_the_shell_accepts(shell):
    recorded = _recorded()
    assert len(recorded) > 450
    accepted = {text for text in recorded if parse_script(f"{text}\n", DIALECTS[shell]).fault is None}
    assert accepted == {text for text, shells in recorded.items() if shell in shells}


@pytest.mark.thorough
@pytest.mark.parametrize("shell", COMMANDS)
def test_recorded_acceptance_equals_a_run_of_the_shell(shell):
    wrong = []
    for text, shells in _recorded().items():
        run = subprocess.run(COMMANDS[shell], input=f"{text}\n".encode(), capture_output=True, check=False)
        # bash prints an error for an invalid [[ ]], and ends with 0.
        accepts = run.returncode == 0 and (not run.stderr or b"warning" in run.stderr)
        if accepts is not (shell in shells):
            wrong.append(text)
    assert wrong == []
