"""Finds the context of a Dockerfile that copies all of it: by the folder's files, and the files that it uses later."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from weighbridge.domain.dockerfile import Dockerfile, Instruction, Origin, Source
from weighbridge.plan.dockerfile_name import is_dockerfile
from weighbridge.plan.tree import ROOT, Tree, clean_source

_GO_SOURCES = "/go/src/"
_MAXIMUM_HINTS = 60
_MAXIMUM_LOOKED_AT = 500
_MAXIMUM_TEXT = 20_000

_MANIFESTS = (
    (re.compile(r"\b(?:npm|pnpm|yarn|bun)\b(?!\s+(?:install\s+)?(?:-g|--global))"), "package.json"),
    (re.compile(r"\bpnpm\b.*(?:\s-r\s|--filter|--recursive)"), "pnpm-workspace.yaml"),
    (re.compile(r"\bpnpm\b.*--frozen-lockfile"), "pnpm-lock.yaml"),
    (re.compile(r"\bnpm ci\b"), "package-lock.json"),
    (re.compile(r"\byarn\b.*(?:--frozen-lockfile|--immutable)"), "yarn.lock"),
    (re.compile(r"\bturbo\b"), "turbo.json"),
    (re.compile(r"\bnx\b"), "nx.json"),
    (re.compile(r"\bgo (?:build|mod download|test|generate)\b"), "go.mod"),
    (re.compile(r"\bcargo (?:build|install --path|chef|fetch)\b"), "Cargo.toml"),
    (re.compile(r"\bmvn\b|\./mvnw\b"), "pom.xml"),
    (re.compile(r"\./gradlew\b"), "gradlew"),
    (re.compile(r"\bbundle install\b"), "Gemfile"),
    (re.compile(r"\bcomposer install\b"), "composer.json"),
    (re.compile(r"\bmix (?:deps|compile|release)\b"), "mix.exs"),
    (re.compile(r"\b(?:poetry|uv) (?:install|sync|build)\b"), "pyproject.toml"),
    (re.compile(r"(?:^|&&|;)\s*(?:[A-Za-z_]\w*=\S*\s+)*make\b(?!\s+-C)"), "Makefile"),
)
_RELATIVE = re.compile(r"(?<![\w$/.}~-])(?:\./)?[A-Za-z_][\w.@-]*(?:/[\w.@-]+)+(?![\w$:{])|(?<![\w$/.}~-])\./[\w.@-]+")
_FILE = re.compile(
    r"(?<![\w$/.}~-])[\w-]+\.(?:txt|toml|lock|csproj|sln|gemspec|sh|py|js|ts|json|cfg|xml|conf)(?![\w/:.-])"
)
_NAMES = (
    "docker .docker dockerfiles dockerfile container containers image images build builds deploy deployment",
    "deployments infra ci .ci hack packaging package scripts tools ops devops release dist etc .github k8s",
    "kubernetes compose config",
)
_FOLDERS_OF_DOCKERFILES = frozenset(name for names in _NAMES for name in names.split())


def holds_only_dockerfiles(tree: Tree, folder: str) -> bool:
    """True if `folder` holds only Dockerfiles, their ignore files and texts about them."""
    for number, path in enumerate(tree.paths_below(folder)):
        name = posixpath.basename(path)
        is_about_them = (
            name.endswith(".dockerignore") or name.lower().startswith("readme") or name in {".gitignore", ".gitkeep"}
        )
        if not is_dockerfile(path) and not is_about_them:
            return False
        if number >= _MAXIMUM_LOOKED_AT:
            return False
    return True


def is_folder_of_dockerfiles(folder: str) -> bool:
    """True for a folder with a usual name for Dockerfiles that are kept apart from their sources."""
    return any(part.lower() in _FOLDERS_OF_DOCKERFILES for part in folder.split("/"))


def is_started(dockerfile: Dockerfile, source: Source, target: str | None) -> bool:
    """True if `source`, taken as a file, is the program that the container starts."""
    name, written = posixpath.basename(source.path.rstrip("/")), source.destination
    if written is None or source.is_mount:
        return False
    for stage in dockerfile.reachable_stages(target):
        workdir = "/"
        places: set[str] = set()
        for one in stage.instructions:
            if one.name == "WORKDIR" and one.expanded:
                workdir = posixpath.normpath(posixpath.join(workdir, one.expanded[0]))
            elif any(each == source for each in one.sources):
                path = posixpath.normpath(posixpath.join(workdir, written))
                into = written.endswith("/") or written == "." or len(one.sources) > 1
                places = {posixpath.normpath(posixpath.join(path, name))} if into else {path}
            elif one.name in {"CMD", "ENTRYPOINT"} and one.args:
                program = one.args[0].split()[:1]
                if program and posixpath.normpath(posixpath.join(workdir, program[0])) in places:
                    return True
    return False


def files_of_commands(dockerfile: Dockerfile, target: str | None) -> tuple[str, ...]:
    """Files and folders, relative to the context, that commands use after the Dockerfile copies the whole context.

    They are only hints: a command may also create such a file, or change the folder.
    """
    found: dict[str, None] = {}
    for stage in dockerfile.reachable_stages(target):
        workdir, copied_to = "/", None
        for one in stage.instructions:
            if one.name == "WORKDIR" and one.expanded:
                workdir = posixpath.normpath(posixpath.join(workdir, one.expanded[0]))
                if copied_to is not None and workdir.startswith(f"{copied_to.rstrip('/')}/"):
                    found[workdir[len(copied_to.rstrip("/")) + 1 :]] = None
            elif one.name in {"COPY", "ADD"}:
                copied_to = _whole_destination(one, workdir) or copied_to
            elif one.name in {"RUN", "CMD", "ENTRYPOINT"} and copied_to is not None:
                inside = workdir[len(copied_to.rstrip("/")) :].strip("/") if workdir.startswith(copied_to) else None
                if inside is not None:
                    found.update(dict.fromkeys(posixpath.join(inside, path) for path in _used(one)))
                found.update(dict.fromkeys(_used_below(one, copied_to)))
        if len(found) > _MAXIMUM_HINTS:
            break
    return tuple(clean for path in list(found)[:_MAXIMUM_HINTS] if (clean := clean_source(path)) != ROOT)


def _whole_destination(instruction: Instruction, workdir: str) -> str | None:
    """The destination of a copy of the whole context; ``None`` for any other copy."""
    for source in instruction.sources:
        if source.origin is Origin.CONTEXT and clean_source(source.path) == ROOT and source.destination is not None:
            return posixpath.normpath(posixpath.join(workdir, source.destination))
    return None


def _used_below(instruction: Instruction, folder: str) -> Iterator[str]:
    """The paths that a command names below `folder`, also as a Go package of the folder below ``/go/src``."""
    if folder == "/":
        return
    names = [folder, folder.removeprefix(_GO_SOURCES)] if folder.startswith(_GO_SOURCES) else [folder]
    text = _text(instruction)
    for name in names:
        for match in re.finditer(rf"(?<![\w.$}}/-]){re.escape(name)}/([\w@-][\w./@-]*)", text):
            yield match[1].rstrip("/.")


def _text(instruction: Instruction) -> str:
    return " ".join((*instruction.args, *(one.content for one in instruction.heredocs)))[:_MAXIMUM_TEXT]


def _used(instruction: Instruction) -> Iterator[str]:
    text = _text(instruction)
    for pattern, manifest in _MANIFESTS:
        if pattern.search(text):
            yield manifest
    for pattern in (_RELATIVE, _FILE):
        for match in pattern.finditer(text):
            yield match[0]
