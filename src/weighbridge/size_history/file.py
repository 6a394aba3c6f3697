"""Stores the size history in a file of the cache folder, one per repository. Parallel runs share it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import tempfile
from pathlib import Path

from weighbridge.domain.size_history import Record
from weighbridge.size_history.lines import MAXIMUM_HISTORY_BYTES, with_record

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class HistoryFile:
    """The history of one repository below a cache folder."""

    def __init__(self, folder: Path, repository: str) -> None:
        """`repository` identifies the repository in every checkout: its URL, or ``owner/name``."""
        digest = hashlib.sha256(repository.encode("utf-8", "surrogateescape")).hexdigest()[:12]
        name = _UNSAFE.sub("-", repository.rstrip("/").removesuffix(".git").rpartition("/")[2])[:60].strip("-.")
        self.path = folder / "history" / f"{name or 'repository'}-{digest}.jsonl"

    def read(self) -> bytes:
        """The content of the file up to the maximum size; empty if it does not exist."""
        try:
            with self.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(max(0, size - MAXIMUM_HISTORY_BYTES))
                return file.read(MAXIMUM_HISTORY_BYTES)
        except OSError:
            return b""

    def append(self, record: Record) -> None:
        """Add a record (best effort): a full or read-only disk is not an error."""
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.with_suffix(".lock").open("wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._replace(with_record(self.read(), record))

    def _replace(self, content: bytes) -> None:
        descriptor, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            Path(temporary).replace(self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise
