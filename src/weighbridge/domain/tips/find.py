"""Finds all tips of an image.

Tips cover only layers that the Dockerfile itself adds: the author of a pull request cannot make the base image smaller.
"""

from __future__ import annotations

from collections.abc import Collection

from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.tips.binaries import compressed_executable, strip_binaries
from weighbridge.domain.tips.caches import package_cache, sparse_logs
from weighbridge.domain.tips.context import FoundTip, TipContext, context_of
from weighbridge.domain.tips.copies import archive_kept, duplicate_files
from weighbridge.domain.tips.development import dev_dependencies
from weighbridge.domain.tips.hidden import permission_copies, rewritten_files
from weighbridge.domain.tips.ignored import ignored_files
from weighbridge.domain.tips.optional import locale_doc_man
from weighbridge.domain.tips.proposals import CODES as PROPOSED_CODES
from weighbridge.domain.tips.proposals import Proposals
from weighbridge.domain.tips.tip import DockerfileSource, Tip
from weighbridge.domain.tips.toolchain import use_multi_stage

_IN_FILES = {
    "ignored-files": ignored_files,
    "package-cache": package_cache,
    "sparse-logs": sparse_logs,
    "dev-dependencies": dev_dependencies,
    "archive-kept": archive_kept,
    "use-multi-stage": use_multi_stage,
    "duplicate-files": duplicate_files,
    "compressed-executable": compressed_executable,
    "strip-binaries": strip_binaries,
    "locale-doc-man": locale_doc_man,
}
"""The families of tips on files, in order of precedence: a later family never counts the files of an earlier one.
Families that name a cause come first."""

CODES = ("rewritten-files", "permission-copies", *dict.fromkeys((*_IN_FILES, *PROPOSED_CODES)))
"""All codes of `find_tips`. They are stable."""

OPTIONAL_CODES = ("locale-doc-man",)
"""The codes that are off by default."""

_DEFAULT_MINIMUM_BYTES = 1_000_000
_LEAST_MINIMUM_BYTES = 10_000


def find_tips(
    image: WeighedImage,
    source: DockerfileSource | None = None,
    *,
    minimum_saving_bytes: int | None = None,
    include: Collection[str] = (),
) -> tuple[Tip, ...]:
    """The tips for `image`: largest saving first, unknown savings last. Two computed tips never count the same byte.

    `source` is its Dockerfile; without it, tips have no patch. Omits tips that save less than `minimum_saving_bytes`;
    ``None`` is the default minimum. `include` enables codes of `OPTIONAL_CODES`.
    """
    floor = minimum_saving(image.image.unpacked_bytes, minimum_saving_bytes)
    proposals = Proposals(image, source) if source is not None else None
    proposed = proposals.tips() if proposals is not None else ()
    unwanted = {code for code in OPTIONAL_CODES if code not in include} | {tip.code for tip in proposed if tip.change}
    found = [
        *rewritten_files(image.layers, image.waste),
        *permission_copies(image.layers, image.waste),
        *_in_files(context_of(image, source), floor, unwanted),
    ]
    if proposals is not None:
        codes = {tip.code for tip in found}
        # A tip with a known saving wins over a tip of the same code without one.
        found = [*proposals.with_changes(found), *(tip for tip in proposed if tip.change or tip.code not in codes)]
    worth = [tip for tip in found if _is_worth(tip, floor)]
    return tuple(sorted(worth, key=lambda tip: (-(tip.saved_bytes or 0), tip.code, tip.line or 0)))


def _in_files(context: TipContext, floor: int, unwanted: Collection[str]) -> list[Tip]:
    """The tips on files of the final filesystem. A tip below the minimum leaves its files to later families."""
    tips = []
    for code, family in _IN_FILES.items():
        if code in unwanted:
            continue
        found: list[FoundTip] = [one for one in family(context) if _is_worth(one.tip, floor)]
        tips += [one.tip for one in found]
        context = context.without(file for one in found for file in one.files)
    return tips


def _is_worth(tip: Tip, floor: int) -> bool:
    return tip.saved_bytes is None or tip.saved_bytes >= floor


def minimum_saving(unpacked_bytes: int, configured_bytes: int | None = None) -> int:
    """The minimum saving in bytes: as configured, otherwise 1 MB or 1 % of the image, but at least 10 kB."""
    if configured_bytes is not None:
        return configured_bytes
    return max(_LEAST_MINIMUM_BYTES, min(_DEFAULT_MINIMUM_BYTES, unpacked_bytes // 100))
