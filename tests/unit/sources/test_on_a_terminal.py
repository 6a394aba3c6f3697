"""What a person at a terminal sees: colours, bars, and a progress bar that goes away; a pipe sees none of them."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def images(tmp_path: Path, layout: Any, tar: Any, member: Any) -> list[str]:
    """Two images, the second one with a layer of 2 MB more."""
    first = tar([member("a", content=b"1" * 1000)])
    second = tar([member("b", content=os.urandom(1 << 20) * 2)])
    layout(layers=[first], config={"Cmd": ["/a"]}).write_oci(tmp_path / "old")
    layout(layers=[first, second], config={"Cmd": ["/a"]}).write_oci(tmp_path / "new")
    return [f"oci:{tmp_path / 'old'}", f"oci:{tmp_path / 'new'}"]


def command(tmp_path: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "weighbridge", *arguments, "--cache-dir", str(tmp_path / "the-cache")]


def on_a_terminal(tmp_path: Path, *arguments: str) -> str:
    """What the command writes to a terminal of 100 columns, on both streams."""
    ours, theirs = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "FORCE_COLOR"}}
    process = subprocess.Popen(
        command(tmp_path, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "TERM": "xterm-256color", "COLUMNS": "100"},
    )
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 65536):
            written += chunk
    except OSError:  # Linux says so when the other side is closed
        pass
    os.close(ours)
    process.wait(timeout=60)
    return written.decode()


@pytest.mark.parametrize("name", ["inspect", "compare"])
def test_terminal_gets_colours_bars_and_progress_bar(name: str, images: list[str], tmp_path: Path) -> None:
    arguments = [name, *(images[1:] if name == "inspect" else images)]
    seen = on_a_terminal(tmp_path, *arguments)
    progress, _, table = seen.rpartition("\r\x1b[K")
    assert "• reading oci:" in progress
    assert " MB" in progress
    assert "░" in progress
    assert "█" in table
    assert "\x1b[3" in table  # a colour
    assert "• reading" not in table


def test_pipe_gets_no_colours_and_no_progress_bar(images: list[str], tmp_path: Path) -> None:
    piped = subprocess.run(
        command(tmp_path, "compare", *images), capture_output=True, text=True, timeout=60, check=False
    )
    assert "█" in piped.stdout
    assert "\x1b" not in piped.stdout + piped.stderr
    assert "\r" not in piped.stderr
    assert "░" not in piped.stderr
    assert piped.stderr.count("• reading oci:") >= 1
