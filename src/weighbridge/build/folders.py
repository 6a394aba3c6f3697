"""Where images go that no engine holds: OCI layouts in a temporary folder."""

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
    """A private folder, and in it one OCI layout for each build that runs at a time.

    Two programs that write the same blob to one layout get in each other's way, so a build has its layout for itself;
    an image's base and head share one, and with it the blobs that they have in common.
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
            raise EngineError(f"no folder for the images can be made: {error.strerror}. Set TMPDIR.") from error

    @contextmanager
    def one(self, image: str | None) -> Iterator[Path]:
        """A layout that nobody else writes to now; that of the last build of `image` where it is free."""
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
        """Remove what is there; what is built from now on goes to new layouts."""
        for layout in self._free:
            shutil.rmtree(layout, ignore_errors=True)
        self._free.clear()
        self._last.clear()

    def remove(self) -> None:
        """Remove everything."""
        self._stack.close()
