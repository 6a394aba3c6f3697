"""Reads all manifests and lock files of a repository that apply to one image."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from weighbridge.domain.declarations import json_files, line_files, toml_files, xml_files
from weighbridge.domain.declarations.model import Declaration, Declarations, Reader
from weighbridge.domain.declarations.requirements import included_files, read_requirements
from weighbridge.domain.packages.model import Ecosystem

MAX_FILES = 500
MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
"""Maximum size of a file that people write; lock files may have `MAX_FILE_BYTES`."""
MAX_TOTAL_BYTES = 192 * 1024 * 1024
MAX_DECLARATIONS = 200_000

_READERS: tuple[tuple[str, Reader], ...] = (
    (r"[^/]*requirements[^/]*\.(?:txt|in)", read_requirements),
    (r"(?:.*/)?requirements/[^/]+\.(?:txt|in)", read_requirements),
    (r"[^/]*constraints?[^/]*\.txt", read_requirements),
    (r"pyproject\.toml", toml_files.read_pyproject),
    (r"(?:uv|poetry|pdm)\.lock", toml_files.lock_reader(Ecosystem.PYTHON)),
    (r"Pipfile", toml_files.read_pipfile),
    (r"Pipfile\.lock", json_files.read_pipenv_lock),
    (r"setup\.cfg", line_files.read_setup_cfg),
    (r"setup\.py", line_files.read_setup_py),
    (r"environment[^/]*\.ya?ml", line_files.read_conda_environment),
    (r"package\.json", json_files.read_package_json),
    (r"(?:package-lock|npm-shrinkwrap)\.json", json_files.read_npm_lock),
    (r"yarn\.lock", line_files.read_yarn_lock),
    (r"pnpm-lock\.ya?ml", line_files.read_pnpm_lock),
    (r"bun\.lock", json_files.read_bun_lock),
    (r"bun\.lockb", json_files.refuse_bun_binary_lock),
    (r"pnpm-workspace\.ya?ml|\.yarnrc\.yml", line_files.read_catalogs),
    (r"go\.mod", line_files.read_go_mod),
    (r"Cargo\.toml", toml_files.read_cargo_manifest),
    (r"Cargo\.lock", toml_files.lock_reader(Ecosystem.CARGO)),
    (r"Gemfile|gems\.rb", line_files.read_gemfile),
    (r"(?:Gemfile|gems)\.lock(?:ed)?", line_files.read_gem_lock),
    (r"composer\.json", json_files.read_composer_json),
    (r"composer\.lock", json_files.read_composer_lock),
    (r"pom\.xml", xml_files.read_pom),
    (r"[^/]+\.gradle(?:\.kts)?", xml_files.read_gradle),
    (r"libs\.versions\.toml", toml_files.read_gradle_catalogue),
    (r"[^/]+\.(?:cs|fs|vb)proj|Directory\.(?:Packages|Build)\.props", xml_files.read_msbuild),
    (r"packages\.lock\.json", json_files.read_nuget_lock),
)
"""Readers by file name. A new kind of file needs one reader and one line here."""

_NO_READERS: Mapping[str, Reader] = {}
_MAY_BE_LONG = re.compile(r"lock|shrinkwrap|\.txt\Z")
_PATTERNS = tuple((re.compile(rf"(?:.*/)?(?:{name})\Z", re.DOTALL), reader) for name, reader in _READERS)


def reader_of(path: str) -> Reader | None:
    """The reader for the file at `path`; ``None`` if it is not a manifest."""
    return next((reader for pattern, reader in _PATTERNS if pattern.match(path)), None)


def read_declarations(
    paths: Iterable[str], read: Callable[[str], bytes | None], readers: Mapping[str, Reader] = _NO_READERS
) -> Declarations:
    """The declarations of the manifests at `paths`, and of the files that they include.

    `readers` are for files that a command names; any other file without a reader for its name counts as a requirements
    file. `read` returns the content of a file of the repository, up to `MAX_FILE_BYTES` plus one byte, or ``None`` if
    it is missing. Everything has limits; a note names the files that exceed one.
    """
    found: list[Declaration] = []
    notes: list[str] = []
    waiting = list(paths)
    seen: set[str] = set()
    total_bytes = 0
    while waiting:
        path = waiting.pop(0)
        if path in seen:
            continue
        if len(seen) >= MAX_FILES:
            notes.append(f"more than {MAX_FILES} manifests: the rest is not read")
            break
        seen.add(path)
        content = read(path)
        if content is None:
            continue
        total_bytes += len(content)
        limit_bytes = MAX_FILE_BYTES if _MAY_BE_LONG.search(path) else MAX_MANIFEST_BYTES
        if len(content) > limit_bytes or total_bytes > MAX_TOTAL_BYTES:
            notes.append(f"{path}: not read: it exceeds the limit of {limit_bytes} bytes for such a file")
            continue
        text = content.decode("utf-8", "replace")
        reader = readers.get(path) or reader_of(path) or read_requirements
        left = MAX_DECLARATIONS - len(found)
        try:
            for declaration in reader(path, text):
                found.append(declaration)
                left -= 1
                if left <= 0:
                    notes.append(f"{path}: more than {MAX_DECLARATIONS} declarations: the rest is not read")
                    return Declarations(found=tuple(found), notes=tuple(notes))
        except (ValueError, RecursionError) as error:
            notes.append(f"{path}: not read: {str(error)[:200]}")
        if reader is read_requirements:
            waiting += included_files(path, text)
    return Declarations(found=tuple(found), notes=tuple(notes))
