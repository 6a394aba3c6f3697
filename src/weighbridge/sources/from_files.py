"""Reads images in files and folders: archives of ``docker save``, OCI layouts, and their archives."""

from __future__ import annotations

import contextlib
from pathlib import Path

from weighbridge.errors import ImageError
from weighbridge.sources.blob_reader import StoreReader
from weighbridge.sources.blob_stores import Archive, BlobStore, Documents, Folder, chunks_of, image_errors
from weighbridge.sources.compression import Compression, decompressed, sniff, sniffed
from weighbridge.sources.file_contents import LayerOffsets, StreamedContents, layer_in_compressed_archive
from weighbridge.sources.known_layers import KnownLayers
from weighbridge.sources.layout import StoredImage, docker_image, oci_image
from weighbridge.sources.manifest import Platform
from weighbridge.sources.progress import ReadingProgress
from weighbridge.sources.read_image import Found, IndexedImage
from weighbridge.sources.reference import ImageReference, Transport
from weighbridge.sources.save_stream import SavedStream


class ImagesInFiles:
    """Reads images that a path names. `platform` selects among those of an index."""

    def __init__(self, *, known_layers: KnownLayers, platform: Platform | None, progress: ReadingProgress) -> None:
        self._known_layers = known_layers
        self._platform = platform
        self._progress = progress
        self._stores = StoreReader(known_layers, progress)

    def read(self, reference: ImageReference, *, title: str, estimate_sizes: bool) -> Found:
        """The image `reference`, which progress calls `title`. Raises `ImageError` and `UsageError`."""
        path = Path(reference.place)
        if reference.transport is Transport.OCI:
            if not path.is_dir():
                raise ImageError(f"{path}: there is no such folder")
            store: BlobStore = Folder(path, str(path))
        else:
            try:
                with path.open("rb") as file:
                    head = file.read(4)
            except OSError as error:
                raise ImageError(f"{path}: {error.strerror}") from error
            if sniff(head) is not Compression.NONE:
                return self._read_compressed(path, reference, title=title, estimate_sizes=estimate_sizes)
            with image_errors(path):
                store = Archive(path)
        return self._stores.read(store, self._resolve(store, reference), title=title, estimate_sizes=estimate_sizes)

    def _read_compressed(self, path: Path, reference: ImageReference, *, title: str, estimate_sizes: bool) -> Found:
        """The image in an archive that is compressed as a whole: it can only be gone through from its beginning."""
        stream = SavedStream(str(path))
        total = path.stat().st_size
        with image_errors(path), contextlib.closing(chunks_of(path.open("rb", buffering=0))) as chunks:
            followed = self._progress.following(chunks, title, total_bytes=total)
            stream.read(decompressed(*sniffed(followed)), self._known_layers, estimate_sizes=estimate_sizes)
        stored = self._resolve(stream, reference)
        return Found(
            image=IndexedImage(stored=stored, blob_bytes=stream.blob_bytes(stored)),
            files=lambda: StreamedContents(
                lambda diff_id: layer_in_compressed_archive(path, stream.resolved(stored.blob_names[diff_id])),
                LayerOffsets(self._known_layers.layer),
            ),
        )

    def _resolve(self, documents: Documents, reference: ImageReference) -> StoredImage:
        with image_errors(documents.what):
            if reference.transport is Transport.DOCKER_ARCHIVE:
                return docker_image(documents, reference.name, self._platform)
            return oci_image(documents, reference.name, self._platform)
