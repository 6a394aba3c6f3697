"""A layer's changeset: the entries of one layer tar, with whiteouts recognised.

Terms and rules: OCI image spec, "Image Layer Filesystem Changeset".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from weighbridge.domain.image.entries import Entries
from weighbridge.domain.image.entry import MAX_CAPABILITY_BYTES, Entry, EntryKind

__all__ = ["MAX_CAPABILITY_BYTES", "Changeset", "Entry", "EntryKind"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Changeset:
    """The entries of one layer, in the order of the tar, identified by the layer's diff ID.

    Each path occurs once, and a second time if the layer also removes it from lower layers.

    `hash_content` returns the digest of a file that was not hashed when the layer was read; ``None`` if all were.
    """

    diff_id: str
    entries: Sequence[Entry]
    hash_content: Callable[[Entry], str | None] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Store the entries as columns, whatever sequence they come in."""
        object.__setattr__(self, "entries", Entries.of(self.entries))

    @property
    def columns(self) -> Entries:
        """The entries as columns."""
        if not isinstance(self.entries, Entries):
            raise AssertionError("__post_init__ makes columns of all entries")
        return self.entries

    def digest(self, entry: Entry) -> str | None:
        """Identifies the content of a file of this layer: equal for equal contents, ``None`` if unknown.

        May read the file, so compare sizes first.
        """
        if entry.content_digest is not None or self.hash_content is None or entry.kind is not EntryKind.FILE:
            return entry.content_digest
        return self.hash_content(entry)

    @property
    def unpacked_bytes(self) -> int:
        """Σ of the sizes of the regular files in this changeset, a hard link counted once."""
        return sum(self.columns.sizes)
