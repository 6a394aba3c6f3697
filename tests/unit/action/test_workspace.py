"""Folders of the workspace that the files of a pull request must not fill."""

from __future__ import annotations

import pytest

from weighbridge.action.workspace import folder_inside, own_folder
from weighbridge.errors import UsageError
from weighbridge.plan.fetch import Remote, borrowed_history
from weighbridge.plan.git import open_repository


@pytest.mark.parametrize("planted", ["parts/report.json", "parts", "parts/a/b.json"])
def test_folder_with_files_of_the_repository_is_refused(git_folder, planted):
    head = git_folder.commit({planted: "{}"})
    with borrowed_history(open_repository(git_folder.root), Remote(url="http://127.0.0.1:9/o/r"), name="r") as history:
        with pytest.raises(UsageError, match="parts: parts is part of the repository"):
            own_folder(git_folder.root, "parts", "parts", history, head)
        assert own_folder(git_folder.root, "part", "parts", history, head) == git_folder.root.resolve() / "part"


@pytest.mark.parametrize("path", [".", "..", "../x", "/etc", "a/../.."])
def test_folder_outside_of_the_workspace_is_refused(tmp_path, path):
    with pytest.raises(UsageError, match="not a folder below the workspace"):
        folder_inside(tmp_path, path, "parts")
