"""Temporary folders that are removed at the end of a run, also after an error or a signal.

Each folder has a lock that the kernel releases when the process ends. A later run removes folders without a held lock,
which killed runs left behind.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LOCK = "weighbridge.lock"


@contextmanager
def scratch_folder(prefix: str, *, parent: Path | None = None) -> Iterator[Path]:
    """A new private folder below `parent` (default: the system's temporary folder). Removed at the end unless kept.

    Also removed after an error, Ctrl-C, or a signal that raises an exception. First removes folders with `prefix` of
    killed runs. Raises OSError if the folder cannot be created.
    """
    parent = parent or Path(tempfile.gettempdir())
    remove_stale_folders(prefix, parent)
    root = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        with _locked(root):
            yield root
    finally:
        if (root / _LOCK).exists():
            _remove(root)


def keep_folder(root: Path) -> None:
    """Keep a scratch folder: nothing removes it any more."""
    (root / _LOCK).unlink(missing_ok=True)


def remove_stale_folders(prefix: str, parent: Path) -> None:
    """Remove folders in `parent` that killed runs of this user left. Folders of active runs stay."""
    for left in parent.glob(f"{prefix}*"):
        with suppress(OSError):
            if left.is_symlink() or left.lstat().st_uid != os.getuid():
                continue
            lock = os.open(left / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(left)
            finally:
                os.close(lock)


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Hold the lock of `root`. The lock file is renamed into place after locking, so it never appears unlocked."""
    unnamed = root / f"{_LOCK}.new"
    lock = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unnamed.rename(root / _LOCK)
        yield
    finally:
        os.close(lock)


def _remove(root: Path) -> None:
    """Remove a folder. Makes read-only folders writable and retries."""
    shutil.rmtree(root, ignore_errors=True)
    if not root.exists():
        return
    for folder, _, _ in os.walk(root):
        with suppress(OSError):
            Path(folder).chmod(0o700)
    shutil.rmtree(root, ignore_errors=True)
