"""Real git repositories for tests, made by the real git."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Property tests state no number of examples without a reason; `make fuzz` runs more. A busy machine is slow without a
# defect, so time is no failure. Fixtures of property tests keep no state between examples.
settings.register_profile(
    "weighbridge",
    max_examples=max(40, int(os.environ.get("FUZZ_EXAMPLES", "0")) // 4),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("weighbridge")


_THOROUGH_FILES = (
    "test_matrix.py",
    "test_script_matrix.py",
    "test_command_matrix.py",
    "test_fuzz.py",
    "test_growth.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test-unit` leaves to `make test`: recorded matrices, random cases, and the growth of time."""
    for item in items:
        is_random = item.get_closest_marker("hypothesis") is not None
        if is_random or "linear_time" in item.name or item.path.name in _THOROUGH_FILES:
            item.add_marker(pytest.mark.thorough)


class GitFolder:
    """A git repository in a folder of its own."""

    def __init__(self, root: Path, *arguments: str) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main", *arguments)

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(self.root), *identity, "-c", "protocol.file.allow=always", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def write(self, files: Mapping[str, str | bytes | None]) -> None:
        """Write files; ``None`` removes one."""
        for name, content in files.items():
            path = self.root / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, files: Mapping[str, str | bytes | None] | None = None, message: str = "change") -> str:
        """Write files, commit everything, and answer the commit's name."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self._head()

    def _head(self) -> str:
        """The name of the commit that is checked out, read without a process: there are a thousand commits."""
        named = (self.root / ".git/HEAD").read_text().strip()
        return (self.root / ".git" / named[5:]).read_text().strip() if named.startswith("ref: ") else named


_GIT_CONFIGURATION = """
[init]
    templateDir =
[maintenance]
    auto = false
"""
"""A new repository has no sample hooks, and a commit starts no second process that looks for garbage."""


@pytest.fixture(autouse=True, scope="session")
def _no_user_configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests do not depend on the configuration of whoever runs them."""
    configuration = tmp_path_factory.mktemp("git") / "configuration"
    configuration.write_text(_GIT_CONFIGURATION)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", str(configuration))
        patch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
        yield


@pytest.fixture
def git_folder(tmp_path: Path) -> GitFolder:
    """An empty repository in a folder called ``shop``."""
    return GitFolder(tmp_path / "shop")


@pytest.fixture
def new_git_folder(tmp_path: Path) -> Callable[..., GitFolder]:
    """Makes a repository in a folder of the given name."""
    return lambda name, *arguments: GitFolder(tmp_path / name, *arguments)
