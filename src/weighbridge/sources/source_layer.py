"""A layer as a source has it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from weighbridge.sources.compression import Compression

_MAX_BLOB_BYTES = 1 << 50
_DIGEST_PATTERN = r"^sha256:[0-9a-f]{64}\Z"


class SourceLayer(msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """A layer and its blob in one source. Caches and the storage helper's stream hold it in this form: validated.

    `size_bytes` is the number of bytes that a pull transfers; ``None`` if a pull transfers another form (an engine's
    folders, an uncompressed layer that an engine stores or saves). `digest` is the digest of the blob itself. Before
    the layer is read, both are what the manifest says, and `compression` is not yet known.
    """

    diff_id: Annotated[str, msgspec.Meta(pattern=_DIGEST_PATTERN)]
    size_bytes: Annotated[int, msgspec.Meta(ge=0, le=_MAX_BLOB_BYTES)] | None = None
    digest: Annotated[str, msgspec.Meta(pattern=_DIGEST_PATTERN)] | None = None
    compression: Compression = Compression.NONE

    def as_in_engine(self) -> SourceLayer:
        """The blob as an engine stores or saves it: the engine compresses an uncompressed blob before it pushes it."""
        if self.compression is not Compression.NONE:
            return self
        return SourceLayer(diff_id=self.diff_id)
