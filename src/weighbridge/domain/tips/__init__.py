"""How can the image get smaller? One module a family of tips; ``docs/tips/`` has a page for each code.

Only what the Dockerfile's own layers hold is proposed: the author of a pull request cannot make the base image smaller.
"""

from __future__ import annotations

from weighbridge.domain.tips.caches import package_cache, sparse_logs
from weighbridge.domain.tips.context import Found, context_of
from weighbridge.domain.tips.hidden import permission_copies, rewritten_files
from weighbridge.domain.tips.model import Basis, Candidate, Change, DockerfileSource, Tip
from weighbridge.domain.tips.proposals import CODES as PROPOSED_CODES
from weighbridge.domain.tips.proposals import ladder_candidates, propose, with_lint_edits
from weighbridge.domain.weighed import WeighedImage

__all__ = [
    "CODES",
    "Basis",
    "Candidate",
    "Change",
    "DockerfileSource",
    "Tip",
    "find_tips",
    "ladder_candidates",
    "minimum_saving",
]

CODES = ("rewritten-files", "permission-copies", "package-cache", "sparse-logs", *PROPOSED_CODES)
"""Every code that `find_tips` can give; stable."""

_IN_FILES = (
    package_cache,
    sparse_logs,
)
"""The families that speak of files of the final filesystem, in the order in which they choose: what one of them counts,
no later one counts again. Those that name the cause come first, those that only see a property of the file last."""

_DEFAULT_MINIMUM_BYTES = 1_000_000
_LEAST_MINIMUM_BYTES = 10_000


def find_tips(
    image: WeighedImage, source: DockerfileSource | None = None, *, minimum_saving_bytes: int | None = None
) -> tuple[Tip, ...]:
    """What would make `image` smaller: the largest saving first, what is not known before a build last.

    `source` is the Dockerfile that made it; without it, tips have no change that does them. Those that save less than
    `minimum_saving_bytes` are left out; ``None`` is the built-in floor. No byte is counted by two computed tips.
    """
    floor = minimum_saving(image.image.unpacked_bytes, minimum_saving_bytes)
    found = [
        *rewritten_files(image.layers, image.waste),
        *permission_copies(image.layers, image.waste),
        *_in_files(image, source, floor),
    ]
    if source is not None:
        found = [*with_lint_edits(found, source), *propose(image, source)]
    worth = [tip for tip in found if _is_worth(tip, floor)]
    return tuple(sorted(worth, key=lambda tip: (-(tip.saved_bytes or 0), tip.code, tip.line or 0)))


def _in_files(image: WeighedImage, source: DockerfileSource | None, floor: int) -> list[Tip]:
    """The tips about files of the final filesystem; what is under the floor leaves its files to the others."""
    context = context_of(image, source)
    tips = []
    for family in _IN_FILES:
        found: list[Found] = [one for one in family(context) if _is_worth(one.tip, floor)]
        tips += [one.tip for one in found]
        context = context.without(file for one in found for file in one.files)
    return tips


def _is_worth(tip: Tip, floor: int) -> bool:
    return tip.saved_bytes is None or tip.saved_bytes >= floor


def minimum_saving(unpacked_bytes: int, configured_bytes: int | None = None) -> int:
    """The floor in bytes: as configured, else 1 MB or 1 % of the image, whichever is less, but at least 10 kB."""
    if configured_bytes is not None:
        return configured_bytes
    return max(_LEAST_MINIMUM_BYTES, min(_DEFAULT_MINIMUM_BYTES, unpacked_bytes // 100))
