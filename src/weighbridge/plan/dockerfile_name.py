"""Which file names are those of Dockerfiles."""

from __future__ import annotations

import posixpath

_NOT_DOCKERFILES = (
    ".dockerignore",
    ".bak .erb .in .j2 .jinja .jinja2 .md .mustache .orig .patch .py .rej .swp .template .tmpl .tpl .txt",
)
"""Endings behind ``Dockerfile.`` that are no image's name: ignore files, templates, left-overs of editors, texts."""

_LAST_LETTERS = ("dockerfile", "containerfile")
_IGNORED_ENDINGS = tuple(ending for group in _NOT_DOCKERFILES for ending in group.split())


def is_dockerfile(path: str) -> bool:
    """True for ``Dockerfile``, ``Dockerfile.NAME``, ``NAME.Dockerfile`` and the same with ``Containerfile``.

    Not for ``*.dockerignore``, nor for a ``Dockerfile.NAME`` whose ending says that it is a template or a left-over.
    """
    if not path[-13:].lower().endswith(_LAST_LETTERS) and "ockerfile." not in path and "ontainerfile." not in path:
        return False  # most paths, and there may be very many
    name = posixpath.basename(path)
    if name.endswith("~") or name.lower().endswith(_IGNORED_ENDINGS):
        return False
    stem = name.partition(".")[0]
    return stem in {"Dockerfile", "Containerfile"} or (
        name.lower().endswith(".dockerfile") and len(name) > len(".dockerfile")
    )
