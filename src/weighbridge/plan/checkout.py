"""Clean folders of commits, outside the user's repository, gone when they are no longer needed.

Each run has one temporary folder with a lock that the kernel drops when the process ends, however it ends. A later run
removes the folders whose lock is free: those of a run that was killed, and no others.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from weighbridge.errors import GitError
from weighbridge.plan.git import Repository, read_tree_into

_PREFIX = "weighbridge-trees-"
_LOCK = "weighbridge.lock"


@contextmanager
def checkout_trees(
    repository: Repository, commits: Iterable[str], *, folder: Path | None = None
) -> Iterator[Mapping[str, Path]]:
    """A clean folder for each commit, by its name, below `folder` (default: the system's temporary folder).

    The folders are as a fresh checkout, without ``.git`` and without the user's uncommitted files. They are removed at
    the end, also after an error, Ctrl-C, or a signal that is turned into an exception. Raises GitError.
    """
    parent = folder or Path(tempfile.gettempdir())
    remove_stale_trees(parent)
    try:
        root = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    except OSError as error:
        raise GitError(f"{parent}: no folder for the checkouts can be made: {error.strerror}. Set TMPDIR.") from error
    try:
        with _locked(root):
            yield {commit: _checkout(repository, commit, root) for commit in dict.fromkeys(commits)}
    finally:
        _remove(root)


def remove_stale_trees(parent: Path) -> None:
    """Remove what killed runs of this user left in `parent`. What another run still holds stays."""
    for left in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if left.is_symlink() or left.lstat().st_uid != os.getuid():
                continue
            lock = os.open(left / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(left)
            finally:
                os.close(lock)


def _checkout(repository: Repository, commit: str, root: Path) -> Path:
    tree = root / commit
    try:
        tree.mkdir()
    except OSError as error:
        raise GitError(f"{tree}: the folder cannot be made: {error.strerror}.") from error
    read_tree_into(repository, commit, folder=tree, index=root / f"{commit}.index")
    return tree


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Hold the lock of `root`. The file gets its name when it is locked already, so that nobody sees it free."""
    unnamed = root / f"{_LOCK}.new"
    lock = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unnamed.rename(root / _LOCK)
        yield
    finally:
        os.close(lock)


def _remove(root: Path) -> None:
    """Remove a folder; what cannot be removed at once (a read-only folder) is opened up and tried again."""
    shutil.rmtree(root, ignore_errors=True)
    if not root.exists():
        return
    for folder, _, _ in os.walk(root):
        with suppress(OSError):
            Path(folder).chmod(0o700)
    shutil.rmtree(root, ignore_errors=True)
