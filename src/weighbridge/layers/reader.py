"""Images by reference: config, layers, sizes, and files on request. The one entrance to this package.

Every source ends in the same: a described image, and for each of its layers either an index from the cache or one
reading of its tar. All images that the engine has go through one ``docker save``.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import docker
import docker.errors
import msgspec

from weighbridge.domain.image import Image, Layer
from weighbridge.domain.layer import Changeset
from weighbridge.domain.rootfs import ContentReader, Node
from weighbridge.errors import EngineError, ImageError, UsageError, WeighbridgeError
from weighbridge.layers.cache import LayerCache
from weighbridge.layers.changeset import index_in_place
from weighbridge.layers.compression import Compression, decompressed, sniff, sniffed
from weighbridge.layers.contents import (
    EngineContents,
    ImageContents,
    LayerFiles,
    LayerOffsets,
    StoredContents,
    StreamedContents,
    layer_in_compressed_archive,
    uncompressed,
)
from weighbridge.layers.credentials import Credentials, docker_credentials
from weighbridge.layers.digests import DigestsInPlace
from weighbridge.layers.engine import Engine, EngineFiles, EngineImage
from weighbridge.layers.helper import StorageHelper
from weighbridge.layers.helper_stream import (
    Estimated,
    Failed,
    ImageRead,
    LayerRead,
    Message,
    Reading,
    Request,
    WantedImage,
    layer_of,
)
from weighbridge.layers.layout import StoredImage, StoredLayer, docker_image, oci_image, oci_manifest, saved_image
from weighbridge.layers.manifest import Index, Platform, SavedImage, decode, image_description, parse_platform
from weighbridge.layers.measured import Measurement
from weighbridge.layers.reference import ImageReference, Transport, split_registry_name
from weighbridge.layers.registry import ManifestSizes, Registry
from weighbridge.layers.save import SavedStream
from weighbridge.layers.shelf import LayerShelf
from weighbridge.layers.storage import Beneath, OverlayContents, OverlayStorage, containerd_folders, containerd_image
from weighbridge.layers.store import Archive, BlobStore, Documents, Folder, chunks_of
from weighbridge.layers.tar import Piece

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """What is being read: `total_bytes` is ``None`` where it is not known."""

    what: str
    done_bytes: int
    total_bytes: int | None = None


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """An image whose layers are all on the shelf. `blob_bytes` are the compressed blobs' sizes where there are such."""

    stored: StoredImage
    blob_bytes: tuple[int | None, ...]
    files: Callable[[], LayerFiles]


