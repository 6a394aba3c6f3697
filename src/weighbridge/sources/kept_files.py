"""Selects the files whose whole content is cached with their layer, because later steps need it.

Package databases, user names, the loader's configuration: small, many, and requested one at a time. Keeping them
avoids a second access to the engine (a container and a request per file) or a second decompression of the layer.
"""

from __future__ import annotations

import re

MAX_KEPT_FILE_BYTES = 8 << 20
MAX_KEPT_LAYER_BYTES = 48 << 20
"""Limits the memory for one layer's kept files, however many match."""

_KEPT = re.compile(
    r"""
      etc/(?:passwd|group|nsswitch\.conf|os-release|alpine-release|debian_version|apk/world)\Z
    | etc/ld\.so\.conf\Z | etc/ld\.so\.conf\.d/[^/]+\Z | etc/ld-musl-[^/]+\.path\Z
    | usr/lib/os-release\Z
    | (?:usr/)?lib/apk/db/installed\Z
    | var/lib/dpkg/(?:status|status\.d/[^/]+|diversions|info/[^/]+\.(?:list|md5sums))\Z
    | (?:.*/)?[^/]+\.(?:dist-info|egg-info)/(?:METADATA|RECORD|PKG-INFO)\Z
    | (?:.*/)?node_modules/(?:@[^/]+/)?[^/]+/package\.json\Z
    """,
    re.VERBOSE | re.DOTALL,
)

_BEGINNINGS = ("etc/", "usr/lib/os-release", "lib/apk/", "usr/lib/apk/", "var/lib/dpkg/")
_ENDINGS = ("/METADATA", "/RECORD", "/PKG-INFO", "/package.json")


def is_kept(path: str, size_bytes: int) -> bool:
    """True for a file whose whole content is cached with the layer."""
    # Called for every file of an image: the two plain comparisons decide nearly all of them.
    return (
        (path.startswith(_BEGINNINGS) or path.endswith(_ENDINGS))
        and size_bytes <= MAX_KEPT_FILE_BYTES
        and _KEPT.match(path) is not None
    )
