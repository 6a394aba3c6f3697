"""Temporary folders that are gone when a run is over, however it ends.

Each has a lock that the kernel drops when the process ends. A later run removes the folders whose lock is free: those
of a run that was killed, and no others.
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
    """A new private folder below `parent` (default: the system's temporary folder), removed at the end unless kept.

    That is also after an error, Ctrl-C, or a signal that is turned into an exception. What killed runs left under
    `prefix` is removed first. Raises OSError where no folder can be made.
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
    """Let a scratch folder stay, from now on like any other folder of the user's."""
    (root / _LOCK).unlink(missing_ok=True)


def remove_stale_folders(prefix: str, parent: Path) -> None:
    """Remove what killed runs of this user left in `parent`. What another run still holds stays."""
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
