"""How can the image get smaller? One module a family of tips; the catalogue says what each code means.

Only what the Dockerfile's own layers hold is proposed: the author of a pull request cannot make the base image smaller.
"""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.domain.align import WeighedLayer
from weighbridge.domain.rootfs import Rootfs
from weighbridge.domain.tips.caches import package_cache, sparse_logs
from weighbridge.domain.tips.hidden import permission_copies, rewritten_files
from weighbridge.domain.tips.model import Basis, Tip
from weighbridge.domain.waste import Waste

__all__ = ["CODES", "Basis", "Tip", "find_tips", "minimum_saving"]

CODES = ("rewritten-files", "permission-copies", "package-cache", "sparse-logs")
"""Every code that `find_tips` can give; stable."""

_DEFAULT_MINIMUM_BYTES = 1_000_000
_LEAST_MINIMUM_BYTES = 10_000


def find_tips(
    layers: Sequence[WeighedLayer], rootfs: Rootfs, waste: Waste, *, minimum_saving_bytes: int | None = None
) -> tuple[Tip, ...]:
    """What would make an image smaller, the largest saving first. `layers` are its layers, lowest first.

    Tips that save less than `minimum_saving_bytes` are left out; ``None`` is the built-in floor.
    """
    floor = minimum_saving(sum(one.unpacked_bytes for one in layers), minimum_saving_bytes)
    found = [
        *rewritten_files(layers, waste),
        *permission_copies(layers, waste),
        *package_cache(layers, rootfs),
        *sparse_logs(layers, rootfs),
    ]
    found = [tip for tip in found if tip.saved_bytes >= floor]
    return tuple(sorted(found, key=lambda tip: (-tip.saved_bytes, tip.code, tip.line or 0)))


def minimum_saving(unpacked_bytes: int, configured_bytes: int | None = None) -> int:
    """The floor in bytes: as configured, else 1 MB or 1 % of the image, whichever is less, but at least 10 kB."""
    if configured_bytes is not None:
        return configured_bytes
    return max(_LEAST_MINIMUM_BYTES, min(_DEFAULT_MINIMUM_BYTES, unpacked_bytes // 100))
