"""``weighbridge lint``: finds and reads Dockerfiles, runs the rules, and applies their fixes.

Needs no engine and no network, only files, and git for ignored files.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import MAXIMUM_DOCKERFILE_BYTES, parse_dockerfile
from weighbridge.domain.dockerfile.edits import EditSet, apply_edits
from weighbridge.domain.dockerfile.template import template_syntax
from weighbridge.domain.gate.ignores import Ignore
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.linted import LintedFile
from weighbridge.domain.lint.model import LintFinding, LintSettings, Surroundings
from weighbridge.domain.lint.rules import lint_dockerfile, merged_findings
from weighbridge.errors import DockerfileError, ExitCode, UsageError, worst

_MAXIMUM_DOCKERFILES = 10_000
_MAXIMUM_PASSES = 5
_SEVERITIES = (Severity.INFO, Severity.WARNING, Severity.ERROR)
_MAXIMUM_ADJACENT_BYTES = 262_144
_ADJACENT_FILES = frozenset([".yarnrc.yml", "package.json", "yarn.lock"])
_NOT_LINTED = frozenset(["vendored", "test data"])
"""Dockerfiles that are no images of the repository. Those of a folder are named and not linted."""
_COPIES_ALL = late_pattern(r"(?:COPY|ADD)\b.*\s\./?\s", re.IGNORECASE)
_PLACE = late_pattern(r":(\d{1,7}): (.*)", re.DOTALL)


class LintRequest(NamedTuple):
    """The files to lint. `paths` are files and folders. `exclude` has globs for the files of folders."""

    paths: Sequence[str | os.PathLike[str]]
    settings: LintSettings
    ignores: Sequence[Ignore] = ()
    exclude: Sequence[str] = ()
    fix: bool = False
    unsafe_fixes: bool = False


def lint_paths(request: LintRequest) -> tuple[LintedFile, ...]:
    """Lint the Dockerfiles among and below the paths, in order.

    A file that does not parse has one finding with the code ``dockerfile-error``. Raises UsageError if a path cannot be
    read, GitError if git cannot list the files.
    """
    not_linted: dict[str, str | None] = {}  # each file with the reason why no rule reads it
    for path in map(_plain_path, request.paths or [os.curdir]):
        for file, reason in _files_below(path, request.exclude) if os.path.isdir(path) else [(path, None)]:
            not_linted[file] = reason
            if len(not_linted) > _MAXIMUM_DOCKERFILES:
                raise UsageError(f"{path}: more than {_MAXIMUM_DOCKERFILES} Dockerfiles. Name smaller folders.")
    return tuple(
        LintedFile(path=path, text="", findings=(), not_linted=f"{reason}. Name the file to lint it")
        if reason is not None
        else _lint_file(path, request)
        for path, reason in not_linted.items()
    )


def exit_code_of_lint(files: Sequence[LintedFile], fail_level: Severity | None) -> ExitCode:
    """`GATE_CLOSED` for a finding at or above `fail_level` (``None``: never), `BUILD_FAILED` if a file does not parse.

    A file that does not parse counts at every level. Ignored findings never count.
    """
    codes = []
    for finding in (finding for file in files for finding in file.findings):
        if finding.code == LintCode.DOCKERFILE_ERROR:
            codes.append(ExitCode.BUILD_FAILED)
        elif fail_level is None or finding.ignored_because is not None:
            continue
        elif _SEVERITIES.index(finding.severity) >= _SEVERITIES.index(fail_level):
            codes.append(ExitCode.GATE_CLOSED)
    return worst(codes)


def folders_up(folder: str) -> Iterator[str]:
    """`folder` and the folders that it is in, the nearest first."""
    while True:
        yield folder
        above = os.path.dirname(folder)
        if above == folder:
            return
        folder = above


# --- files --------------------------------------------------------------------------------------------------------


def _plain_path(path: str | os.PathLike[str]) -> str:
    """`path` without ``.`` and repeated slashes. ``..`` stays: the folder before it may be a symlink."""
    text = os.fspath(path)
    parts = "/".join(part for part in text.split("/") if part not in {"", "."})
    return f"/{parts}" if text.startswith("/") else parts or "."


def _dockerfiles_below(folder: str, exclude: Sequence[str]) -> Iterator[str]:
    """The Dockerfiles below `folder`, relative to it, that git does not ignore; outside a repository, all of them.

    Never follows symlinks, because they could leave the folder.
    """
    from weighbridge.plan.dockerfile_name import is_dockerfile  # noqa: PLC0415 - only a folder needs it

    inside = os.path.realpath(folder)
    known = _unignored_paths(folder) if _is_in_repository(inside) else None
    for relative in sorted(filter(is_dockerfile, known)) if known is not None else _walk(folder, is_dockerfile):
        file = os.path.join(folder, relative)
        is_own = os.path.realpath(file) == os.path.join(inside, relative)
        if is_own and os.path.isfile(file) and not _is_excluded(relative, exclude):
            yield relative


def _files_below(folder: str, exclude: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """The Dockerfiles below `folder`, each with the reason why no rule reads it (``None``: the rules read it)."""
    from weighbridge.plan.left_out import left_out  # noqa: PLC0415 - only a folder needs it

    for relative in _dockerfiles_below(folder, exclude):
        reason = left_out(relative)
        yield _plain_path(os.path.join(folder, relative)), reason if reason in _NOT_LINTED else None


def _unignored_paths(folder: str) -> Sequence[str] | None:
    from pathlib import Path  # noqa: PLC0415 - only a folder needs git

    from weighbridge.plan.git import unignored_paths  # noqa: PLC0415 - only a folder needs git

    return unignored_paths(Path(folder))


def _is_excluded(path: str, globs: Sequence[str]) -> bool:
    if not globs:
        return False
    from weighbridge.domain.globs import match_path  # noqa: PLC0415 - only a configuration has globs

    return any(match_path(glob, path) for glob in globs)


def _is_in_repository(folder: str) -> bool:
    return any(os.path.exists(os.path.join(one, ".git")) for one in folders_up(folder))


def _walk(folder: str, is_wanted: Callable[[str], bool]) -> Iterator[str]:
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(filter(is_wanted, names)):
            yield os.path.relpath(os.path.join(where, name), folder)


def _read(path: str) -> str:
    """The text of a file. Replaces bytes that are not UTF-8. The parser reports a file that is too long."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise UsageError(f"{path}: not a regular file.")
        with open(path, "rb") as file:
            return file.read(4 * MAXIMUM_DOCKERFILE_BYTES + 1).decode("utf-8", "replace")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}.") from error


