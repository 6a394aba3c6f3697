"""The hooks, run by pre-commit itself: it installs this checkout into an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GIT = ["git", "-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
FILES = (".pre-commit-hooks.yaml", "pyproject.toml", "README.md", "LICENSE", "src")


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run([*GIT, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def hook_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a user's `repo:` names: this checkout's files as one commit."""
    folder = tmp_path_factory.mktemp("hooks") / "weighbridge"
    folder.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *FILES],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.split("\0")[:-1]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((ROOT / name).read_bytes())
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "hooks")
    return folder


def test_pre_commit_lints_changed_dockerfiles_and_fixes_them(
    hook_repository: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "api").mkdir()
    (tmp_path / "api/Dockerfile").write_text("FROM alpine:3.20\nRUN apk add curl\n")
    (tmp_path / "notes.txt").write_text("FROM alpine\nRUN apk add curl\n")
    (tmp_path / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {hook_repository}\n  rev: {git(hook_repository, 'rev-parse', 'HEAD')}\n"
        "  hooks: [{id: weighbridge-lint}, {id: weighbridge-lint-fix}]\n"
    )
    git(tmp_path, "add", "--all")
    environment = {**os.environ, "PRE_COMMIT_HOME": str(tmp_path_factory.mktemp("pre-commit"))}

    def run(hook: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pre_commit", "run", hook, "--all-files"]
        return subprocess.run(
            [*command, "--verbose", "--color=never"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    linted = run("weighbridge-lint")
    assert linted.returncode == 1, linted.stdout + linted.stderr
    assert "api/Dockerfile:2: warning package-cache" in linted.stdout
    assert "1 Dockerfile: 1 warning" in linted.stdout

    fixed = run("weighbridge-lint-fix")
    assert "files were modified by this hook" in fixed.stdout
    assert (tmp_path / "api/Dockerfile").read_text() == "FROM alpine:3.20\nRUN apk add --no-cache curl\n"

    git(tmp_path, "add", "--all")
    assert run("weighbridge-lint").returncode == 0
