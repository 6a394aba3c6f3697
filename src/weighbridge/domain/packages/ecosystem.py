"""What an ecosystem's module tells of itself: how its packages are found, and which files that needs.

`find.py` lists the ecosystems. A new one is a module, its name in `Ecosystem`, and a line there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from weighbridge.domain.packages.model import Ecosystem
from weighbridge.domain.packages.owners import PackageOwners


@dataclass(frozen=True, kw_only=True, slots=True)
class NeededFiles:
    """Files that are read in every image, so that their content is stored when their layer is read.

    `pattern` is a regular expression of whole paths without a leading slash. Each of its paths has one of the
    `beginnings` or `endings`: these are compared first, because all files of an image are.
    """

    pattern: str
    beginnings: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageEcosystem:
    """One ecosystem of packages.

    `find` adds its packages and their files. `url_type` is its type in package URLs; `has_namespaces` is true if a
    URL's namespace is part of the name, which the namespace of a distribution is not.
    """

    name: Ecosystem
    find: Callable[[PackageOwners], None]
    url_type: str
    has_namespaces: bool = False
    needed_files: NeededFiles | None = None
