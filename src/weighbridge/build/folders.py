"""Folders for images outside an engine: OCI layouts in a temporary folder."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from weighbridge.errors import EngineError
from weighbridge.temporary_folders import scratch_folder

_FOLDER_PREFIX = "weighbridge-images-"


class LayoutFolders:
    """A private folder with one OCI layout per parallel build.

    Two programs cannot write the same blob to one layout at once, so each running build has its own layout. An image's
    base and head share a layout and its blobs.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._free: list[Path] = []
        self._count = 0
        self._last: dict[str | None, Path] = {}
        try:
            self.root = self._stack.enter_context(scratch_folder(_FOLDER_PREFIX))
        except OSError as error:
            raise EngineError(f"cannot create a folder for the images: {error.strerror}. Set TMPDIR.") from error

    @contextmanager
    def one(self, image: str | None) -> Iterator[Path]:
        """A layout without another writer; the last layout of `image` if it is free."""
        with self._lock:
            if self._last.get(image) in self._free:
                layout = self._last[image]
                self._free.remove(layout)
            elif self._free:
                layout = self._free.pop()
            else:
                layout = self.root / str(self._count)
                self._count += 1
            self._last[image] = layout
        try:
            yield layout
        finally:
            with self._lock:
                self._free.append(layout)

    def renew(self) -> None:
        """Remove all layouts. Later builds get new ones."""
        for layout in self._free:
            shutil.rmtree(layout, ignore_errors=True)
        self._free.clear()
        self._last.clear()

    def remove(self) -> None:
        """Remove everything."""
        self._stack.close()
