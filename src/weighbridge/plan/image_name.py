"""What an image is called that nothing but its Dockerfile's path names."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable


def name_dockerfiles(paths: Iterable[str], *, repository_name: str, taken: Iterable[str] = ()) -> dict[str, str]:
    """A unique name for each Dockerfile: its folder, plus ``/NAME`` for ``Dockerfile.NAME`` and ``NAME.Dockerfile``.

    At the root, the repository's name stands for the folder. Where two would be called alike, the plainer one has the
    name and the other is called by its whole path.
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
    stem, _, suffix = file.partition(".")
    own = suffix if stem in {"Dockerfile", "Containerfile"} else file[: -len(".dockerfile")]
    return "/".join(part for part in (folder or repository_name, own) if part)


def _plainness(path: str) -> tuple[int, int, str]:
    """Who keeps a name: a bare Dockerfile, then ``Dockerfile.NAME``, then ``NAME.Dockerfile``, then Containerfiles."""
    file = posixpath.basename(path)
    stem, _, suffix = file.partition(".")
    kinds = {"Dockerfile": 0 if not suffix else 1, "Containerfile": 3}
    return kinds.get(stem, 2), path.count("/"), path
