"""A layer as some place stores it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from weighbridge.sources.compression import Compression

_MAX_BLOB_BYTES = 1 << 50
_DIGEST_PATTERN = r"^sha256:[0-9a-f]{64}\Z"


class LayerBlob(msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """The blob of a layer. Caches and the storage helper's stream hold it as it is, so its fields are checked.

    `size_bytes` is what a pull transfers of it, ``None`` where this form of the layer is not what a pull transfers: an
    engine's folders, an uncompressed layer that an engine stores or saves. `digest` is the blob's own.
    """

    diff_id: Annotated[str, msgspec.Meta(pattern=_DIGEST_PATTERN)]
    size_bytes: Annotated[int, msgspec.Meta(ge=0, le=_MAX_BLOB_BYTES)] | None = None
    digest: Annotated[str, msgspec.Meta(pattern=_DIGEST_PATTERN)] | None = None
    compression: Compression = Compression.NONE

    def as_in_engine(self) -> LayerBlob:
        """The blob as an engine stores or saves it: one without compression is compressed before it is pushed."""
        if self.compression is not Compression.NONE:
            return self
        return LayerBlob(diff_id=self.diff_id)
