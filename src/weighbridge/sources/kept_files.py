"""Selects the files whose whole content is cached with their layer, because later steps need it.

Package databases, user names, the loader's configuration: small, many, and requested one at a time. Keeping them
avoids a second access to the engine (a container and a request per file) or a second decompression of the layer.
"""

from __future__ import annotations

import re

from weighbridge.domain.packages.ecosystem import NeededFiles
from weighbridge.domain.packages.find import ECOSYSTEMS

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

_NEEDED = (_SYSTEM, *(one.needed_files for one in ECOSYSTEMS if one.needed_files is not None))
_PATTERN = re.compile(rf"(?:{'|'.join(one.pattern for one in _NEEDED)})\Z", re.DOTALL)
_BEGINNINGS = tuple(beginning for one in _NEEDED for beginning in one.beginnings)
_ENDINGS = tuple(ending for one in _NEEDED for ending in one.endings)

ENDINGS_OF_KEPT_NAMES = tuple(ending.rpartition("/")[2].encode() for ending in _ENDINGS)
"""How the names of kept files end, in most folders; see `may_keep_other_names`."""


def is_kept(path: str, size_bytes: int) -> bool:
    """True for a file whose whole content is cached with the layer."""
    # Called for every file of an image: the two plain comparisons decide nearly all of them.
    return (
        (path.startswith(_BEGINNINGS) or path.endswith(_ENDINGS))
        and size_bytes <= MAX_KEPT_FILE_BYTES
        and _PATTERN.match(path) is not None
    )


def may_keep_other_names(folder: str) -> bool:
    """False for a folder whose kept files all have `ENDINGS_OF_KEPT_NAMES`. Decides for a whole folder at once."""
    start = f"{folder}/"
    return any(start.startswith(one) or one.rpartition("/")[0] == folder for one in _BEGINNINGS)
