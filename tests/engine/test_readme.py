"""Each `weighbridge` command of the README and of docs/ is run unchanged, on a repository like the described one."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    found: dict[str, None] = {}
    for page in PAGES:
        for block in _CONSOLE.findall(page.read_text()):
            for line in block.splitlines():
                # The browser needs a terminal; its own tests drive it.
                if line.startswith("$ weighbridge ") and "explore" not in line:
                    found[line.removeprefix("$ ").partition("  #")[0].strip()] = None
    return list(found)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shop:
    """A repository with the branches and tags that the pages name; `images` are the engine's names for theirs."""

    folder: Path
    images: dict[str, str]
    environment: dict[str, str]


def _git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def shop(engine: Any, need_images: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    need_images(engine, "busybox")
    folder = tmp_path_factory.mktemp("shop")
    images = {name: f"weighbridge-test:{uuid.uuid4().hex[:12]}" for name in ("app:old", "app:new")}
    _git(folder, "init", "--quiet", "--initial-branch=main")
    for tag, image, text in (("v1.0", "app:old", "one"), ("v1.1", "app:new", "one and two")):
        (folder / "services/api").mkdir(parents=True, exist_ok=True)
        (folder / "services/api/Dockerfile").write_text('FROM busybox\nCOPY data /data\nCMD ["cat", "/data"]\n')
        (folder / "services/api/data").write_text(text)
        _git(folder, "add", "--all")
        _git(folder, "commit", "--quiet", "--message", tag)
        _git(folder, "tag", tag)
        done = engine.docker("build", "--tag", images[image], folder / "services/api")
        assert done.returncode == 0, done.stderr
    environment = {**engine.environment, "XDG_CACHE_HOME": str(folder.parent / "cache"), "HOME": str(folder.parent)}
    # What a run on the default branch leaves: its report, and a history.
    command = [sys.executable, "-m", "weighbridge", "diff", "v1.0", "v1.1", "--output", "report.json"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    (folder / ".git/info/exclude").write_text("/report.json\n")
    _git(folder, "checkout", "--quiet", "-b", "feature")
    (folder / "services/api/data").write_text("one, two and three")
    _git(folder, "commit", "--quiet", "--all", "--message", "feature")
    yield Shop(folder=folder, images=images, environment=environment)
    engine.docker("image", "rm", "--force", *images.values())


@pytest.mark.parametrize("command", commands())
def test_documented_command_works(shop: Shop, command: str) -> None:
    _, *arguments = [shop.images.get(word, word) for word in shlex.split(command)]
    done = subprocess.run(
        [sys.executable, "-m", "weighbridge", *arguments],
        cwd=shop.folder,
        env=shop.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert done.stdout.strip(), "nothing was printed"


def test_pages_contain_first_commands() -> None:
    names = {command.split()[1] for command in commands()}
    assert {"diff", "compare", "history", "inspect", "plan", "lint"} <= names
