"""Beside the builds, for those are waiting: what is there already is read, and base weighed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from weighbridge.domain.image.image import Image
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.side import Side
from weighbridge.errors import WeighbridgeError
from weighbridge.run.build import Built, Remembered, titles_of
from weighbridge.run.read import weighed
from weighbridge.run.request import Tools
from weighbridge.sources.reference import ImageReference

_MOST_WEIGHED = 8
"""Weighed images are large."""


class Ahead:
    """Reads images one after the other in a thread of its own, and weighs the bases.

    Nobody else may use the reader until the context is left. What goes wrong here is found again, and told, when the
    image is asked for.
    """

    def __init__(self, tools: Tools, remembered: Iterable[Remembered]) -> None:
        self._tools = tools
        self._weighed: dict[ImageReference, WeighedImage] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")
        for one in remembered:
            self._thread.submit(self._weigh, one)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=True, cancel_futures=error is not None)

    def begin(self, built: Built, side: Side) -> None:
        """Have a side read when its turn comes, and base weighed; of head more is known when all is there."""
        self._thread.submit(self._read, built, side)

    def take(self, reference: ImageReference, image: Image) -> WeighedImage | None:
        """The image as it was weighed; ``None`` where it was not, or was another one than it turned out to be."""
        known = self._weighed.pop(reference, None)
        return known if known is not None and known.image == image else None

    def _read(self, built: Built, side: Side) -> None:
        if not self._tools.reader.reads_apart(built.reference):
            return
        if side == "base":
            self._weigh(built)
        else:
            self._image(built)

    def _weigh(self, one: Built | Remembered) -> None:
        with contextlib.suppress(WeighbridgeError):
            image = self._image(one)
            if len(self._weighed) < _MOST_WEIGHED:
                self._weighed[one.reference] = weighed(self._tools, one, image)

    def _image(self, one: Built | Remembered) -> Image | WeighbridgeError:
        return self._tools.reader.read([one.reference], titles=titles_of([one]))[one.reference]
