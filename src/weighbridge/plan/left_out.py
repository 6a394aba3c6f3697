"""Excludes Dockerfiles that are not images of this repository: vendored trees, test data, development containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weighbridge.config import Discover

_FOLDERS = {
    "node_modules": "vendored",
    "bower_components": "vendored",
    "site-packages": "vendored",
    "godeps": "vendored",
    "third_party": "vendored",
    "thirdparty": "vendored",
    "third-party": "vendored",
    "3rdparty": "vendored",
    "testdata": "test data",
    "test-data": "test data",
    "test_data": "test data",
    "fixtures": "test data",
    "fixture": "test data",
    "__fixtures__": "test data",
    "test-fixtures": "test data",
    "test_fixtures": "test data",
    "__snapshots__": "test data",
    ".devcontainer": "a development container",
}


def left_out(path: str) -> str | None:
    """Why a Dockerfile at `path` is excluded by default (``vendored``, ``test data``, …); ``None`` if it is included.

    Only the folders of the path decide, so that no edit of a file's contents excludes an image.
    """
    folders = path.split("/")[:-1]
    for depth, folder in enumerate(folders):
        # A service may have the name "vendor": a folder of packages is nested deeper, or is at the root.
        if folder == "vendor" and len(folders) - depth > (1 if depth == 0 else 2):
            return "vendored"
        reason = _FOLDERS.get(folder.lower()) or ("test data" if folder.lower().startswith("testfiles") else None)
        if reason is not None:
            return reason
        if folder == "resources" and folders[max(0, depth - 2) : depth] == ["src", "test"]:
            return "test data"  # Maven's and Gradle's folder for it
        if "{{" in folder or folder.startswith("{%"):
            return "a template"
    return None


def is_left_out(discover: Discover, path: str) -> bool:
    """True for a path that the configuration does not include, and that `left_out` excludes."""
    return not discover.all_dockerfiles and not discover.include and left_out(path) is not None
