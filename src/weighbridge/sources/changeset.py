"""Turns a layer's tar into its changeset: entries, content digests, whiteouts, and the actual diff ID.

Rules: OCI image spec, "Image Layer Filesystem Changeset". Where the spec is silent (aufs metadata, names that point
out of the layer), this module does what the engines' unpackers do.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import queue
import threading
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

import xxhash

from weighbridge.domain.image.entries import (
    DIRECTORY,
    FILE,
    HARD_LINK,
    KIND_NUMBERS,
    OPAQUE,
    SYMLINK,
    WHITEOUT,
    Entries,
    EntriesBuilder,
)
from weighbridge.domain.image.layer import MAX_CAPABILITY_BYTES, Changeset, EntryKind
from weighbridge.errors import ImageError
from weighbridge.sources.kept_files import MAX_KEPT_LAYER_BYTES, is_kept
from weighbridge.sources.layer_paths import MAX_PATH_COMPONENTS, WHITEOUT_PREFIX, normalised_path
from weighbridge.sources.plain_members import NO_OFFSET, PlainMembers
from weighbridge.sources.repeated_paths import last_of_each_path
from weighbridge.sources.tar import Cursor, Member, Piece, StreamCursor, members, truncated

OPAQUE_MARKER = ".wh..wh..opq"
AUFS_METADATA_PREFIX = ".wh..wh."
"""Prefix of aufs' own files, which engines skip (moby's ``WhiteoutMetaPrefix``). The opaque marker is the exception."""

MAX_ENTRIES = 1_200_000
"""Limit on entries of one layer, 6 times the largest layer measured: 250 MB of memory."""
MAX_WHITEOUTS = 200_000
"""Limit on whiteouts of one layer, of all kinds: a removed directory needs only one."""
MAX_NAMES_BYTES = 128 << 20
"""Limit on memory for names and link targets of one layer; a name that is not ASCII takes 4 bytes per character."""
MAX_NAME_BYTES = 4095
"""Linux' ``PATH_MAX`` without its NUL: no engine can create a file or a symlink with a longer path."""

_BYTES_OF_WIDE_CHARACTER = 4

_TAKEN_WHOLE_BYTES = 1 << 16
"""Files up to this size are copied out of the stream before they are hashed; larger ones are hashed in place."""

