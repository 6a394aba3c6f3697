"""Everything in this folder needs an engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from git_commands import git

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.engine)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """An empty repository in a folder called ``shop``."""
    path = tmp_path / "shop"
    path.mkdir()
    git(path, "init", "--quiet", "--initial-branch=main")
    return path
