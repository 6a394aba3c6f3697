"""Selects the files whose whole content is cached with their layer, because later steps need it.

Package databases, user names, the loader's configuration: small, many, and requested one at a time. Keeping them
avoids a second access to the engine (a container and a request per file) or a second decompression of the layer.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from weighbridge.domain.packages.ecosystem import NeededFiles

MAX_KEPT_FILE_BYTES = 8 << 20
MAX_KEPT_LAYER_BYTES = 48 << 20
"""Limits the memory for one layer's kept files, however many match."""

_SYSTEM = NeededFiles(
    pattern=(
        r"etc/(?:passwd|group|nsswitch\.conf|os-release|alpine-release|debian_version)|usr/lib/os-release"
        r"|etc/ld\.so\.conf|etc/ld\.so\.conf\.d/[^/]+|etc/ld-musl-[^/]+\.path"
    ),
    beginnings=("etc/", "usr/lib/os-release"),
)
"""User names, the distribution, and the loader's configuration: the prediction of the start reads them."""


class _KeptNames(NamedTuple):
    """The names of the kept files: how they begin or end, and exactly. `folders` have the files that begin so."""

    beginnings: tuple[str, ...]
    folders: frozenset[str]
    endings: tuple[str, ...]
    pattern: re.Pattern[str]


@functools.cache
def _kept_names() -> _KeptNames:
    # Imported on use: an image from the cache has its kept files already.
    from weighbridge.domain.packages.find import ECOSYSTEMS  # noqa: PLC0415

    needed = (_SYSTEM, *(one.needed_files for one in ECOSYSTEMS if one.needed_files is not None))
    beginnings = tuple(beginning for one in needed for beginning in one.beginnings)
    return _KeptNames(
        beginnings=beginnings,
        folders=frozenset(beginning.rpartition("/")[0] for beginning in beginnings),
        endings=tuple(ending for one in needed for ending in one.endings),
        pattern=re.compile(rf"(?:{'|'.join(one.pattern for one in needed)})\Z", re.DOTALL),
    )


@functools.cache
def endings_of_kept_names() -> tuple[bytes, ...]:
    """How the names of kept files end, in most folders; see `may_keep_other_names`."""
    return tuple(ending.rpartition("/")[2].encode() for ending in _kept_names().endings)


def is_kept(path: str, size_bytes: int) -> bool:
    """True for a file whose whole content is cached with the layer."""
    # Called for every file of an image: the two plain comparisons decide nearly all of them.
    beginnings, _, endings, pattern = _kept_names()
    return (
        (path.startswith(beginnings) or path.endswith(endings))
        and size_bytes <= MAX_KEPT_FILE_BYTES
        and pattern.match(path) is not None
    )


def may_keep_other_names(folder: str) -> bool:
    """False for a folder whose kept files all have `endings_of_kept_names`. Decides for a whole folder at once."""
    kept = _kept_names()
    return folder in kept.folders or f"{folder}/".startswith(kept.beginnings)
