"""Paths of a layer's entries: how a name in the tar becomes a path in the layer."""

from __future__ import annotations

import re

WHITEOUT_PREFIX = ".wh."
MAX_PATH_COMPONENTS = 256
"""Limit on path depth: keeps every step that walks the parents of a file linear in the number of files."""

_NOT_NORMAL = re.compile(r"(?:^|/)\.{0,2}(?:/|$)")


def normalised_path(name: bytes) -> str:
    """`name` without leading and trailing slashes, ``.`` and ``..`` parts; ``""`` for the root directory.

    ``a/../b`` is ``b``. ``../b`` is ``b`` too: docker, containerd and umoci unpack below the root, which is its own
    parent.
    """
    path = name.decode("utf-8", "surrogateescape").removeprefix("./").removesuffix("/")
    # Most names have none of these texts, which are found faster than the pattern.
    if "/." not in path and "//" not in path and not path.startswith((".", "/")) and not path.endswith("/"):
        return path
    if not _NOT_NORMAL.search(path):
        return path
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def is_normal(path: str) -> bool:
    """True if `normalised_path` can return `path`."""
    return not path or not _NOT_NORMAL.search(path)