class LayerReader:
    """Reads images. A context manager: helper containers and temporary files go when it is left.

    `engine` makes the client when the engine is first needed; ``None`` where there is no engine. `platform` selects
    among the images of an index (``os/architecture[/variant]``); without it the only one, or this machine's, is taken.
    `in_place` allows to read the engine's storage folder directly, where this process may; `helper` gives what may read
    it otherwise, if there is such a thing. `say` is told, in one line, why a faster way could not be taken.
    """

    def __init__(
        self,
        *,
        cache: LayerCache,
        engine: Callable[[], docker.DockerClient] | None = None,
        progress: ProgressCallback | None = None,
        platform: str | None = None,
        in_place: bool = True,
        helper: Callable[[docker.DockerClient], StorageHelper | None] | None = None,
        credentials: Callable[[str], Credentials | None] = docker_credentials,
        say: Callable[[str], None] = logger.info,
    ) -> None:
        self._cache = cache
        self._shelf = LayerShelf(cache)
        self._digests = DigestsInPlace(cache)
        self._client_factory = engine
        self._client: docker.DockerClient | None = None
        self._progress = progress
        self._platform = parse_platform(platform) if platform else None
        self._in_place = in_place
        self._make_helper = helper
        self._say = say
        self._credentials = credentials
        self._found: dict[ImageReference, _Found] = {}
        self._contents: dict[ImageReference, ImageContents] = {}
        self._lost: set[ImageReference] = set()
        self._registries: list[Registry] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open, remove the helper containers, and bring the cache within its bound."""
        self.release()
        for registry in self._registries:
            registry.close()
        self._cache.trim()

    def release(self) -> None:
        """Let go of the images' files, so that the images can be removed; they can be asked for again."""
        self._digests.release()
        for contents in self._contents.values():
            contents.close()
        self._contents.clear()

    def reads_apart(self, reference: ImageReference) -> bool:
        """True where reading this image by itself takes nothing that reading it together with others would save.

        What goes through ``docker save``, or a helper container, is better read in one go.
        """
        if reference.transport is not Transport.ENGINE:
            return True
        try:
            return self._in_place and os.access(Engine(self._docker()).root_folder(), os.R_OK | os.X_OK)
        except EngineError:
            return False

    def read(
        self, references: Sequence[ImageReference], *, estimate_sizes: bool = True
    ) -> dict[ImageReference, Image | WeighbridgeError]:
        """Each image, or why it cannot be read; what goes wrong with one image leaves the others alone.

        Layers without a compressed blob have no `download_bytes` unless `estimate_sizes` asks to recompress them (once:
        the size is kept by diff ID).
        """
        errors: dict[ImageReference, WeighbridgeError] = {}
        in_engine = []
        for reference in dict.fromkeys(references):
            if reference in self._found and self._is_complete(self._found[reference], estimate_sizes):
                continue
            if reference.transport is Transport.ENGINE:
                in_engine.append(reference)
                continue
            try:
                self._found[reference] = self._read_one(reference, estimate_sizes)
            except WeighbridgeError as error:
                errors[reference] = error
        if in_engine:
            errors |= self._read_from_engine(in_engine, estimate_sizes)
        sizes = self._blob_sizes(references)
        images: dict[ImageReference, Image | WeighbridgeError] = {}
        for reference in references:
            images[reference] = errors.get(reference) or self._image(self._found[reference].stored, sizes)
        return images

    def contents(self, reference: ImageReference) -> ContentReader:
        """The files of an image that was read; raises `ImageError` where it was not."""
        contents = self._contents.get(reference)
        if contents is None:
            found = self._found.get(reference)
            if found is None:
                raise ImageError(f"{reference} was not read, so that none of its files can be")
            contents = self._contents[reference] = ImageContents(found.files, self._cache)
        return contents

    def measurement(self, reference: ImageReference) -> Measurement | None:
        """What is to be kept of an image that was read, so that `recall` has it without it; ``None`` if it was not."""
        found = self._found.get(reference)
        return None if found is None else Measurement(config=found.stored.config, blob_bytes=found.blob_bytes)

    def recall(self, reference: ImageReference, measurement: Measurement) -> bool:
        """Take `reference` for read, from a measurement and the cache alone; false where anything of it is missing.

        Of its files only those are there that were asked for before; any other raises `ImageError`, and the image has
        then `lost_files`.
        """
        stored = self._stored_from_cache(measurement.config, measurement.blob_bytes)
        if stored is None:
            return False

        def lost(node: Node) -> NoReturn:
            self._lost.add(reference)
            raise ImageError(f"{reference}: {node.path} was not kept when the image was measured")

        found = _Found(stored=stored, blob_bytes=measurement.blob_bytes, files=lambda: _NoFiles(lost))
        if not self._is_complete(found, estimate_sizes=True):
            return False
        self._found[reference] = found
        return True

    def lost_files(self, reference: ImageReference) -> bool:
        """True where a file of a recalled image was asked for in vain: what was made of it is not to be believed."""
        return reference in self._lost

    def _stored_from_cache(self, config: bytes, blob_bytes: Sequence[int | None]) -> StoredImage | None:
        """The image of `config`, where all its layers are on the shelf."""
        try:
            description = image_description(config)
        except ImageError:
            return None
        if len(blob_bytes) != len(description.steps):
            return None
        if any(self._shelf.find(step.diff_id) is None for step in description.steps):
            return None
        return StoredImage(
            description=description,
            config=config,
            layers=tuple(StoredLayer(step=step, name=step.diff_id) for step in description.steps),
        )

    def _is_complete(self, found: _Found, estimate_sizes: bool) -> bool:
        if not estimate_sizes:
            return True
        return all(
            size is not None or self._shelf.compressed_estimate(layer.step.diff_id) is not None
            for layer, size in zip(found.stored.layers, found.blob_bytes, strict=True)
        )

    def _blob_sizes(self, references: Iterable[ImageReference]) -> dict[str, int]:
        """Compressed blobs by diff ID, over all images: a layer that both sides have must not weigh two things."""
        sizes: dict[str, int] = {}
        for reference in references:
            found = self._found.get(reference)
            if found is not None:
                for layer, size in zip(found.stored.layers, found.blob_bytes, strict=True):
                    if size is not None:
                        sizes.setdefault(layer.step.diff_id, size)
        return sizes

    def _image(self, stored: StoredImage, blob_sizes: Mapping[str, int]) -> Image:
        layers = []
        for stored_layer in stored.layers:
            step = stored_layer.step
            size = blob_sizes.get(step.diff_id)
            estimate = self._shelf.compressed_estimate(step.diff_id) if size is None else None
            layers.append(
                Layer(
                    diff_id=step.diff_id,
                    created_by=step.created_by,
                    download_bytes=estimate if size is None else size,
                    download_estimated=size is None and estimate is not None,
                    changeset=self._changeset(step.diff_id),
                )
            )
        description = stored.description
        return Image(
            image_id=description.image_id,
            config=description.config,
            layers=tuple(layers),
            history=description.history,
        )

    def _changeset(self, diff_id: str) -> Changeset:
        layer = self._shelf.layer(diff_id)
        if layer.is_hashed:
            return layer.changeset
        return replace(layer.changeset, hash_content=functools.partial(self._digests.digest, diff_id))

    # Files and folders

    def _read_one(self, reference: ImageReference, estimate_sizes: bool) -> _Found:
        if reference.transport is Transport.REGISTRY:
            return self._read_registry(self._registry(reference), str(reference), estimate_sizes)
        path = Path(reference.place)
        if reference.transport is Transport.OCI:
            if not path.is_dir():
                raise ImageError(f"{path}: there is no such folder")
            return self._read_store(Folder(path, str(path)), reference, estimate_sizes)
        try:
            with path.open("rb") as file:
                head = file.read(4)
        except OSError as error:
            raise ImageError(f"{path}: {error.strerror}") from error
        if sniff(head) is not Compression.NONE:
            return self._read_compressed_archive(path, reference, estimate_sizes)
        with _naming(path):
            store = Archive(path)
        return self._read_store(store, reference, estimate_sizes)

    def _read_store(self, store: BlobStore, reference: ImageReference, estimate_sizes: bool) -> _Found:
        return self._found_in_store(store, self._resolve(store, reference), str(reference), estimate_sizes)

    def _found_in_store(self, store: BlobStore, stored: StoredImage, what: str, estimate_sizes: bool) -> _Found:
        blobs = []
        total = sum(layer.size or store.size(layer.name) or 0 for layer in stored.layers)
        done = 0
        for number, layer in enumerate(stored.layers, start=1):
            title = _layer_title(what, number, len(stored.layers))
            blobs.append(self._stored_blob(store, layer, estimate_sizes, done=done, total=total, what=title))
            done += store.size(layer.name) or 0
        return _Found(
            stored=stored,
            blob_bytes=tuple(blobs),
            files=lambda: StoredContents(
                store, blob_names=_blob_names(stored), offsets=LayerOffsets(self._shelf.layer)
            ),
        )

    def _resolve(self, documents: Documents, reference: ImageReference) -> StoredImage:
        with _naming(documents.what):
            if reference.transport is Transport.DOCKER_ARCHIVE:
                return docker_image(documents, reference.name, self._platform)
            return oci_image(documents, reference.name, self._platform)

    def _stored_blob(
        self, store: BlobStore, layer: StoredLayer, estimate_sizes: bool, *, done: int, total: int, what: str
    ) -> int | None:
        """Have the layer on the shelf; gives the size of its blob where that is compressed."""
        size = store.size(layer.name)
        if size is None:
            raise ImageError(f"{store.what}: the layer {layer.name} is not there")
        if layer.size is not None and layer.size != size:
            raise ImageError(f"{store.what}: {layer.name} has {size} bytes, the manifest says {layer.size}")
        file = store.open(layer.name)
        compressed_bytes = None if sniff(file.read(4)) is Compression.NONE else size
        diff_id = layer.step.diff_id
        if self._shelf.find(diff_id) is not None and (
            not estimate_sizes or compressed_bytes is not None or self._shelf.compressed_estimate(diff_id) is not None
        ):
            file.close()
            return compressed_bytes
        file.seek(0)
        with _naming(store.what), contextlib.closing(chunks_of(file)) as chunks:
            return self._shelf.read_blob(
                self._reported(chunks, what, done=done, total=total),
                blob_bytes=size,
                blob_digest=layer.digest,
                diff_id=diff_id,
                estimate_sizes=estimate_sizes,
            ).compressed_bytes

    def _read_compressed_archive(self, path: Path, reference: ImageReference, estimate_sizes: bool) -> _Found:
        stream = SavedStream(str(path))
        total = path.stat().st_size
        with _naming(path), contextlib.closing(chunks_of(path.open("rb", buffering=0))) as chunks:
            reported = self._reported(chunks, str(reference), done=0, total=total)
            stream.read(decompressed(*sniffed(reported)), self._shelf, estimate_sizes=estimate_sizes)
        stored = self._resolve(stream, reference)
        return _Found(
            stored=stored,
            blob_bytes=streamed_blob_bytes(stream, stored),
            files=lambda: StreamedContents(
                lambda diff_id: layer_in_compressed_archive(path, stream.resolved(_blob_names(stored)[diff_id])),
                LayerOffsets(self._shelf.layer),
            ),
        )

    # Registries

    def manifest_sizes(self, reference: ImageReference) -> ManifestSizes:
        """What an image in a registry weighs in transfer, from its manifest alone: no blob is fetched.

        Raises `UsageError` for any other transport.
        """
        if reference.transport is not Transport.REGISTRY:
            raise UsageError(f"{reference}: only images in a registry have sizes without being read")
        return self._registry(reference).sizes(self._platform)

    def _registry(self, reference: ImageReference) -> Registry:
        registry = Registry(split_registry_name(reference.place), credentials=self._credentials)
        self._registries.append(registry)
        return registry

    def _read_registry(self, registry: Registry, what: str, estimate_sizes: bool) -> _Found:
        with _naming(registry.what):
            stored = registry.image(self._platform)
        digests = {layer.step.diff_id: layer.digest or "" for layer in stored.layers}
        total = sum(layer.size or 0 for layer in stored.layers)
        done = 0
        blob_bytes = []
        for number, layer in enumerate(stored.layers, start=1):
            digest, size, diff_id = layer.digest or "", layer.size or 0, layer.step.diff_id
            blob = self._shelf.known_blob(digest, size, estimate_sizes=estimate_sizes)
            if blob is None or blob.diff_id != diff_id:
                with _naming(registry.what), contextlib.closing(registry.blob(digest)) as chunks:
                    blob = self._shelf.read_blob(
                        self._reported(chunks, _layer_title(what, number, len(stored.layers)), done=done, total=total),
                        blob_bytes=size,
                        blob_digest=digest,
                        diff_id=diff_id,
                        estimate_sizes=estimate_sizes,
                    )
            blob_bytes.append(blob.compressed_bytes)
            done += size
        return _Found(
            stored=stored,
            blob_bytes=tuple(blob_bytes),
            files=lambda: StreamedContents(
                lambda diff_id: uncompressed(registry.blob(digests[diff_id])),
                LayerOffsets(self._shelf.layer),
            ),
        )

    # The engine

    def _docker(self) -> docker.DockerClient:
        if self._client is None:
            if self._client_factory is None:
                raise EngineError("there is no container engine; name images as docker-archive:, oci: or registry:")
            try:
                self._client = self._client_factory()
            except docker.errors.DockerException as error:
                raise EngineError(f"the container engine is not reachable: {error}") from error
        return self._client

    def _read_from_engine(
        self, references: Sequence[ImageReference], estimate_sizes: bool
    ) -> dict[ImageReference, WeighbridgeError]:
        """Have the images on the shelf, with one ``docker save`` for all that are not; gives what went wrong."""
        errors: dict[ImageReference, WeighbridgeError] = {}
        wanted: dict[str, tuple[EngineImage, list[ImageReference]]] = {}
        try:
            engine = Engine(self._docker())
        except EngineError as error:
            return dict.fromkeys(references, error)
        for reference in references:
            try:
                image = engine.image(reference.place)
            except WeighbridgeError as error:
                errors[reference] = error
                continue
            found = self._known_in_engine(image, estimate_sizes) or self._read_in_place(
                image, reference, engine, estimate_sizes
            )
            if found is not None:
                self._found[reference] = found
            else:
                wanted.setdefault(image.image_id, (image, []))[1].append(reference)
        helped = self._read_with_helper(
            {image_id: str(same[0]) for image_id, (_, same) in wanted.items()},
            [image for image, _ in wanted.values()],
            estimate_sizes,
        )
        outcomes = helped | self._save(
            [image for image, _ in wanted.values() if image.image_id not in helped],
            engine,
            estimate_sizes,
            what=", ".join(str(same[0]) for _, same in wanted.values()),
        )
        for image_id, (_, same) in wanted.items():
            outcome = outcomes[image_id]
            for reference in same:
                if isinstance(outcome, WeighbridgeError):
                    errors[reference] = outcome
                else:
                    self._found[reference] = outcome
        return errors

    def _save(
        self, images: Sequence[EngineImage], engine: Engine, estimate_sizes: bool, *, what: str
    ) -> dict[str, _Found | WeighbridgeError]:
        if not images:
            return {}
        stream = SavedStream("docker save")
        try:
            with contextlib.closing(engine.save([image.image_id for image in images])) as chunks:
                reported = self._reported(chunks, f"{what} (docker save)", done=0, total=None)
                with _naming(stream.what):
                    stream.read(reported, self._shelf, estimate_sizes=estimate_sizes)
        except WeighbridgeError as error:
            if len(images) == 1:
                return {images[0].image_id: error}
            # One image that cannot be exported fails the whole save: then each for itself.
            single = [self._save([image], engine, estimate_sizes, what=what) for image in images]
            return {image_id: outcome for outcomes in single for image_id, outcome in outcomes.items()}
        outcomes: dict[str, _Found | WeighbridgeError] = {}
        for image in images:
            try:
                stored = resolve_engine_image(stream, image, self._platform or image.platform)
                blob_bytes = streamed_blob_bytes(stream, stored)
                self._remember(image, stored, blob_bytes)
                outcomes[image.image_id] = self._engine_found(image, stored, blob_bytes)
            except WeighbridgeError as error:
                outcomes[image.image_id] = error
        return outcomes

    def _read_with_helper(
        self, titles: Mapping[str, str], images: Sequence[EngineImage], estimate_sizes: bool
    ) -> dict[str, _Found | WeighbridgeError]:
        """The images that a helper container could read in the engine's storage. `titles` names them by image ID."""
        helper = self._make_helper(self._docker()) if self._make_helper and images else None
        if helper is None:
            return {}
        known = [
            diff_id
            for diff_id in dict.fromkeys(diff_id for image in images for diff_id in image.diff_ids)
            if self._shelf.find(diff_id) is not None
            and (not estimate_sizes or self._shelf.compressed_estimate(diff_id) is not None)
        ]
        request = Request(
            images=[
                WantedImage(image_id=image.image_id, platform=str(self._platform or image.platform)) for image in images
            ],
            known=known,
            estimate_sizes=estimate_sizes,
        )
        read: dict[str, ImageRead] = {}
        try:
            with contextlib.closing(helper.messages(request)) as messages:
                for message in messages:
                    self._take_in(message, read, titles)
        except (EngineError, ImageError) as error:
            self._say(f"the storage helper: {error}; so docker save does it")
        found: dict[str, _Found | WeighbridgeError] = {}
        for image in images:
            stored = self._stored_by_helper(read.get(image.image_id), image)
            if stored is not None:
                blob_bytes = tuple(read[image.image_id].blob_bytes)
                self._remember(image, stored, blob_bytes)
                found[image.image_id] = self._engine_found(image, stored, blob_bytes)
        return found

    def _take_in(self, message: Message, read: dict[str, ImageRead], titles: Mapping[str, str]) -> None:
        match message:
            case LayerRead():
                self._shelf.keep(layer_of(message))
            case Estimated():
                self._cache.put_compressed_estimate(message.diff_id, message.compressor, max(0, message.size_bytes))
            case ImageRead():
                read[message.image_id] = message
            case Failed():
                title = titles.get(message.image_id, message.image_id)
                self._say(f"{title}: the storage helper cannot read it: {message.why}; so docker save does it")
            case Reading() if self._progress is not None:
                title = titles.get(message.image_id, message.image_id)
                what = _layer_title(title, message.layer, message.layers)
                self._progress(Progress(what=what, done_bytes=message.done_bytes))

    def _stored_by_helper(self, read: ImageRead | None, image: EngineImage) -> StoredImage | None:
        """The image as the helper says it is, where that fits what the engine says and all of it was told."""
        if read is None:
            return None
        try:
            description = image_description(read.config)
        except ImageError:
            return None
        diff_ids = tuple(step.diff_id for step in description.steps)
        fits = not image.diff_ids or diff_ids == image.diff_ids
        if not fits or len(diff_ids) != len(read.blob_bytes):
            return None
        if any(self._shelf.find(diff_id) is None for diff_id in diff_ids):
            return None
        layers = tuple(StoredLayer(step=step, name=step.diff_id) for step in description.steps)
        return StoredImage(description=description, config=read.config, layers=layers)

    def _read_in_place(
        self, image: EngineImage, reference: ImageReference, engine: Engine, estimate_sizes: bool
    ) -> _Found | None:
        """The image out of the engine's storage; ``None`` where that cannot be read, whatever the reason."""
        if not self._in_place:
            return None
        try:
            root = engine.root_folder()
            for folder in containerd_folders(root):
                stored = containerd_image(folder, image.image_id, self._platform or image.platform)
                if stored is not None:
                    found = self._found_in_store(folder, stored, str(reference), estimate_sizes)
                    self._remember(image, stored, found.blob_bytes)
                    return found
            storage = OverlayStorage(root)
            stored = storage.image(image.image_id)
            if stored is not None:
                return self._found_in_overlay(storage, stored, image, reference, estimate_sizes)
        except (ImageError, EngineError, OSError) as error:
            logger.info("image %s cannot be read in place, docker save does it: %s", image.image_id, error)
        return None

    def _found_in_overlay(
        self,
        storage: OverlayStorage,
        stored: StoredImage,
        image: EngineImage,
        reference: ImageReference,
        estimate_sizes: bool,
    ) -> _Found:
        done = 0
        for number, layer in enumerate(stored.layers, start=1):
            diff_id = layer.step.diff_id
            if estimate_sizes and self._shelf.compressed_estimate(diff_id) is None:
                self._shelf.read_blob(
                    storage.cursor(layer).chunks(),
                    blob_bytes=None,
                    blob_digest=None,
                    diff_id=diff_id,
                    estimate_sizes=True,
                )
            elif self._shelf.find(diff_id, hashed=False) is None:
                self._shelf.keep(index_in_place(functools.partial(storage.cursor, layer), diff_id))
            self._digests.add(diff_id, functools.partial(Beneath, storage.folder(layer)))
            done += self._shelf.layer(diff_id).tar_bytes
            if self._progress is not None:
                self._progress(Progress(what=_layer_title(str(reference), number, len(stored.layers)), done_bytes=done))
        blob_bytes = (None,) * len(stored.layers)
        self._remember(image, stored, blob_bytes)
        return _Found(
            stored=stored,
            blob_bytes=blob_bytes,
            files=lambda: OverlayContents({layer.step.diff_id: storage.folder(layer) for layer in stored.layers}),
        )

    def _engine_found(self, image: EngineImage, stored: StoredImage, blob_bytes: tuple[int | None, ...]) -> _Found:
        return _Found(
            stored=stored,
            blob_bytes=blob_bytes,
            files=lambda: EngineContents(EngineFiles(self._docker, image.image_id)),
        )

    def _engine_key(self, image: EngineImage) -> str:
        return f"engine {image.image_id} {self._platform or image.platform}"

    def _remember(self, image: EngineImage, stored: StoredImage, blob_bytes: tuple[int | None, ...]) -> None:
        record = _EngineRecord(config=stored.config, blob_bytes=list(blob_bytes))
        self._cache.put_document(self._engine_key(image), msgspec.msgpack.encode(record))

    def _known_in_engine(self, image: EngineImage, estimate_sizes: bool) -> _Found | None:
        """The image from the cache alone, where its config and all its layers are there."""
        content = self._cache.document(self._engine_key(image))
        if content is None:
            return None
        try:
            record = msgspec.msgpack.decode(content, type=_EngineRecord)
        except msgspec.MsgspecError:
            return None
        stored = self._stored_from_cache(record.config, record.blob_bytes)
        if stored is None:
            return None
        found = self._engine_found(image, stored, tuple(record.blob_bytes))
        return found if self._is_complete(found, estimate_sizes) else None

    def _reported(self, chunks: Iterable[Piece], what: str, *, done: int, total: int | None) -> Iterator[Piece]:
        for chunk in chunks:
            done += len(chunk)
            if self._progress is not None:
                self._progress(Progress(what=what, done_bytes=done, total_bytes=total))
            yield chunk


