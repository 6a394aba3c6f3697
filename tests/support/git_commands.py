"""Git for tests, with an identity of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

_IDENTITY = ("-c", "user.name=T", "-c", "user.email=t@example.org")


def git(repo: Path, *arguments: str) -> str:
    """What git prints in `repo`. Raises CalledProcessError if it fails."""
    done = subprocess.run(["git", *_IDENTITY, *arguments], cwd=repo, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(repo: Path, files: Mapping[str, str | None] | None = None, message: str = "change") -> str:
    """Write files (``None`` removes one), commit everything, and return the commit's name."""
    for name, text in (files or {}).items():
        path = repo / name
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message", message)
    return git(repo, "rev-parse", "HEAD")
