"""A history in a branch of the repository: a branch of its own, with one file, that no working tree ever sees.

It is read from the refs that a clone has, and written by making a commit beside the checkout and pushing it. Where
somebody else pushed first, the record is added to what is there now and pushed again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from weighbridge.domain.size_history import Record
from weighbridge.errors import GitError, UsageError
from weighbridge.plan.git import Repository, call_git, list_tree, read_blobs
from weighbridge.size_history.lines import MAXIMUM_HISTORY_BYTES, with_record

HISTORY_FILE = "history.jsonl"
_TRIES = 5
_WHO = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "weighbridge"), ("EMAIL", "weighbridge@localhost"))
}


def read_branch(repository: Repository, branch: str) -> bytes:
    """The history in `branch` as this clone last saw it, at origin before its own; empty where it has none."""
    for ref in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}"):
        try:
            commit = call_git(repository, ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"])
        except GitError:
            continue
        return read_commit(repository, commit) or b""
    return b""


def read_commit(repository: Repository, commit: str) -> bytes | None:
    """The history that a commit holds, ``None`` where it is no commit of a data branch. Raises GitError."""
    entry = next((entry for entry in list_tree(repository, commit) if entry.path == HISTORY_FILE), None)
    if entry is None:
        return None
    ((_, data),) = read_blobs(repository, [entry.sha], maximum_bytes=MAXIMUM_HISTORY_BYTES)
    return data


def push_record(
    repository: Repository,
    branch: str,
    record: Record,
    *,
    fetch: Callable[[], str | None],
    push: Callable[[str], bool],
) -> bool:
    """Add `record` to the history in `branch`, and push it; true where that was done, false where others always won.

    `fetch` brings the branch's tip and answers it, ``None`` where there is no such branch yet; `push` puts a commit in
    its place and answers false where the branch has moved meanwhile. Raises UsageError for a branch that holds
    something else, and GitError.
    """
    for _ in range(_TRIES):
        tip = fetch()
        data = b"" if tip is None else read_commit(repository, tip)
        if data is None:
            raise UsageError(
                f"history branch {branch}: there is such a branch, and it has no {HISTORY_FILE}. "
                "Name another one: this one belongs to somebody."
            )
        content = with_record(data, record)
        if content == data or push(_commit(repository, tip, content, record)):
            return True
    return False


def _commit(repository: Repository, parent: str | None, content: bytes, record: Record) -> str:
    """A commit whose only file is the history. Nothing of the user's index or refs is touched."""
    with tempfile.TemporaryDirectory(prefix="weighbridge-history-") as folder:
        file = Path(folder) / HISTORY_FILE
        file.write_bytes(content)
        blob = call_git(repository, ["hash-object", "-w", "--no-filters", "--", str(file)])
        index = {"GIT_INDEX_FILE": os.fspath(Path(folder) / "index")}
        call_git(
            repository, ["update-index", "--add", "--cacheinfo", f"100644,{blob},{HISTORY_FILE}"], environment=index
        )
        tree = call_git(repository, ["write-tree"], environment=index)
    parents = [] if parent is None else ["-p", parent]
    message = f"Sizes at {record.commit[:12]}"
    return call_git(repository, ["commit-tree", *parents, "-m", message, tree], environment=_WHO)
