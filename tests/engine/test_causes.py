"""A sample of the planted causes, built for real; `make causes-corpus` builds them all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from causes.cases import all_cases
from causes.corpus import answers, write_repository
from engine_protocol import Engine

SAMPLE = frozenset(
    {
        "pip-and-file",
        "file-two",
        "folder-new",
        "file-new-copy-line",
        "file-through-stage",
        "run-two",
        "waste-removed",
        "copy-for-mode",
        "links-lost",
        "base-and-file",
    }
)


def test_planted_causes_are_found_with_lines(engine: Engine, tmp_path: Path) -> None:
    cases = [case for case in all_cases() if case.name in SAMPLE]
    repository = tmp_path / "repository"
    write_repository(repository, cases)
    command = [sys.executable, "-m", "weighbridge", "diff", "HEAD~1", "HEAD", "--no-verify-tips", "--format", "json"]
    done = subprocess.run(command, cwd=repository, env=engine.environment, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    found = answers(json.loads(done.stdout), cases)
    assert {answer.name: answer.problems for answer in found if answer.problems} == {}
    assert len(found) == len(SAMPLE)
