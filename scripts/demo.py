"""Makes a small git repository with a base and a head commit, weighs the branch for real, and shows the comment."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from devkit import engines, images
from devkit.command import DevkitError, run
from devkit.terminal import say

ROOT = Path(__file__).resolve().parent.parent
HELLO = ROOT / "examples/hello"
REPOSITORY = ROOT / ".dev/demo"
BASE_IMAGES = ("debian:bookworm", "gcc", "busybox:glibc")

# Folder of the demo repository → the example its Dockerfile is on either side.
BEFORE = {"hello": "c-gcc", "greeter": "c-busybox-glibc", "probe": "c-static-glibc-on-scratch"}
AFTER = {"hello": "c-multistage", "greeter": "c-dynamic-on-scratch", "probe": "c-static-glibc-on-scratch"}
STORY = (
    "hello becomes a multi-stage build; greeter moves from busybox:glibc to scratch and no longer starts;"
    " probe stays as it is"
)
# A closed gate is an outcome to show; anything else that is not 0 is a demo that failed.
SHOWN_EXIT_CODES = (0, 1)


def main() -> int:
    """Run the demo; 0 when the comment could be shown."""
    try:
        engine = engines.start("overlay2")
        images.ensure(engine, BASE_IMAGES)
        base, head = _make_repository()
        say(f"the branch to weigh: {STORY}")
        return _weigh(engine, base, head)
    except DevkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _make_repository() -> tuple[str, str]:
    """A fresh repository in .dev/demo; the revisions of its main branch and of the branch with the change."""
    shutil.rmtree(REPOSITORY, ignore_errors=True)
    REPOSITORY.mkdir(parents=True)
    _git("init", "--quiet", "--initial-branch=main")
    _write(BEFORE)
    _commit("Three hellos")
    _git("switch", "--quiet", "--create", "smaller-images")
    _write(AFTER)
    _commit("Leave the compiler behind")
    return "main", "smaller-images"


def _write(example_by_folder: dict[str, str]) -> None:
    for name, example in example_by_folder.items():
        folder = REPOSITORY / name
        folder.mkdir(exist_ok=True)
        shutil.copy(HELLO / "hello.c", folder)
        shutil.copy(HELLO / f"Dockerfile.{example}", folder / "Dockerfile")


def _commit(message: str) -> None:
    _git("add", "--all")
    _git("commit", "--quiet", "--message", message)


def _git(*arguments: str) -> None:
    settings = ("user.name=Demo", "user.email=demo@localhost", "commit.gpgsign=false", "core.hooksPath=/dev/null")
    options = [part for setting in settings for part in ("-c", setting)]
    # The same dates each time give the same commits, so the second run finds everything built.
    dates = {"GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z"}
    run(["git", *options, *arguments], cwd=REPOSITORY, env=dates)


def _weigh(engine: engines.Engine, base: str, head: str) -> int:
    program = Path(sys.executable).parent / "weighbridge"
    command = ["diff", "--repo", str(REPOSITORY), base, head, "--all", "--format", "markdown"]
    say("weighbridge " + " ".join(command).replace(str(ROOT) + "/", ""))
    environment = {**os.environ, **engine.environment()}
    done = subprocess.run([program, *command], env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in SHOWN_EXIT_CODES or not done.stdout.strip():
        raise DevkitError(f"weighbridge ended with exit code {done.returncode}, see above")
    say("the comment as GitHub would show it, folded parts opened:")
    console = Console()
    console.rule()
    console.print(Markdown(_without_html(done.stdout)))
    console.rule()
    say(f"exit code {done.returncode}; the repository stays in {REPOSITORY.relative_to(ROOT)} for you to play with")
    say(
        'next: `eval "$(python3 scripts/engine.py env)"`, then `.venv/bin/weighbridge diff --repo YOUR-REPOSITORY main`'
    )
    return 0


def _without_html(markdown: str) -> str:
    """The comment, with GitHub's few HTML tags replaced for a terminal."""
    replacements = (
        (r"<!--.*?-->", ""),
        (r"<summary>(.*?)</summary>", r"\n\n▸ \1\n\n"),
        (r"</?b>", "**"),
        (r"<br\s*/?>", "\n"),
        (r"</?(details|sub|sup|kbd)( [^>]*)?>", ""),
    )
    # Nothing between backticks is decoded by a Markdown reader, unlike between GitHub's <code> tags.
    markdown = re.sub(r"<code>(.*?)</code>", lambda code: f"`{html.unescape(code[1])}`", markdown)
    for pattern, replacement in replacements:
        markdown = re.sub(pattern, replacement, markdown, flags=re.DOTALL)
    return markdown


if __name__ == "__main__":
    sys.exit(main())