# --- linting ------------------------------------------------------------------------------------------------------


def _lint_file(path: str, request: LintRequest) -> LintedFile:
    text = _read(path)
    placeholder = template_syntax(text)
    if placeholder is not None:
        return LintedFile(path=path, text=text, findings=(), not_linted=f"looks like a template ({placeholder})")
    surroundings = _surroundings(path, text)
    findings = _findings(path, text, request, surroundings)
    linted = LintedFile(path=path, text=text, findings=findings)
    if not request.fix or not any(_is_wanted(finding, request) for finding in findings):
        return linted
    if os.path.islink(path):
        return linted._replace(not_fixed="it is a symlink. Name the file that it points to")
    if "\ufffd" in text:
        return linted._replace(not_fixed="it is not UTF-8")
    fixed = _fix(linted, request, surroundings)
    if fixed.text != text:
        _write(path, fixed.text)
    return fixed


def _findings(name: str, text: str, request: LintRequest, surroundings: Surroundings) -> tuple[LintFinding, ...]:
    try:
        dockerfile = parse_dockerfile(text, path=name)
    except DockerfileError as error:
        place = _PLACE.fullmatch(str(error).removeprefix(name))
        line, message = (int(place[1]), place[2]) if place else (1, str(error).removeprefix(f"{name}: "))
        return (
            LintFinding(
                code=LintCode.DOCKERFILE_ERROR,
                severity=Severity.ERROR,
                line=line,
                end_line=line,
                message=message,
                fix="Correct it first: no builder reads this file as it stands",
            ),
        )
    reasons = {one.code: one.reason for one in reversed(request.ignores)}
    found = lint_dockerfile(text, dockerfile, request.settings, surroundings=surroundings)
    if reasons:
        found = tuple(
            finding._replace(ignored_because=finding.ignored_because or reasons.get(finding.code)) for finding in found
        )
    return merged_findings(found)


