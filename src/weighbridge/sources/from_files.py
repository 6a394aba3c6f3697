"""Reads images from files and folders: archives of ``docker save``, OCI layouts, and archives of OCI layouts."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from weighbridge.errors import ImageError
from weighbridge.sources.blob_reader import StoreReader
from weighbridge.sources.blob_stores import Archive, BlobStore, Documents, Folder, chunks_of, image_errors
from weighbridge.sources.compression import SNIFFED_BYTES, Compression, decompressed, sniff, sniffed
from weighbridge.sources.file_contents import LayerOffsets, StreamedContents, layer_in_compressed_archive
from weighbridge.sources.layout import StoredImage, docker_image, is_docker_archive, oci_image
from weighbridge.sources.read_image import ReadImage
from weighbridge.sources.reference import (
    ImageLocation,
    ImageReference,
    Transport,
    split_path,
    split_skopeo_folder,
)
from weighbridge.sources.save_stream import SavedStream
from weighbridge.sources.skopeo_folder import SkopeoFolder
from weighbridge.sources.source import ReadOutcomes, SourceSetup, read_each

_ZIP = b"PK\x03\x04"
"""GitHub's API gives artifacts of workflows as zip files."""


class ImagesInFiles:
    """Reads images by path."""

    def __init__(self, setup: SourceSetup) -> None:
        self._known_layers = setup.known_layers
        self._platform = setup.platform
        self._progress = setup.progress
        self._stores = StoreReader(setup.known_layers, setup.progress)

    def read(self, titles: Mapping[ImageReference, str], *, estimate_sizes: bool) -> ReadOutcomes:
        """All images of `titles`, one after the other."""
        return read_each(titles, functools.partial(self._read, estimate_sizes=estimate_sizes))

    def diff_ids(self, reference: ImageReference) -> tuple[str, ...]:
        """The layers of an image, lowest first. Raises `ImageError` and `UsageError`."""
        return self._read(reference, str(reference), estimate_sizes=False).stored.diff_ids

    def reads_alone(self) -> bool:
        """True: files have no common beginning to share."""
        return True

    def close(self) -> None:
        """Does nothing: readers of files close them."""

    def _read(self, reference: ImageReference, title: str, *, estimate_sizes: bool) -> ReadImage:
        path = Path(reference.place)
        _check_kind(path, reference)
        if reference.transport == SKOPEO_FOLDER:
            store: BlobStore = SkopeoFolder(path, str(path))
        elif reference.transport.location is ImageLocation.FOLDER:
            store = Folder(path, str(path))
        else:
            try:
                with path.open("rb") as file:
                    head = file.read(SNIFFED_BYTES)
            except OSError as error:
                raise ImageError(f"{path}: {error.strerror}") from error
            if head.startswith(_ZIP):
                raise ImageError(f"{path} is a zip file. Unpack it, and name the archive or folder in it")
            if sniff(head) is not Compression.NONE:
                return self._read_compressed(path, reference, title=title, estimate_sizes=estimate_sizes)
            with image_errors(path):
                store = Archive(path)
        return self._stores.read(
            store,
            self._resolve(store, reference),
            title=title,
            estimate_sizes=estimate_sizes,
            as_pulled=not is_docker_archive(store),
        )

    def _read_compressed(self, path: Path, reference: ImageReference, *, title: str, estimate_sizes: bool) -> ReadImage:
        """The image in an archive that is compressed as a whole, which allows only sequential reading."""
        stream = SavedStream(str(path))
        total = path.stat().st_size
        with image_errors(path), contextlib.closing(chunks_of(path.open("rb", buffering=0))) as chunks:
            followed = self._progress.following(chunks, title, total_bytes=total)
            stream.read(decompressed(*sniffed(followed)), self._known_layers, estimate_sizes=estimate_sizes)
        stored = self._resolve(stream, reference)
        layers = stream.layers(stored)
        if is_docker_archive(stream):
            layers = tuple(layer.as_in_engine() for layer in layers)
        return ReadImage(
            stored=replace(stored, layers=layers),
            files=lambda: StreamedContents(
                lambda diff_id: layer_in_compressed_archive(path, stream.resolved(stored.blob_names[diff_id])),
                LayerOffsets(self._known_layers.layer),
            ),
        )

    def _resolve(self, documents: Documents, reference: ImageReference) -> StoredImage:
        with image_errors(documents.what):
            if reference.transport == DOCKER_ARCHIVE:
                return docker_image(documents, reference.entry, self._platform)
            if documents.size("index.json") is None and is_docker_archive(documents):
                if reference.transport == OCI:
                    raise ImageError(
                        f"{documents.what}: no index.json; for a folder of skopeo write dir:{documents.what}"
                    )
                raise ImageError(
                    f"{documents.what}: no index.json; this is a docker archive: docker-archive:{documents.what}"
                )
            return oci_image(documents, reference.entry, self._platform, is_checked=True)


def _check_kind(path: Path, reference: ImageReference) -> None:
    """Raises `ImageError` if the transport needs a folder and the path is a file, or the reverse."""
    wants_folder = reference.transport.location is ImageLocation.FOLDER
    if path.is_dir():
        if not wants_folder:
            raise ImageError(f"{path} is a folder, but {reference.transport.name}: needs a file. Write oci:{path}")
    elif path.exists():
        if wants_folder:
            raise ImageError(
                f"{path} is a file, but {reference.transport.name}: needs a folder. Write oci-archive:{path}, or "
                f"docker-archive:{path} for an archive from docker save"
            )
    else:
        raise ImageError(f"{path}: there is no such {'folder' if wants_folder else 'file'}{_advice(reference)}")


def _advice(reference: ImageReference) -> str:
    """The right form for two common slips: ``oci://DIR``, and an index without its colon."""
    if reference.place.startswith("//"):
        return f". Write the path without //: {reference.transport.name}:{reference.place.lstrip('/')}"
    place, at, index = reference.place.rpartition("@")
    if at and index.isdecimal():
        return f". Write an entry of an index as {reference.transport.name}:{place}:@{index}"
    return ""


DOCKER_ARCHIVE = Transport(
    name="docker-archive",
    form="FILE[:REFERENCE]",
    location=ImageLocation.FILE,
    split=split_path,
    source=ImagesInFiles,
)
OCI = Transport(name="oci", form="DIR[:TAG]", location=ImageLocation.FOLDER, split=split_path, source=ImagesInFiles)
SKOPEO_FOLDER = Transport(
    name="dir", form="DIR", location=ImageLocation.FOLDER, split=split_skopeo_folder, source=ImagesInFiles
)
OCI_ARCHIVE = Transport(
    name="oci-archive", form="FILE[:TAG]", location=ImageLocation.FILE, split=split_path, source=ImagesInFiles
)
