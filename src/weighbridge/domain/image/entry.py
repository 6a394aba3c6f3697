"""One entry of a layer's changeset, and its kinds.

Terms and rules: OCI image spec, "Image Layer Filesystem Changeset".
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

MAX_CAPABILITY_BYTES = 32
"""The kernel's largest file capability has 24 bytes (``XATTR_CAPS_SZ_3``); a longer value is malformed."""


class EntryKind(enum.StrEnum):
    """The kind of a changeset entry."""

    FILE = "file"
    HARD_LINK = "hard-link"
    SYMLINK = "symlink"
    DIRECTORY = "directory"
    CHARACTER_DEVICE = "character-device"
    BLOCK_DEVICE = "block-device"
    FIFO = "fifo"
    WHITEOUT = "whiteout"
    """`path` of a lower layer was removed (``.wh.NAME`` in the tar)."""
    OPAQUE = "opaque"
    """All files of lower layers in the directory `path` were removed (``.wh..wh..opq`` in the tar)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One entry of a layer's changeset.

    `path` has no leading or trailing slash and no ``.`` or ``..`` parts; the root directory is ``""``. Bytes that
    are not UTF-8 are kept as surrogate escapes. `size_bytes` is the content's size, 0 for all but regular files (a hard
    link has 0: its bytes count at the file). `link_target` is the stored text for a symlink, and the normalised path of
    the shared file for a hard link. `mode` holds the permission bits with setuid, setgid and sticky (``0o7777``).
    `content_digest` identifies the content if it was hashed when the layer was read; use `Changeset.digest`.
    `capabilities` is a file's extended attribute ``security.capability``, cut after `MAX_CAPABILITY_BYTES`.
    """

    path: str
    kind: EntryKind
    size_bytes: int = 0
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    link_target: str | None = None
    content_digest: str | None = None
    capabilities: bytes | None = None
