"""Reads and weighs images while other builds run."""

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
from weighbridge.run.build_outcome import BuiltSide, CachedSide, base_image_of, titles_of
from weighbridge.run.clients import Tools
from weighbridge.run.read import weigh_read_image
from weighbridge.sources.reference import ImageReference

_MOST_WEIGHED = 8
"""Maximum number of weighed images in memory, because they are large."""


class Prefetch:
    """Reads and weighs images one after another in a separate thread.

    No other thread may use the reader until the context ends. Ignores errors: the run reads the image again later and
    reports them. Without `estimate_sizes`, unknown download sizes stay unknown, which saves compressing the layers.
    """

    def __init__(self, tools: Tools, cached: Iterable[CachedSide] = (), *, estimate_sizes: bool = True) -> None:
        self._tools = tools
        self._estimate_sizes = estimate_sizes
        self._weighed: dict[ImageReference, WeighedImage] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch")
        for one in cached:
            self._thread.submit(self._weigh, one, is_base=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=True, cancel_futures=error is not None)

    def begin(self, built: BuiltSide, side: Side) -> None:
        """Queue a side for reading and weighing."""
        self._thread.submit(self._read, built, is_base=side == "base")

    def begin_weighing(self, built: BuiltSide) -> None:
        """Queue an image for reading and weighing."""
        self._thread.submit(self._read, built, is_base=False)

    def take(self, reference: ImageReference, image: Image) -> WeighedImage | None:
        """Returns the weighed image once; ``None`` if it was not weighed, or if it differs from `image`."""
        known = self._weighed.pop(reference, None)
        return known if known is not None and known.image == image else None

    def _read(self, built: BuiltSide, *, is_base: bool) -> None:
        if self._tools.reader.reads_alone(built.reference):
            self._weigh(built, is_base=is_base)

    def _weigh(self, one: BuiltSide | CachedSide, *, is_base: bool) -> None:
        with contextlib.suppress(WeighbridgeError):
            image = self._image(one, base_image=base_image_of(one) if is_base else None)
            if len(self._weighed) < _MOST_WEIGHED:
                self._weighed[one.reference] = weigh_read_image(self._tools, one, image)

    def _image(self, one: BuiltSide | CachedSide, *, base_image: str | None) -> Image | WeighbridgeError:
        reference = one.reference
        return self._tools.reader.read(
            [reference],
            titles=titles_of([one]),
            estimate_sizes=self._estimate_sizes,
            base_images={reference: base_image} if base_image else {},
        )[reference]
