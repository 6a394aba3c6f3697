"""The build context of a Dockerfile that no configuration names: found by looking at what it copies."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence

from weighbridge.domain.dockerfile import Dockerfile, Source
from weighbridge.errors import DockerfileError
from weighbridge.plan.globs import has_wildcards
from weighbridge.plan.ignore_file import IgnoreFile
from weighbridge.plan.tree import ROOT, Tree

_MAXIMUM_SOURCES = 1_000


def find_context(
    dockerfile: Dockerfile,
    tree: Tree,
    *,
    name: str,
    ignore_of: Callable[[str], IgnoreFile | None],
    target: str | None = None,
) -> str:
    """The folder that a build of `dockerfile` (its `path` is the path in `tree`) is given: ``.`` or a path.

    Its own folder, if everything that it copies from the context is there; else the repository's root, if everything
    is there. A glob may match nothing (BuildKit allows it), but decides where it matches. What cannot be known (a
    variable of the base image) decides nothing. `ignore_of` answers the ``.dockerignore`` in force for a context.
    Raises DockerfileError that names the missing source, its line, and the key to set for the image `name`.
    """
    own = posixpath.dirname(dockerfile.path) or ROOT
    sources = _deciding_sources(dockerfile, target)
    if own == ROOT:
        missing, _ = _look(tree, ROOT, sources, ignore_of(ROOT))
        if missing:
            raise DockerfileError(_not_found(dockerfile, missing[0], "is not in the repository", name))
        return ROOT
    missing_own, empty_own = _look(tree, own, sources, ignore_of(own))
    if not missing_own and not empty_own:
        return own
    missing_root, empty_root = _look(tree, ROOT, sources, ignore_of(ROOT))
    if not missing_own and (missing_root or len(empty_root) >= len(empty_own)):
        return own
    if not missing_root:
        return ROOT
    in_both = [source for source in missing_own if source in missing_root]
    if in_both:
        message = f"is neither in {own} nor in the repository's root"
        raise DockerfileError(_not_found(dockerfile, in_both[0], message, name))
    message = f"is not in {own}, and {missing_root[0].written} (line {missing_root[0].line}) is not in the root"
    raise DockerfileError(_not_found(dockerfile, missing_own[0], message, name))


def _deciding_sources(dockerfile: Dockerfile, target: str | None) -> Sequence[Source]:
    """What is copied from the context under a name that is known; each once."""
    found = {source.path: source for source in dockerfile.context_sources(target) if not source.unknown_variables}
    return list(found.values())[:_MAXIMUM_SOURCES]


def _look(
    tree: Tree, context: str, sources: Sequence[Source], ignore: IgnoreFile | None
) -> tuple[list[Source], list[Source]]:
    """The plain sources that are not in `context`, and the globs that match nothing there."""
    absent = [source for source in sources if not tree.has_source(context, source.path, ignore)]
    missing = [source for source in absent if not has_wildcards(source.path)]
    return missing, [source for source in absent if has_wildcards(source.path)]


def _not_found(dockerfile: Dockerfile, source: Source, message: str, name: str) -> str:
    verb = "the mount of" if source.is_mount else "the source"
    return (
        f"{dockerfile.path}:{source.line}: {verb} {source.written[:200]!r} {message} (git's files, without what"
        f" .dockerignore leaves out). Set images.{name}.context in .github/weighbridge.yml;"
        " a file that is made before the build has to be made there too."
    )