_KINDS = {
    ord("0"): FILE,
    ord("1"): HARD_LINK,
    ord("2"): SYMLINK,
    ord("3"): KIND_NUMBERS[EntryKind.CHARACTER_DEVICE],
    ord("4"): KIND_NUMBERS[EntryKind.BLOCK_DEVICE],
    ord("5"): DIRECTORY,
    ord("6"): KIND_NUMBERS[EntryKind.FIFO],
}
_WHITEOUT_OWNER = (0o755, 0, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerIndex:
    """A layer after reading, as the cache stores it by diff ID.

    `data_offsets` gives for each entry the offset of its content in the uncompressed tar. `tar_bytes` is the length of
    the uncompressed tar. `kept` maps paths to the whole content of files that later steps need (see `kept_files`).
    `is_hashed` is true if every file's content is hashed; otherwise `weighbridge.sources.file_digests` hashes files on
    demand.
    """

    changeset: Changeset
    data_offsets: array[int]
    tar_bytes: int
    kept: dict[str, bytes] = field(default_factory=dict)
    is_hashed: bool = True

    @property
    def diff_id(self) -> str:
        """The SHA-256 of the uncompressed tar, as the image config names the layer."""
        return self.changeset.diff_id


def index_layer(chunks: Iterable[Piece], *, expected_diff_id: str | None) -> LayerIndex:
    """Read one uncompressed layer tar to its end.

    `expected_diff_id` comes from the image config; ``None`` if it is not yet known.
    Raises `ImageError` if the tar cannot be read or has another digest.
    """
    digest = hashlib.sha256()
    with ChunkWorker(digest.update) as worker, no_garbage_collection():
        cursor = StreamCursor(worker.passing(chunks))
        builder = ChangesetBuilder()
        for member in members(cursor, skim=builder.add_plain_members):
            builder.add(member, cursor)
        cursor.drain()
        tar_bytes = cursor.position
    diff_id = f"sha256:{digest.hexdigest()}"
    if expected_diff_id not in (None, diff_id):
        raise ImageError(
            f"layer {expected_diff_id}: its content has the digest {diff_id}; the layer was damaged or replaced"
        )
    return builder.finish(diff_id=diff_id, tar_bytes=tar_bytes)


def index_in_place(open_cursor: Callable[[], DrainableCursor], diff_id: str) -> LayerIndex:
    """Read a layer in the engine's own storage, and trust the engine's diff ID.

    Opens only the files that `kept_files` selects; other contents are hashed on demand. A layer with sparse files is
    hashed at once, because the index does not record which files are sparse.
    """
    layer, found_sparse = _read_in_place(open_cursor(), diff_id, hashes=False)
    return _read_in_place(open_cursor(), diff_id, hashes=True)[0] if found_sparse else layer


def _read_in_place(cursor: DrainableCursor, diff_id: str, *, hashes: bool) -> tuple[LayerIndex, bool]:
    builder = ChangesetBuilder(hashes=hashes)
    with no_garbage_collection():
        for member in members(cursor):
            builder.add(member, cursor)
        cursor.drain()
    return builder.finish(diff_id=diff_id, tar_bytes=cursor.position), builder.found_sparse


class DrainableCursor(Cursor, Protocol):
    """A cursor that can read to the end of its tar."""

    def drain(self) -> None:
        """Read to the end of the tar, so that `position` is its length."""


class ChangesetBuilder:
    """Collects the entries of one layer, member by member."""

    def __init__(self, *, hashes: bool = True) -> None:
        self._hashes = hashes
        self.found_sparse = False
        self._rows = EntriesBuilder(hashes=hashes)
        self._offsets = array("q")
        self._kept: dict[str, bytes] = {}
        self._kept_bytes = 0
        self._members = 0
        self._whiteouts = 0
        self._names_bytes = 0
        self._plain = PlainMembers(self._rows, self._offsets) if hashes else None

    def add_plain_members(self, cursor: StreamCursor) -> None:
        """Add the plain members at `cursor` all at once, within the limits of a layer; see `PlainMembers`."""
        if self._plain is not None:
            members_read, name_bytes = self._plain.read(
                cursor,
                most_members=MAX_ENTRIES - self._members,
                most_name_bytes=MAX_NAMES_BYTES - self._names_bytes,
            )
            self._members += members_read
            self._names_bytes += name_bytes

    def add(self, member: Member, cursor: Cursor) -> None:
        """Add one member. Reads and hashes the payload of a file from `cursor` if its content is needed."""
        name = member.name
        if len(name) > MAX_NAME_BYTES or len(member.link_name) > MAX_NAME_BYTES:
            raise ImageError(f"the layer holds a name longer than {MAX_NAME_BYTES} bytes: {name[:100]!r}…")
        self._count(name, member.link_name)
        path = normalised_path(name)
        if path.count("/") >= MAX_PATH_COMPONENTS:
            raise ImageError(f"the layer holds a path of more than {MAX_PATH_COMPONENTS} directories: {path[:60]!r}…")
        if WHITEOUT_PREFIX in path:
            directory, _, base = path.rpartition("/")
            if base.startswith(WHITEOUT_PREFIX):
                self._add_whiteout(directory, base)
                return
        kind = _KINDS[member.type_flag]
        if not path and kind != DIRECTORY:
            return  # engines keep the root directory, and skip a file that has no name
        digest = capabilities = None
        offset = NO_OFFSET
        link_target = None
        if kind == FILE:
            if member.capabilities:
                capabilities = member.capabilities[:MAX_CAPABILITY_BYTES]
            if member.is_sparse:
                self.found_sparse = True
            else:
                offset = member.data_offset
                digest = self._hash(path, member.stored_bytes, cursor)
        elif kind == SYMLINK:
            link_target = member.link_name.decode("utf-8", "surrogateescape")
        elif kind == HARD_LINK:
            link_target = normalised_path(member.link_name)
        self._rows.add(path, kind, member.size_bytes, member.owner, link_target, digest, capabilities)
        self._offsets.append(offset)

    def _count(self, name: bytes, link_name: bytes) -> None:
        """Raises ImageError for a member that exceeds the limits of a layer."""
        self._members += 1
        if self._members > MAX_ENTRIES:
            raise ImageError(f"the layer has more entries than the limit of {MAX_ENTRIES}")
        is_ascii = name.isascii() and link_name.isascii()
        self._names_bytes += (len(name) + len(link_name)) * (1 if is_ascii else _BYTES_OF_WIDE_CHARACTER)
        if self._names_bytes > MAX_NAMES_BYTES:
            raise ImageError(f"the names in the layer need more memory than the limit of {MAX_NAMES_BYTES >> 20} MiB")

    def _add_whiteout(self, directory: str, base: str) -> None:
        self._whiteouts += 1
        if self._whiteouts > MAX_WHITEOUTS:
            raise ImageError(f"the layer has more whiteouts than the limit of {MAX_WHITEOUTS}")
        if base == OPAQUE_MARKER:
            path, kind = directory, OPAQUE
        elif base.startswith(AUFS_METADATA_PREFIX):
            return
        else:
            removed = base[len(WHITEOUT_PREFIX) :]
            if removed in ("", ".", ".."):
                raise ImageError(f"the layer holds a whiteout without a name: {directory}/{base}")
            path, kind = f"{directory}/{removed}" if directory else removed, WHITEOUT
        self._rows.add(path, kind, 0, _WHITEOUT_OWNER)
        self._offsets.append(NO_OFFSET)

    def _hash(self, path: str, size_bytes: int, cursor: Cursor) -> bytes | None:
        keep = is_kept(path, size_bytes) and self._kept_bytes + size_bytes <= MAX_KEPT_LAYER_BYTES
        if self._kept:
            self._kept.pop(path, None)  # left by an earlier entry of the same path
        if not (self._hashes or keep):
            return None
        if size_bytes <= _TAKEN_WHOLE_BYTES or keep:
            content = cursor.take(size_bytes)
            if len(content) < size_bytes:
                raise truncated(cursor.position, size_bytes - len(content))
            if keep:
                self._kept[path] = content
                self._kept_bytes += size_bytes
            return xxhash.xxh3_128_digest(content)
        hasher = xxhash.xxh3_128()
        for piece in cursor.pieces(size_bytes):
            hasher.update(piece)
        return hasher.digest()

    def finish(self, *, diff_id: str, tar_bytes: int) -> LayerIndex:
        """The layer. Call it after the last member."""
        entries, offsets, kept = self._rows.build(), self._offsets, self._kept
        if entries.has_repeats():
            last, offsets = last_of_each_path(entries, offsets)
            entries = Entries.of(last)
            files = {entry.path for entry in last if entry.kind is EntryKind.FILE}
            kept = {path: content for path, content in kept.items() if path in files}
        return LayerIndex(
            changeset=Changeset(diff_id=diff_id, entries=entries),
            data_offsets=offsets,
            tar_bytes=tar_bytes,
            kept=kept,
            is_hashed=self._hashes,
        )


@contextlib.contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Suspends garbage collection while many small objects are created: none of them is garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class ChunkWorker:
    """One thread that passes each chunk of a stream to a function (a hash, a compressor) while the caller reads on.

    Hashing and compressing release Python's lock, so another core reads the tar headers meanwhile. At most `DEPTH`
    chunks wait, which bounds the memory.
    """

    DEPTH = 4

    def __init__(self, tap: Callable[[Piece], None]) -> None:
        self._tap = tap
        self._queue: queue.Queue[Piece | None] = queue.Queue(self.DEPTH)
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="weighbridge-chunks", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._queue.put(None)
        self._thread.join()
        if error is None and self._failure is not None:
            raise self._failure

    def passing(self, chunks: Iterable[Piece]) -> Iterator[Piece]:
        """`chunks`, each also passed to the function."""
        for chunk in chunks:
            self._queue.put(chunk)
            yield chunk

    def _work(self) -> None:
        while (chunk := self._queue.get()) is not None:
            if self._failure is not None:
                continue
            try:
                self._tap(chunk)
            except Exception as failure:  # noqa: BLE001 - handed to the thread that waits, in __exit__
                self._failure = failure
