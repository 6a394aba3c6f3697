"""Beside the builds: an image is read as soon as it is built, so that not all the reading comes at the end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from weighbridge.layers.reader import LayerReader
from weighbridge.layers.reference import ImageReference


class ReadAhead:
    """Reads images one after the other in a thread of its own, where reading them apart costs nothing extra.

    It begins when `after` has returned: nobody else may use `reader` from then on, until the context is left. What goes
    wrong here is found again, and told, when the image is asked for.
    """

    def __init__(self, reader: LayerReader, *, after: Callable[[], None]) -> None:
        self._reader = reader
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read")
        self._thread.submit(after)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=True, cancel_futures=error is not None)

    def begin(self, reference: ImageReference) -> None:
        """Have an image read when its turn comes."""
        self._thread.submit(self._read, reference)

    def _read(self, reference: ImageReference) -> None:
        if self._reader.reads_apart(reference):
            self._reader.read([reference])
