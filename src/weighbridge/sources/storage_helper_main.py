"""The storage helper, container side: reads the engine's storage, mounted read-only, and writes results to stdout.

It runs in a container of this program's own image, started by `weighbridge.sources.storage_helper`. It has no network,
writes no file, and verifies the digest of everything that it reads.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from weighbridge.errors import ImageError
from weighbridge.sources.blob_reader import found_layer
from weighbridge.sources.blob_stores import chunks_of
from weighbridge.sources.changeset import LayerIndex
from weighbridge.sources.compression import SNIFFED_BYTES, sniff
from weighbridge.sources.engine_storage import OverlayStorage, containerd_folders, containerd_image
from weighbridge.sources.known_layers import KnownLayers
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.layout import StoredImage
from weighbridge.sources.platforms import parse_platform
from weighbridge.sources.source_layer import SourceLayer
from weighbridge.sources.storage_helper_stream import (
    Done,
    Estimated,
    ImageFailed,
    ImageRead,
    LayerProgress,
    Request,
    WantedImage,
    layer_message,
    write_message,
)
from weighbridge.sources.tar import Piece

MOUNT_POINT = Path("/storage")
_SECONDS_BETWEEN_REPORTS = 0.1


class _Outwards(LayerCache):
    """A cache that is always empty: it writes each stored value to `stream` as a message."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._written_bytes = 0

    def layer(self, diff_id: str) -> LayerIndex | None:
        """No earlier estimate: the helper has no cache."""
        del diff_id
        return None

    def put_layer(self, layer: LayerIndex) -> None:
        """Send the index of a layer."""
        write_message(self._stream, layer_message(layer))

    def document(self, key: str) -> bytes | None:
        """Always ``None``."""
        del key
        return None

    def put_document(self, key: str, content: bytes) -> None:
        """Does nothing: the host side does not need documents."""

    def compressed_estimate(self, diff_id: str, compressor: str) -> int | None:
        """Always ``None``."""
        del diff_id, compressor
        return None

    def put_compressed_estimate(self, diff_id: str, compressor: str, size_bytes: int) -> None:
        """Send the size of a layer when recompressed."""
        write_message(self._stream, Estimated(diff_id=diff_id, compressor=compressor, size_bytes=size_bytes))


class _StorageReading:
    def __init__(self, request: Request, root: Path, stream: BinaryIO) -> None:
        self._request = request
        self._root = root
        self._stream = stream
        self._known_layers = KnownLayers(_Outwards(stream))
        self._done: set[str] = set()
        self._said_at = 0.0

    def run(self) -> None:
        for wanted in self._request.images:
            try:
                message: ImageRead | ImageFailed = self._read(wanted)
            except (ImageError, OSError) as error:
                message = ImageFailed(image_id=wanted.image_id, why=str(error))
            write_message(self._stream, message)
        write_message(self._stream, Done())

    def _read(self, wanted: WantedImage) -> ImageRead | ImageFailed:
        overlay = OverlayStorage(self._root)
        stored = overlay.image(wanted.image_id)
        if stored is not None:
            for number, (diff_id, name) in enumerate(zip(stored.diff_ids, stored.names, strict=True), start=1):
                if self._is_to_read(diff_id):
                    place = LayerProgress(
                        image_id=wanted.image_id, layer=number, layers=len(stored.layers), done_bytes=0
                    )
                    self._read_blob(overlay.cursor(name).chunks(), place, diff_id=diff_id)
            return _image_read(wanted, stored, stored.layers)
        for folder in containerd_folders(self._root):
            stored = containerd_image(folder, wanted.image_id, parse_platform(wanted.platform))
            if stored is None:
                continue
            found: list[SourceLayer] = []
            for number, (layer, name) in enumerate(zip(stored.layers, stored.names, strict=True), start=1):
                size, diff_id = folder.size(name), layer.diff_id
                if self._is_to_read(diff_id):
                    place = LayerProgress(
                        image_id=wanted.image_id, layer=number, layers=len(stored.layers), done_bytes=0
                    )
                    with contextlib.closing(chunks_of(folder.open(name))) as chunks:
                        self._read_blob(chunks, place, diff_id=diff_id, blob_bytes=size, blob_digest=layer.digest)
                with folder.open(name) as file:
                    found.append(found_layer(layer, size, sniff(file.read(SNIFFED_BYTES))).as_in_engine())
            return _image_read(wanted, stored, found)
        return ImageFailed(image_id=wanted.image_id, why="it is not in the storage")

    def _is_to_read(self, diff_id: str) -> bool:
        return diff_id not in self._done and diff_id not in self._request.known

    def _read_blob(
        self,
        chunks: Iterable[Piece],
        place: LayerProgress,
        *,
        diff_id: str,
        blob_bytes: int | None = None,
        blob_digest: str | None = None,
    ) -> None:
        self._known_layers.read_blob(
            self._reported(chunks, place),
            blob_bytes=blob_bytes,
            blob_digest=blob_digest,
            diff_id=diff_id,
            estimate_sizes=self._request.estimate_sizes,
        )
        self._known_layers.forget(diff_id)
        self._done.add(diff_id)

    def _reported(self, chunks: Iterable[Piece], place: LayerProgress) -> Iterator[Piece]:
        for chunk in chunks:
            place.done_bytes += len(chunk)
            if time.monotonic() - self._said_at > _SECONDS_BETWEEN_REPORTS:
                self._said_at = time.monotonic()
                write_message(self._stream, place)
            yield chunk


def _image_read(wanted: WantedImage, stored: StoredImage, layers: Sequence[SourceLayer]) -> ImageRead:
    return ImageRead(image_id=wanted.image_id, config=stored.config, layers=list(layers))


def main() -> int:
    """Run the request in the first argument (JSON); exit code 2 if the request is invalid."""
    try:
        request = msgspec.json.decode(sys.argv[1], type=Request)
    except (IndexError, msgspec.MsgspecError) as error:
        print(f"the helper's request is invalid: {error}", file=sys.stderr)
        return 2
    _StorageReading(request, MOUNT_POINT, sys.stdout.buffer).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
