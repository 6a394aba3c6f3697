"""`weighbridge explore` and `compare --explore`: what they refuse before an image is read."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from weighbridge.cli.main import run
from weighbridge.errors import ExitCode

EXPLORE = [["explore", "shop:1"], ["compare", "shop:1", "shop:2", "--explore"]]


@pytest.mark.parametrize("arguments", EXPLORE)
def test_explore_without_textual_names_installation(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert run(arguments) is ExitCode.USAGE
    assert capsys.readouterr().err == "error: The browser needs Textual. Run: pip install 'weighbridge[explore]'\n"


@pytest.mark.parametrize("arguments", EXPLORE)
def test_explore_without_terminal_names_other_commands(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) is ExitCode.USAGE
    assert "needs a terminal. Use `inspect` or `compare`" in capsys.readouterr().err


def test_compare_explore_with_output_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", "a", "b", "--explore", "--format", "json"]) is ExitCode.USAGE
    assert "--explore writes no report" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file or directory. Pass an existing file"), ("FROM a AS b\nRUNN x\n", "Dockerfile:2")],
)
def test_explore_names_unreadable_dockerfile(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
    message: str,
) -> None:
    path = tmp_path / "Dockerfile"
    if content is not None:
        path.write_text(content)
    for stream in (sys.stdin, sys.stdout):  # the command asks for a terminal first
        monkeypatch.setattr(stream, "isatty", lambda: True)
    code = run(["explore", "oci:/nowhere", "--dockerfile", str(path)])
    assert code in {ExitCode.USAGE, ExitCode.BUILD_FAILED}
    assert message in capsys.readouterr().err
