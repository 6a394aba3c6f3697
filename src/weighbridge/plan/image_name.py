"""Names images that are known only by the path of their Dockerfile."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from weighbridge.plan.dockerfile_name import name_parts


def name_dockerfiles(paths: Iterable[str], *, repository_name: str, taken: Iterable[str] = ()) -> dict[str, str]:
    """A unique name for each Dockerfile: its folder, plus ``/NAME`` for ``Dockerfile.NAME`` and ``NAME.Dockerfile``.

    At the root, the repository's name replaces the folder. If two names are equal, the plainer file keeps the name and
    the other file gets its whole path.
    """
    used = set(taken)
    names: dict[str, str] = {}
    for path in sorted(paths, key=_plainness):
        name = _plain_name(path, repository_name)
        if name in used:
            name = path
        number = 2
        while name in used:
            name = f"{path} ({number})"
            number += 1
        used.add(name)
        names[path] = name
    return names


def _plain_name(path: str, repository_name: str) -> str:
    folder, _, file = path.rpartition("/")
    _, own = name_parts(file)
    return "/".join(part for part in (folder or repository_name, own) if part)


def _plainness(path: str) -> tuple[int, int, str]:
    """Precedence for a name: a bare Dockerfile, ``Dockerfile.NAME``, ``NAME.Dockerfile``, then Containerfiles."""
    file = posixpath.basename(path)
    stem, own = name_parts(file)
    if not file.startswith(stem):
        kind = 2
    elif stem.lower() == "containerfile":
        kind = 3
    else:
        kind = 0 if not own else 1
    return kind, path.count("/"), path