def _surroundings(path: str, text: str) -> Surroundings:
    """The facts on the Dockerfile's folder that the rules need for `text`. Unreadable files count as missing."""
    folder = os.path.dirname(path)
    names: frozenset[str] = frozenset()
    if "npm" in text or "yarn" in text:
        names = frozenset(name for name in _ADJACENT_FILES if os.path.lexists(os.path.join(folder, name)))
    return Surroundings(
        names=names,
        package_json=_read_adjacent(os.path.join(folder, "package.json")) if "package.json" in names else None,
        yarn_lock=_read_adjacent(os.path.join(folder, "yarn.lock"), limit_bytes=500) if "yarn.lock" in names else None,
        has_ignore_file=_COPIES_ALL.search(text) is None or _has_ignore_file(path),
        cargo_toml=_read_adjacent(os.path.join(folder, "Cargo.toml")) if "cargo" in text else None,
        is_below_root=_COPIES_ALL.search(text) is not None and _is_below_root(path),
    )


def _read_adjacent(path: str, limit_bytes: int = _MAXIMUM_ADJACENT_BYTES) -> str | None:
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        with open(path, "rb") as file:
            return file.read(limit_bytes).decode("utf-8", "replace")
    except OSError:
        return None


def _is_below_root(path: str) -> bool:
    """True if the Dockerfile stands in a folder of a repository that is not its root."""
    folder = os.path.realpath(os.path.dirname(path))
    return not os.path.exists(os.path.join(folder, ".git")) and _is_in_repository(folder)


def _has_ignore_file(path: str) -> bool:
    """True if the Dockerfile has its own ignore file, or if its folder or a parent in the repository has one."""
    if os.path.exists(f"{path}.dockerignore"):
        return True
    for folder in folders_up(os.path.realpath(os.path.dirname(path))):
        if os.path.exists(os.path.join(folder, ".dockerignore")):
            return True
        if os.path.exists(os.path.join(folder, ".git")):
            return False
    return False


# --- fixing -------------------------------------------------------------------------------------------------------


def _is_wanted(finding: LintFinding, request: LintRequest) -> bool:
    return bool(finding.edits) and finding.ignored_because is None and (finding.is_safe or request.unsafe_fixes)


def _fix(linted: LintedFile, request: LintRequest, surroundings: Surroundings) -> LintedFile:
    """The file after its fixes, in several passes, because edits at one place must not overlap."""
    for _ in range(_MAXIMUM_PASSES):
        chosen = EditSet()
        done = [one for one in linted.findings if _is_wanted(one, request) and chosen.add(one.edits)]
        if not done:
            break
        text = apply_edits(linted.text, chosen.edits)
        findings = _findings(linted.path, text, request, surroundings)
        if any(finding.code == LintCode.DOCKERFILE_ERROR for finding in findings):
            return linted._replace(not_fixed="the result would not parse")
        linted = linted._replace(text=text, findings=findings, fixed=(*linted.fixed, *done))
    return linted


def _write(path: str, text: str) -> None:
    """Overwrite the file in place. Keeps its mode and owner, and follows no symlink."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}.") from error
