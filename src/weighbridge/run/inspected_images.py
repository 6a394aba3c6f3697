"""Caches the reports of inspected images, so that inspecting a known image computes nothing.

A report depends on the image, the program and the configuration only, and its key has all three. Data that is corrupt,
or of another version, counts as missing. The layer cache writes whole files, and removes the oldest.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import weighbridge
from weighbridge.config import Config
from weighbridge.domain.image.image import Image, Layer
from weighbridge.domain.image.layer import Entry
from weighbridge.domain.image.rootfs import ContentReader, Node
from weighbridge.errors import WeighbridgeError
from weighbridge.report.model import Report, decode_report, encode_report
from weighbridge.run.base_image import BaseLayers
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.reference import ImageReference

Result = TypeVar("Result")

_FORMAT = 1
"""Increased with any change to the key."""


class InspectedImages:
    """The reports in a cache folder."""

    def __init__(self, folder: Path) -> None:
        self._cache = LayerCache(folder)

    def find(self, key: str) -> Report | None:
        """The report with a key; ``None`` if there is none, or no valid one."""
        document = self._cache.document(_name(key))
        if document is None:
            return None
        try:
            return decode_report(document, name="a cached report")
        except WeighbridgeError:
            return None

    def keep(self, key: str, report: Report) -> None:
        """Store a report."""
        self._cache.put_document(_name(key), encode_report(report).encode())
        self._cache.trim()


def _name(key: str) -> str:
    return f"inspected {_FORMAT} {key}"


def report_key(reference: ImageReference, image: Image, base: BaseLayers, config: Config) -> str:
    """The key of a report: everything that it depends on."""
    parts = (
        program_fingerprint(),
        str(reference),
        image.image_id,
        [(*map(layer_identity, image.layers),), image.history, image.notes, image.attached],
        sorted(image.annotations.items()),
        base,
        config,
    )
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()


def layer_identity(layer: Layer) -> tuple[object, ...]:
    """Everything about a layer that a report shows. Its content follows from the diff ID."""
    sizes = layer.download_bytes, layer.download_estimated
    return layer.diff_id, layer.created_by, *sizes, layer.blob_digest, layer.compression, layer.changeset.diff_id


@functools.cache
def program_fingerprint() -> str:
    """The version of the program, and the names, sizes and times of its files: a working tree changes without one."""
    root = Path(weighbridge.__file__).parent
    digest = hashlib.sha256(weighbridge.__version__.encode())
    for path in sorted(root.rglob("*")):
        if path.suffix in {".py", ".pyc", ".j2", ".html", ".md", ".json"} and path.parent.name != "__pycache__":
            status = path.stat()
            digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


class CompleteReads:
    """Watches the reads of an image's files: after a failed one, the report is not complete and is not cached."""

    def __init__(self) -> None:
        self.are_complete = True

    def contents(self, contents: ContentReader) -> ContentReader:
        """`contents`, watched."""
        return _WatchedContents(contents, self._watched)

    def image(self, image: Image) -> Image:
        """`image`, whose digests are watched."""
        return replace(image, layers=tuple(map(self._layer, image.layers)))

    def _layer(self, layer: Layer) -> Layer:
        hash_content = layer.changeset.hash_content
        if hash_content is None:
            return layer

        def watched(entry: Entry) -> str | None:
            return self._watched(lambda: hash_content(entry))

        return replace(layer, changeset=replace(layer.changeset, hash_content=watched))

    def _watched(self, read: Callable[[], Result]) -> Result:
        try:
            return read()
        except WeighbridgeError:
            self.are_complete = False
            raise


class _WatchedContents:
    def __init__(self, contents: ContentReader, watched: Callable[[Callable[[], bytes]], bytes]) -> None:
        self._contents = contents
        self._watched = watched

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        """As `ContentReader.read`."""
        return self._watched(lambda: self._contents.read(node, offset=offset, length=length))
