"""Stores the size history in the data branch: a separate branch with one file, which is never checked out.

Reads the refs of the clone. Writes by creating a commit without a working tree and pushing it. If another run pushed
first, adds the record to the new commit and retries.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from weighbridge.domain.size_history import Record
from weighbridge.errors import GitError, UsageError
from weighbridge.plan.git import Repository, call_git, list_tree
from weighbridge.plan.git_blobs import read_blobs
from weighbridge.size_history.lines import MAXIMUM_HISTORY_BYTES, with_record

HISTORY_FILE = "history.jsonl"
_TRIES = 5
_WHO = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "weighbridge"), ("EMAIL", "weighbridge@localhost"))
}


def read_branch(repository: Repository, branch: str) -> bytes:
    """The history in the clone's copy of `branch`; origin's branch has precedence. Empty if there is none."""
    for ref in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}"):
        try:
            commit = call_git(repository, ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"])
        except GitError:
            continue
        return read_commit(repository, commit) or b""
    return b""


def read_commit(repository: Repository, commit: str) -> bytes | None:
    """The history in a commit; ``None`` if it is not a commit of a data branch. Raises GitError."""
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
    """Add `record` to the history in `branch`, and push it. Returns False if other runs pushed first each time.

    `fetch` returns the branch's tip, or ``None`` if the branch does not exist. `push` pushes a commit, and returns
    False if the branch moved. Raises GitError, and UsageError if the branch holds other files.
    """
    for _ in range(_TRIES):
        tip = fetch()
        data = b"" if tip is None else read_commit(repository, tip)
        if data is None:
            raise UsageError(
                f"history branch {branch}: the branch exists without {HISTORY_FILE}. "
                "Use another branch, so that nothing is overwritten."
            )
        content = with_record(data, record)
        if content == data or push(_commit(repository, tip, content, record)):
            return True
    return False


def _commit(repository: Repository, parent: str | None, content: bytes, record: Record) -> str:
    """Create a commit with the history as its only file. The user's index and refs do not change."""
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
