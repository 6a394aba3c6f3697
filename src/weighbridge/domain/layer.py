"""A layer's changeset: the entries of one layer tar, with the whiteouts recognised.

Words and rules are those of the OCI image spec, "Image Layer Filesystem Changeset".
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass


class EntryKind(enum.StrEnum):
    """What an entry of a changeset is."""

    FILE = "file"
    HARD_LINK = "hard-link"
    SYMLINK = "symlink"
    DIRECTORY = "directory"
    CHARACTER_DEVICE = "character-device"
    BLOCK_DEVICE = "block-device"
    FIFO = "fifo"
    WHITEOUT = "whiteout"
    """`path` was removed from what lies below (``.wh.NAME`` in the tar)."""
    OPAQUE = "opaque"
    """Everything that lies below in the directory `path` was removed (``.wh..wh..opq`` in the tar)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One entry of a layer's changeset.

    `path` has no leading or trailing slash and no ``.`` or ``..`` parts; the root directory is ``""``. Bytes that
    are not UTF-8 are kept as surrogate escapes. `size_bytes` is the content's size and is 0 for all but regular files
    (a hard link carries none: its bytes are counted where the file is). `link_target` is, for a symlink, the text
    as stored; for a hard link, the normalised path of the file it shares. `mode` holds the permission bits with setuid,
    setgid and sticky (``0o7777``). `content_digest` names the content where it was hashed.
    """

    path: str
    kind: EntryKind
    size_bytes: int = 0
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    link_target: str | None = None
    content_digest: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Changeset:
    """All entries of one layer, in the order of the tar, named by the layer's diff ID."""

    diff_id: str
    entries: Sequence[Entry]

    @property
    def unpacked_bytes(self) -> int:
        """Σ of the sizes of the regular files in this changeset, a hard link counted once."""
        return sum(entry.size_bytes for entry in self.entries)
