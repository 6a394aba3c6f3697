"""Files of a run: folders of the workspace that a pull request cannot fill, and private files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weighbridge.action.inputs import Inputs
from weighbridge.errors import UsageError
from weighbridge.plan.fetch import CommitHistory
from weighbridge.plan.git import list_tree


def cache_folder(inputs: Inputs, workspace: Path, history: CommitHistory, head_sha: str) -> Path | None:
    """The cache folder below the workspace. Raises UsageError if files of the repository could fill it."""
    if inputs.cache_dir is None:
        return None
    return own_folder(workspace, inputs.cache_dir, "cache-dir", history, head_sha)


def own_folder(workspace: Path, path: str, name: str, history: CommitHistory, head_sha: str) -> Path:
    """The folder `path` of the input `name`. Raises UsageError if files of the repository could fill it."""
    found = folder_inside(workspace, path, name)
    relative = found.relative_to(workspace).as_posix()
    if any(f"{entry.path}/".startswith(f"{relative}/") for entry in list_tree(history.repository, head_sha)):
        raise UsageError(f"{name}: {path} is part of the repository, so a pull request could fill it.")
    return found


def folder_inside(workspace: Path, path: str, name: str) -> Path:
    """The folder `path` of the input `name`. Raises UsageError if it is not below the workspace."""
    found = (workspace / path).resolve()
    if found == workspace or not found.is_relative_to(workspace):
        raise UsageError(f"{name}: {path[:200]!r} is not a folder below the workspace.")
    return found


@contextmanager
def private_files(inputs: Inputs) -> Iterator[tuple[dict[str, Path], dict[str, str]]]:
    """Writes BuildKit's secrets and docker's configuration to private files, and removes them at the end."""
    with tempfile.TemporaryDirectory(prefix="weighbridge-secrets-") as folder:
        files = {name: Path(folder) / f"secret-{index}" for index, name in enumerate(inputs.secrets)}
        for name, path in files.items():
            _write_private(path, inputs.secrets[name])
        settings = {}
        if inputs.docker_config is not None:
            docker = Path(folder) / "docker"
            docker.mkdir(mode=0o700)
            _write_private(docker / "config.json", inputs.docker_config)
            settings["DOCKER_CONFIG"] = str(docker)
        yield files, settings


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(text, encoding="utf-8")
