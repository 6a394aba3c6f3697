"""The layer cache: stores indexed layers by diff ID in a folder, so that no layer is read twice.

Several runs may share the folder; it may be copied (``actions/cache``) or truncated at any moment. So every file is
written to a temporary name and renamed, carries its own version and checksum, and is ignored if damaged. When the
folder exceeds its limit, the least recently used files are removed first.

    DIR/v7/index/ab/abcd….wbi     entries of a layer, with the offsets of their content in its tar
    DIR/v7/kept/ab/abcd….wbi      whole content of the files that `weighbridge.sources.kept_files` selects
    DIR/v7/size/ab/abcd….wbi      the layer's size when recompressed
    DIR/v7/config/ab/abcd….wbi    an image's config, by the engine's image ID
    DIR/v7/part/ab/abcd….wbi      requested parts of files, by diff ID and path
    DIR/v7/digest/ab/abcd….wbi    requested content digests of a layer whose index has none
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import zlib
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from weighbridge.domain.image.entries import Entries
from weighbridge.domain.image.layer import Changeset
from weighbridge.domain.image.names import Names
from weighbridge.errors import UsageError
from weighbridge.sources.changeset import LayerIndex, no_garbage_collection

FORMAT_VERSION = 7
"""Increased with any change to the file contents; older files are then ignored, and removed when the folder is full."""

DEFAULT_MAX_BYTES = 2_000_000_000
MAX_PART_FILE_BYTES = 16 << 20
_SIZE_BYTES = 8
_MAX_FRAME_BYTES = 256 << 20

_MAGIC = b"weighbridge-cache\x00%d%s\x00" % (FORMAT_VERSION, sys.byteorder[:1].encode())


class _Header(msgspec.Struct, array_like=True):
    diff_id: str
    tar_bytes: int
    entry_count: int
    is_hashed: bool


class _Parts(msgspec.Struct, array_like=True):
    """Parts of one file: offset and bytes, in order."""

    diff_id: str
    path: str
    parts: list[tuple[int, bytes]]


_encoder = msgspec.msgpack.Encoder()
_header_decoder = msgspec.msgpack.Decoder(_Header)
_owners_decoder = msgspec.msgpack.Decoder(list[tuple[int, int, int]])
_links_decoder = msgspec.msgpack.Decoder(list[tuple[int, bytes]])
_capabilities_decoder = msgspec.msgpack.Decoder(dict[int, bytes])
_other_digests_decoder = msgspec.msgpack.Decoder(dict[int, str])
_kept_decoder = msgspec.msgpack.Decoder(list[tuple[bytes, bytes]])
_digests_decoder = msgspec.msgpack.Decoder(list[tuple[bytes, str]])
_parts_decoder = msgspec.msgpack.Decoder(_Parts)


def default_cache_folder(environment: Mapping[str, str]) -> Path:
    """The user's cache folder, as the XDG Base Directory Specification names it."""
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weighbridge"


