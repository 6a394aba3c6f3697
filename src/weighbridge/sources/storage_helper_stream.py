"""The storage helper's messages on stdout, each prefixed with its length. Contains both writer and reader.

The receiver validates everything: an image's content is hostile, and data derived from it passes through here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

import msgspec

from weighbridge.domain.image.entries import FILE
from weighbridge.domain.image.layer import MAX_CAPABILITY_BYTES
from weighbridge.errors import ImageError
from weighbridge.sources.changeset import MAX_ENTRIES, MAX_NAME_BYTES, LayerIndex
from weighbridge.sources.layer_cache import decoded_index, decoded_kept, encoded_index, encoded_kept
from weighbridge.sources.layer_paths import is_normal
from weighbridge.sources.source_layer import SourceLayer

MAX_MESSAGE_BYTES = 512 << 20
"""Maximum size of a message: the index of a layer with the most entries allowed, and its kept files."""
MAX_STREAM_BYTES = 4 << 30
_LENGTH_BYTES = 8


class WantedImage(msgspec.Struct, array_like=True):
    """An image for the helper to read; `platform` is ``os/architecture[/variant]``."""

    image_id: str
    platform: str


class Request(msgspec.Struct):
    """The helper's task.

    Skips the layers in `known`; `estimate_sizes` recompresses layers without a compressed blob.
    """

    images: list[WantedImage]
    known: list[str]
    estimate_sizes: bool


class LayerProgress(msgspec.Struct, tag=True):
    """Progress: the number of bytes read of a layer. The lowest of the `layers` is 1."""

    image_id: str
    layer: int
    layers: int
    done_bytes: int


class LayerRead(msgspec.Struct, tag=True):
    """A layer that was read to its end, with a verified digest."""

    diff_id: str
    frames: list[bytes]
    kept: bytes


class Estimated(msgspec.Struct, tag=True):
    """A layer's size when recompressed."""

    diff_id: str
    compressor: str
    size_bytes: int


class ImageRead(msgspec.Struct, tag=True):
    """An image whose layers were all read; `layers` are its layers."""

    image_id: str
    config: bytes
    layers: list[SourceLayer]


class ImageFailed(msgspec.Struct, tag=True):
    """An image that the helper cannot read in the storage."""

    image_id: str
    why: str


class Done(msgspec.Struct, tag=True):
    """The end of the stream: a stream without it was truncated."""


Message = LayerProgress | LayerRead | Estimated | ImageRead | ImageFailed | Done

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def write_message(stream: BinaryIO, message: Message) -> None:
    """Send one message."""
    content = _encoder.encode(message)
    stream.write(len(content).to_bytes(_LENGTH_BYTES, "little"))
    stream.write(content)
    stream.flush()


def read_messages(chunks: Iterable[bytes]) -> Iterator[Message]:
    """The messages before `Done`. Raises `ImageError` if the stream is invalid or ends without `Done`."""
    waiting = bytearray()
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > MAX_STREAM_BYTES:
            raise ImageError(f"it sends more than {MAX_STREAM_BYTES} bytes")
        waiting += chunk
        while len(waiting) >= _LENGTH_BYTES:
            length = int.from_bytes(waiting[:_LENGTH_BYTES], "little")
            if length > MAX_MESSAGE_BYTES:
                raise ImageError(f"it sends a message of {length} bytes, more than the limit of {MAX_MESSAGE_BYTES}")
            if len(waiting) < _LENGTH_BYTES + length:
                break
            try:
                message = _decoder.decode(memoryview(waiting)[_LENGTH_BYTES : _LENGTH_BYTES + length])
            except ValueError as error:
                raise ImageError(f"it sends an invalid message: {error}") from error
            del waiting[: _LENGTH_BYTES + length]
            if isinstance(message, Done):
                return
            yield message
    raise ImageError("its output ended before its last message")


def layer_message(layer: LayerIndex) -> LayerRead:
    """A layer as a message."""
    return LayerRead(diff_id=layer.diff_id, frames=list(encoded_index(layer)), kept=encoded_kept(layer.kept))


def layer_of(message: LayerRead) -> LayerIndex:
    """The layer in a message. Raises `ImageError` if reading a tar cannot give such a layer."""
    try:
        layer = decoded_index(message.diff_id, iter(message.frames))
        layer.kept.update(decoded_kept(message.kept))
    except ValueError as error:
        raise ImageError(f"it sends the invalid layer {message.diff_id}: {error}") from error
    columns = layer.changeset.columns
    if any(len(value) > MAX_CAPABILITY_BYTES for value in columns.capabilities.values()):
        raise ImageError(f"it sends the impossible layer {message.diff_id}")
    if len(columns) > MAX_ENTRIES or layer.tar_bytes < 0 or not layer.is_hashed:
        raise ImageError(f"it sends the impossible layer {message.diff_id}")
    for kind, size_bytes, path in zip(columns.kinds, columns.sizes, columns.paths(), strict=True):
        if size_bytes < 0 or (size_bytes and kind != FILE) or len(path) > MAX_NAME_BYTES or not is_normal(path):
            raise ImageError(f"it sends an impossible entry of a layer: {path[:200]!r}")
    return layer