class _NoFiles:
    """The files of an image that is only remembered: those that were not asked for when it was there are lost."""

    def __init__(self, lost: Callable[[Node], NoReturn]) -> None:
        self._lost = lost

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        """Raises `ImageError`, always."""
        del offset, length
        self._lost(node)

    def close(self) -> None:
        """Nothing is open."""


class _EngineRecord(msgspec.Struct, array_like=True):
    config: bytes
    blob_bytes: list[int | None]


def resolve_engine_image(stream: SavedStream, image: EngineImage, platform: Platform) -> StoredImage:
    """The image that the engine calls `image` within a save of several."""
    content = stream.document("index.json")
    if content is not None:
        index = decode(content, Index, f"{stream.what}: index.json")
        for descriptor in index.manifests:
            if descriptor.digest == image.image_id:
                return oci_manifest(stream, descriptor, platform)
    content = stream.document("manifest.json")
    if content is None:
        raise ImageError(f"{stream.what}: no manifest.json in what the engine sent")
    for item in decode(content, list[SavedImage], f"{stream.what}: manifest.json"):
        if image.image_id.removeprefix("sha256:") in item.config:
            return saved_image(stream, item)
    raise ImageError(f"{stream.what}: the image {image.image_id} is not in what the engine sent")


def streamed_blob_bytes(stream: SavedStream, stored: StoredImage) -> tuple[int | None, ...]:
    """The sizes of the compressed blobs of `stored`; raises `ImageError` where a layer is not the one it should be."""
    sizes = []
    for layer in stored.layers:
        blob = stream.layer(layer.name)
        if blob.diff_id != layer.step.diff_id:
            raise ImageError(
                f"{stream.what}: layer {layer.step.diff_id}: its content has the digest {blob.diff_id}; "
                "the layer was damaged or replaced"
            )
        sizes.append(blob.compressed_bytes)
    return tuple(sizes)


def _layer_title(image: str, number: int, count: int) -> str:
    """How progress calls a layer: no digest tells anyone which one it is."""
    return f"{image}, layer {number} of {count}"


def _blob_names(stored: StoredImage) -> dict[str, str]:
    return {layer.step.diff_id: layer.name for layer in stored.layers}


@contextlib.contextmanager
def _naming(place: object) -> Iterator[None]:
    """Says in an `ImageError` from within where the tar is."""
    try:
        yield
    except ImageError as error:
        if str(error).startswith(str(place)):
            raise
        raise ImageError(f"{place}: {error}") from error
    except OSError as error:
        raise ImageError(f"{place}: {error.strerror}") from error
