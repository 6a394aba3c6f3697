"""Finds the Dockerfiles of a tree that count, by name and by the globs of the configuration."""

from __future__ import annotations

from collections.abc import Mapping

from weighbridge.config import DEFAULT_CONFIG, Discover
from weighbridge.domain.globs import match_path
from weighbridge.errors import ConfigError
from weighbridge.plan.dockerfile_name import is_dockerfile
from weighbridge.plan.git import EntryType
from weighbridge.plan.left_out import is_left_out
from weighbridge.plan.tree import Tree

_MAXIMUM_DOCKERFILES = 10_000


def counted_dockerfiles(tree: Tree, discover: Discover, origins: Mapping[str, str]) -> set[str]:
    """The Dockerfiles of a tree that count. One that moves into an excluded folder stays (`origins`)."""
    found = {
        path
        for path in all_dockerfiles(tree, discover)
        if not is_left_out(discover, path) or not is_left_out(discover, origins.get(path, path))
    }
    # A Dockerfile that moves to an excluded path stays an image too.
    found |= {
        path
        for path, origin in origins.items()
        if path in tree.entries and is_dockerfile(path) and is_dockerfile(origin) and is_wanted(discover, origin)
        if not is_left_out(discover, origin)
    }
    # BuildKit builds `dockerfile` only if there is no `Dockerfile` in the same folder.
    found -= {path for path in found if _named_in_lower_case(path) and f"{path[:-10]}Dockerfile" in found}
    if len(found) > _MAXIMUM_DOCKERFILES:
        raise ConfigError(
            f"{len(found)} Dockerfiles exceed the limit of {_MAXIMUM_DOCKERFILES} for one run."
            f" Exclude some: discover.exclude in {DEFAULT_CONFIG}."
        )
    return found


def _named_in_lower_case(path: str) -> bool:
    return path.rpartition("/")[2] == "dockerfile"


def all_dockerfiles(tree: Tree, discover: Discover) -> list[str]:
    """The Dockerfiles of a tree that the configuration includes, also in folders that are excluded by default."""
    return [
        path
        for path, entry in tree.entries.items()
        if is_dockerfile(path) and entry.type is not EntryType.SUBMODULE and is_wanted(discover, path)
    ]


def is_wanted(discover: Discover, path: str) -> bool:
    """True if the globs of the configuration include the path of a Dockerfile."""
    if discover.include and not any(match_path(glob, path) for glob in discover.include):
        return False
    return not any(match_path(glob, path) for glob in discover.exclude)
