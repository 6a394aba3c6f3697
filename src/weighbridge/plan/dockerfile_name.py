"""Recognises file names of Dockerfiles, and derives image names from them."""

from __future__ import annotations

import posixpath
import re

_NOT_DOCKERFILES = (
    ".dockerignore .containerignore .gitignore .bak .orig .rej .swp .patch .diff",
    ".erb .in .j2 .jinja .jinja2 .mustache .template .tmpl .tpl .gotmpl .tera .ejs .em .mako .m4 .hbs",
    ".handlebars .liquid .tt .cue .jsonnet .njk .twig",
    ".md .mdx .txt .rst .adoc .html .pdf .png .svg .log",
    ".py .go .json .yaml .yml .toml .ts .tsx .jsx .sh .bash .ps1 .lock .hcl .xml .zip .gz .tar .tgz .sha256 .sum .rego",
)
"""Endings that are not image names: ignore files, editor backups, templates, texts, programs, data."""

_SOURCE_ENDINGS = (
    ".c .cc .cpp .cs .h .java .js .kt .lua .mjs .php .rb .rs .scala .swift .vim .el .snippets .ex .exs .dart"
)
"""Endings of programs about Dockerfiles: `dockerfile.java` is a program, but `Dockerfile.java` defines an image."""

_IGNORED_ENDINGS = tuple(ending for group in _NOT_DOCKERFILES for ending in group.split())
_IGNORED_LOWER_ENDINGS = tuple(_SOURCE_ENDINGS.split())
_NAME = re.compile(
    r"(?:(?P<before>.+)\.)?(?P<stem>dockerfile|containerfile)(?:[._-](?P<after>.+))?", re.IGNORECASE | re.DOTALL
)


def is_dockerfile(path: str) -> bool:
    """True for ``Dockerfile``, ``Dockerfile.NAME``, ``Dockerfile-NAME``, ``Dockerfile_NAME`` and ``NAME.Dockerfile``.

    The same holds for ``Containerfile``, in any letter case. False for an ignore file, and for a name with the ending
    of a template, a backup, a text or a program.
    """
    if "ockerfile" not in path and "ontainerfile" not in path and not path[-13:].lower().endswith("file"):
        return False  # most paths, and there may be many
    name = posixpath.basename(path)
    if name.endswith("~") or name.lower().endswith(_IGNORED_ENDINGS):
        return False
    match = _NAME.fullmatch(name)
    if match is None or (match["before"] and match["after"]):
        return False
    is_capital = match["stem"][0].isupper()
    return is_capital or not (match["after"] and name.endswith(_IGNORED_LOWER_ENDINGS))


def name_parts(file: str) -> tuple[str, str]:
    """The stem of a Dockerfile's file name as written, and the name that it gives its image; ``""`` without one."""
    match = _NAME.fullmatch(file)
    if match is None:
        return file, ""
    return match["stem"], match["before"] or match["after"] or ""