class LayerCache:
    """The cache in one folder. Every method is safe to call from several processes at a time."""

    def __init__(self, directory: Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        """Use `directory`, creating it if needed. Raises `UsageError` if that fails."""
        self._root = directory / f"v{FORMAT_VERSION}"
        self._max_bytes = max_bytes
        self._written_bytes = 0
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            if not os.access(self._root, os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied")
        except OSError as error:
            raise UsageError(f"the cache folder {directory} cannot be used: {error.strerror}") from error

    def layer(self, diff_id: str) -> LayerIndex | None:
        """The index of a layer without its kept files; ``None`` if it is not cached."""
        with no_garbage_collection():
            return self._read_layer(diff_id)

    def _read_layer(self, diff_id: str) -> LayerIndex | None:
        try:
            return decoded_index(diff_id, self._frames("index", diff_id))
        except (ValueError, msgspec.MsgspecError):
            return None

    def put_layer(self, layer: LayerIndex) -> None:
        """Store the index of a layer and its kept files."""
        # The kept files go first: an index without them would never be completed.
        self._write("kept", layer.diff_id, iter([encoded_kept(layer.kept)]))
        self._write("index", layer.diff_id, encoded_index(layer))

    def kept_files(self, diff_id: str) -> dict[str, bytes]:
        """The whole content of a layer's kept files, by path; empty if the layer is not cached."""
        for frame in self._frames("kept", diff_id):
            try:
                return decoded_kept(frame)
            except (ValueError, msgspec.MsgspecError):
                return {}
        return {}

    def digests(self, diff_id: str) -> dict[str, str]:
        """The stored content digests, by path, of a layer whose index has none."""
        for frame in self._frames("digest", diff_id):
            try:
                pairs = _digests_decoder.decode(frame)
            except msgspec.MsgspecError:
                return {}
            return {path.decode("utf-8", "surrogateescape"): digest for path, digest in pairs}
        return {}

    def put_digests(self, diff_id: str, digests: dict[str, str]) -> None:
        """Store content digests of a layer whose index has none."""
        pairs = [(path.encode("utf-8", "surrogateescape"), digest) for path, digest in digests.items()]
        self._write("digest", diff_id, iter([_encoder.encode(pairs)]))

    def compressed_estimate(self, diff_id: str, compressor: str) -> int | None:
        """The layer's size in bytes when recompressed by `compressor`, ``None`` if unknown."""
        for frame in self._frames("size", f"{diff_id} {compressor}"):
            return int.from_bytes(frame, "little") if len(frame) == _SIZE_BYTES else None
        return None

    def put_compressed_estimate(self, diff_id: str, compressor: str, size_bytes: int) -> None:
        """Store the layer's size when recompressed by `compressor`."""
        self._write("size", f"{diff_id} {compressor}", iter([size_bytes.to_bytes(_SIZE_BYTES, "little")]))

    def document(self, key: str) -> bytes | None:
        """The document stored under `key`, ``None`` if there is none."""
        return next(self._frames("config", key), None)

    def put_document(self, key: str, content: bytes) -> None:
        """Store a document under `key`."""
        self._write("config", key, iter([content]))

    def parts(self, diff_id: str, path: str) -> dict[int, bytes]:
        """The stored parts of the file `path` of a layer, by offset."""
        for frame in self._frames("part", f"{diff_id} {path}"):
            try:
                known = _parts_decoder.decode(frame)
            except msgspec.MsgspecError:
                return {}
            if (known.diff_id, known.path) == (diff_id, _printable(path)):
                return dict(known.parts)
        return {}

    def put_parts(self, diff_id: str, path: str, parts: dict[int, bytes]) -> None:
        """Store `parts` of the file `path`, unless they are too large."""
        if sum(map(len, parts.values())) <= MAX_PART_FILE_BYTES:
            content = _encoder.encode(_Parts(diff_id, _printable(path), sorted(parts.items())))
            self._write("part", f"{diff_id} {path}", iter([content]))

    def trim(self) -> None:
        """Remove the least recently used files until the folder is within its limit."""
        if not self._written_bytes:
            return
        self._written_bytes = 0
        files = []
        for path in self._root.glob("*/*/*"):
            with contextlib.suppress(OSError):  # another run removed it
                status = path.stat()
                files.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self._max_bytes:
                break
            with contextlib.suppress(OSError):
                path.unlink()
            total -= size

    def _path(self, kind: str, key: str) -> Path:
        name = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
        return self._root / kind / name[:2] / f"{name}.wbi"

    def _frames(self, kind: str, key: str) -> Iterator[bytes]:
        """The frames of one file. A damaged file ends early, which its reader detects, and is removed."""
        path = self._path(kind, key)
        try:
            # Non-blocking: another user of the folder may have left a named pipe there.
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise ValueError
                if file.read(len(_MAGIC)) != _MAGIC:
                    raise ValueError
                os.utime(file.fileno())
                while head := file.read(12):
                    length, checksum = int.from_bytes(head[:8], "little"), int.from_bytes(head[8:], "little")
                    if len(head) < 12 or length > _MAX_FRAME_BYTES:
                        raise ValueError
                    packed = file.read(length)
                    if len(packed) != length or zlib.crc32(packed) != checksum:
                        raise ValueError
                    yield _unpacked(packed)
        except (ValueError, zlib.error):
            with contextlib.suppress(OSError):
                path.unlink()
        except OSError:
            return

    def _write(self, kind: str, key: str, frames: Iterator[bytes]) -> None:
        """Write a file completely or not at all. A full disk is not an error: the cache then stores nothing."""
        import tempfile  # noqa: PLC0415 - a known image writes nothing

        path = self._path(kind, key)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(_MAGIC)
                    for frame in frames:
                        packed = zlib.compress(frame, 1)
                        file.write(len(packed).to_bytes(8, "little") + zlib.crc32(packed).to_bytes(4, "little"))
                        file.write(packed)
                    self._written_bytes += file.tell()
                Path(temporary).replace(path)
            except BaseException:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink()
                raise


def encoded_index(layer: LayerIndex) -> Iterator[bytes]:
    """The index of a layer without its kept files: a header and its columns, one frame each."""
    columns = layer.changeset.columns
    yield _encoder.encode(_Header(layer.diff_id, layer.tar_bytes, len(columns), layer.is_hashed))
    yield layer.data_offsets.tobytes()
    # No name has a slash, and no folder has two in a row.
    yield "//".join(columns.folders).encode("utf-8", "surrogateescape")
    yield columns.folder_of.tobytes()
    yield columns.names.text
    yield bytes(columns.kinds)
    yield columns.sizes.tobytes()
    yield _encoder.encode(columns.owners)
    yield columns.owner_of.tobytes()
    yield _encoder.encode([(row, to.encode("utf-8", "surrogateescape")) for row, to in columns.links.items()])
    yield bytes(columns.digests)
    yield _encoder.encode(columns.other_digests)
    yield _encoder.encode(columns.capabilities)


def decoded_index(diff_id: str, frames: Iterator[bytes]) -> LayerIndex:
    """Decode the output of `encoded_index` for the layer `diff_id`. Raises ValueError for any other input."""
    header = _header_decoder.decode(next(frames, b""))
    offsets = _array("q", next(frames, b""))
    folders = next(frames, b"").decode("utf-8", "surrogateescape").split("//")
    folder_of = _array("I", next(frames, b""))
    names = Names(next(frames, b""))
    entries = Entries(
        folders=folders,
        folder_of=folder_of,
        names=names,
        kinds=next(frames, b""),
        sizes=_array("q", next(frames, b"")),
        owners=_owners_decoder.decode(next(frames, b"")),
        owner_of=_array("I", next(frames, b"")),
        links={row: to.decode("utf-8", "surrogateescape") for row, to in _links_decoder.decode(next(frames, b""))},
        digests=next(frames, b""),
        other_digests=_other_digests_decoder.decode(next(frames, b"")),
        capabilities=_capabilities_decoder.decode(next(frames, b"")),
    )
    if header.diff_id != diff_id or not len(offsets) == len(entries) == header.entry_count:
        raise ValueError("not the complete index of this layer")
    if not entries.is_sound():
        raise ValueError("columns that do not fit each other")
    changeset = Changeset(diff_id=diff_id, entries=entries)
    return LayerIndex(changeset=changeset, data_offsets=offsets, tar_bytes=header.tar_bytes, is_hashed=header.is_hashed)


def _array(type_code: Literal["I", "q"], frame: bytes) -> array[int]:
    """The numbers of a frame. Raises ValueError for a frame of another length."""
    numbers = array(type_code)
    numbers.frombytes(frame)
    return numbers


def encoded_kept(kept: Mapping[str, bytes]) -> bytes:
    """A layer's kept files as one frame."""
    return _encoder.encode([(path.encode("utf-8", "surrogateescape"), content) for path, content in kept.items()])


def decoded_kept(frame: bytes) -> dict[str, bytes]:
    """Decode the output of `encoded_kept`. Raises ValueError for any other input."""
    return {path.decode("utf-8", "surrogateescape"): content for path, content in _kept_decoder.decode(frame)}


def _unpacked(packed: bytes) -> bytes:
    decompressor = zlib.decompressobj()
    content = decompressor.decompress(packed, _MAX_FRAME_BYTES)
    if not decompressor.eof:
        raise ValueError("a frame is too large")
    return content


def _printable(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").decode("latin-1")
