"""Messages for a folder that git cannot open and a word that is no revision: what is wrong, and what to write."""

from __future__ import annotations

import os
import re
from pathlib import Path

from weighbridge.domain.lines import lines_of
from weighbridge.domain.nearest import nearest
from weighbridge.plan.git_process import run_git, shown_message

_URL = re.compile(r"(?:https?|ssh|git)://?|git@")
_IMAGE = re.compile(r"[a-z0-9][a-z0-9._/-]*(?::[\w.-]+|@sha256:.*)")


def why_no_folder(folder: Path) -> str:
    """The message for a folder that does not exist, without its name."""
    if _URL.match(str(folder)):
        return "that is a URL. Clone the repository, and name its folder."
    return "no such folder. Name a git repository with --repo DIR."


def why_not_open(folder: Path, message: str) -> str:
    """The message of a folder that git refuses with `message`, with the remedy."""
    if "dubious ownership" in message or "unsafe repository" in message:
        return (
            f"{folder}: git refuses to read it: the folder belongs to another user."
            f" If you trust it: git config --global --add safe.directory {folder}"
        )
    if "not a git repository" in message:
        return f"{folder}: not a git repository (nor is any folder above it). Name one with --repo DIR."
    return f"{folder}: git cannot open the repository: {shown_message(message)}"


def why_unknown_revision(root: Path, settings: tuple[str, ...], revision: str, *, is_shallow: bool) -> str:
    """The message for a revision that does not resolve, with the remedy."""
    if run_git(root, settings, ["rev-parse", "--verify", "--quiet", "HEAD"])[0] != 0 and revision in {"HEAD", "@"}:
        return f"{root}: the repository has no commit yet. Commit something first."
    code, answer, _ = run_git(root, settings, ["cat-file", "-t", "--end-of-options", revision])
    kind = os.fsdecode(answer).strip() if code == 0 else ""
    if kind == "commit":
        return f"{revision}: git cannot read this commit. Write its full name, or fetch it again."
    if kind:
        return f"{revision}: that is a {kind}, not a commit."
    old, dots, new = revision.partition(".." if "..." not in revision else "...")
    if dots:
        return f"{revision}: that is a range. Write two revisions: {old or 'HEAD'} {new or 'HEAD'}."
    if has_ref(root, settings, f"refs/remotes/origin/{revision}"):
        return f"{revision}: unknown revision; there is an origin/{revision}. Write that."
    if no_revision := _not_a_revision(revision):
        return f"{revision}: {no_revision}"
    if is_shallow:
        if _looks_like_commit(revision):
            return (
                f"{revision}: this shallow clone does not have the commit. Fetch it: git fetch --depth=1 origin"
                f" {revision}; with actions/checkout set fetch-depth: 0."
            )
        branch = revision.removeprefix("origin/")
        return (
            f"{revision}: unknown revision in this shallow clone. Fetch it: git fetch origin {branch}"
            f" (for an older commit: git fetch --deepen=200 origin), then write FETCH_HEAD or origin/{branch};"
            " with actions/checkout set fetch-depth: 0."
        )
    local = revision.removeprefix("origin/")
    nearest = local if has_ref(root, settings, f"refs/heads/{local}") else _nearest_ref(root, settings, revision)
    hint = f' Did you mean "{nearest}"?' if nearest else ""
    known = "Write a branch, a tag or a commit, or fetch it from the remote: git fetch."
    return f"{revision}: unknown revision.{hint} {known}"


def _not_a_revision(revision: str) -> str | None:
    """What a word is that cannot be a revision, and the command for it; None if it can be one."""
    if _URL.match(revision):
        return "that is a URL. Clone the repository, and name its folder with --repo DIR."
    if revision.upper() == "HEAD":
        return "unknown revision. Did you mean HEAD?"
    if _IMAGE.fullmatch(revision):
        return "unknown revision. To compare two images: weighbridge compare OLD NEW."
    if Path(revision).is_dir():
        return "that is a folder, not a revision. Name a repository with --repo DIR, and revisions as diff BASE HEAD."
    if Path(revision).is_file():
        return "that is a file, not a revision. Select an image with --image NAME, or check a Dockerfile with lint."
    return None


def has_ref(root: Path, settings: tuple[str, ...], ref: str) -> bool:
    """True if the repository has the reference `ref`, a full name such as ``refs/heads/main``."""
    return run_git(root, settings, ["show-ref", "--verify", "--quiet", ref])[0] == 0


def _nearest_ref(root: Path, settings: tuple[str, ...], revision: str) -> str | None:
    """The branch or tag with the most similar name; ``main`` and ``master`` stand for each other."""
    arguments = ["for-each-ref", "--count=2000", "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags"]
    code, answer, _ = run_git(root, settings, arguments)
    names = lines_of(os.fsdecode(answer)) if code == 0 else []
    other = {"master": "main", "main": "master"}.get(revision.removeprefix("origin/"))
    for name in (other, f"origin/{other}"):
        if other and name in names:
            return name
    of_same_end = [name for name in names if name.endswith(f"/{revision}")]
    return of_same_end[0] if of_same_end else nearest(revision, names)


def _looks_like_commit(revision: str) -> bool:
    return len(revision) in {40, 64} and all(letter in "0123456789abcdefABCDEF" for letter in revision)
