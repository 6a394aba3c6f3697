"""How can the image get smaller? One module a family of tips; the catalogue says what each code means.

Only what the Dockerfile's own layers hold is proposed: the author of a pull request cannot make the base image smaller.
"""

from __future__ import annotations

from weighbridge.domain.tips.caches import package_cache, sparse_logs
from weighbridge.domain.tips.hidden import permission_copies, rewritten_files
from weighbridge.domain.tips.model import Basis, Candidate, Change, DockerfileSource, Tip
from weighbridge.domain.weighed import WeighedImage

__all__ = ["CODES", "Basis", "Candidate", "Change", "DockerfileSource", "Tip", "find_tips", "minimum_saving"]

CODES = ("rewritten-files", "permission-copies", "package-cache", "sparse-logs")
"""Every code that `find_tips` can give; stable."""

_DEFAULT_MINIMUM_BYTES = 1_000_000
_LEAST_MINIMUM_BYTES = 10_000


def find_tips(
    image: WeighedImage, source: DockerfileSource | None = None, *, minimum_saving_bytes: int | None = None
) -> tuple[Tip, ...]:
    """What would make `image` smaller: the largest saving first, what is not known before a build last.

    `source` is the Dockerfile that made it; without it, tips have no change that does them. Those that save less than
    `minimum_saving_bytes` are left out; ``None`` is the built-in floor.
    """
    del source
    floor = minimum_saving(image.image.unpacked_bytes, minimum_saving_bytes)
    found = [
        *rewritten_files(image.layers, image.waste),
        *permission_copies(image.layers, image.waste),
        *package_cache(image.layers, image.rootfs),
        *sparse_logs(image.layers, image.rootfs),
    ]
    found = [tip for tip in found if tip.saved_bytes is None or tip.saved_bytes >= floor]
    return tuple(sorted(found, key=lambda tip: (-(tip.saved_bytes or 0), tip.code, tip.line or 0)))


def minimum_saving(unpacked_bytes: int, configured_bytes: int | None = None) -> int:
    """The floor in bytes: as configured, else 1 MB or 1 % of the image, whichever is less, but at least 10 kB."""
    if configured_bytes is not None:
        return configured_bytes
    return max(_LEAST_MINIMUM_BYTES, min(_DEFAULT_MINIMUM_BYTES, unpacked_bytes // 100))
