"""Cells, predicted: the product's own reading of base and subject, and its verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from startmatrix.facts import Recorder
from startmatrix.layers import Built, config_json
from startmatrix.model import BASES, Cell, Form, Subject
from weighbridge.domain.checks.check import CheckResult, check
from weighbridge.domain.image.image import ImageConfig
from weighbridge.domain.image.layer import Changeset
from weighbridge.domain.image.rootfs import ContentReader, Node, Rootfs
from weighbridge.errors import WeighbridgeError
from weighbridge.sources.changeset import LayerIndex, index_layer
from weighbridge.sources.manifest import image_description
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.reference import ImageReference
from weighbridge.sources.transports import parse_image_reference

_CHUNK_BYTES = 1 << 20


class Together:
    """A `ContentReader` of a base's layers and one layer in a tar."""

    def __init__(self, base: ContentReader | None, layer: LayerIndex, path: Path) -> None:
        self._base = base
        self._diff_id = layer.diff_id
        self._path = path
        self._offsets = {
            entry.path: offset for entry, offset in zip(layer.changeset.entries, layer.data_offsets, strict=True)
        }

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`."""
        if node.diff_id == self._diff_id:
            with self._path.open("rb") as file:
                file.seek(self._offsets[node.stored_path] + offset)
                return file.read(min(length, node.size_bytes - offset))
        assert self._base is not None
        return self._base.read(node, offset=offset, length=length)


class Predictor:
    """Predicts cells from the real files. The bases are read once."""

    recorder: Recorder | None = None
    """Where set, it learns what is read."""

    def __init__(self, reader: LayerReader, layer: Callable[[Subject], Built]) -> None:
        self._reader = reader
        self._layer = layer
        references = {base: parse_image_reference(name) for base, name in BASES.items() if name is not None}
        images = reader.read(list(references.values()), estimate_sizes=False)
        self._bases: dict[str, tuple[ImageReference, list[Changeset]]] = {}
        for base, reference in references.items():
            image = images[reference]
            if isinstance(image, WeighbridgeError):
                raise image
            self._bases[base] = (reference, [layer.changeset for layer in image.layers])
        self._indexed: dict[str, LayerIndex] = {}
        self._memos: dict[str, dict[tuple[str, ...], object]] = {}
        self._last: tuple[str, str, Rootfs] | None = None

    def image(self, subject: Subject, base: str, form: Form) -> tuple[ImageConfig, Rootfs]:
        """Config and root filesystem of one cell."""
        reference, below = self._bases.get(base, (None, []))
        built = self._layer(subject)
        document = config_json(subject, form, [*(changeset.diff_id for changeset in below), built.diff_id])
        config = image_description(document).config
        if self._last is not None and self._last[:2] == (built.diff_id, base):
            return config, self._last[2]
        indexed = self._indexed.get(built.diff_id)
        if indexed is None:
            indexed = self._indexed[built.diff_id] = index_layer(_chunks(built.path), expected_diff_id=built.diff_id)
        contents = self._reader.contents(reference) if reference else None
        rootfs = Rootfs.from_changesets(
            [*below, indexed.changeset], self._recorded(Together(contents, indexed, built.path))
        )
        # What was learned is kept by diff ID: it holds for the same base below another subject.
        rootfs.memo = self._memos.setdefault(base, {})
        self._last = (built.diff_id, base, rootfs)
        return config, rootfs

    def predict(self, subject: Subject, cell: Cell) -> CheckResult:
        """The product's verdict on one cell."""
        config, rootfs = self.image(subject, cell.base, cell.form)
        return check(config, rootfs, own_diff_ids=frozenset({self._layer(subject).diff_id}))

    def changesets(self) -> tuple[dict[str, list[Changeset]], dict[str, Changeset]]:
        """The layers of each base, and the layer of each subject that was predicted, by its diff ID."""
        bases = {base: below for base, (_, below) in self._bases.items()}
        return bases, {diff_id: layer.changeset for diff_id, layer in self._indexed.items()}

    def _recorded(self, contents: Together) -> ContentReader:
        return contents if self.recorder is None else self.recorder.listening(contents)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
