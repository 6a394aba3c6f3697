"""Rules about what is fetched and stays: archives beside what came out of them, and the history of git clones."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import Instruction, Origin
from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.dockerfile.run_commands import RunCommand, RunScript
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.context import LintContext, inserted_after
from weighbridge.domain.lint.layer_files import cloned_to, downloaded_to
from weighbridge.domain.lint.model import LintFinding
from weighbridge.domain.lint.purpose import is_named_for_tests

_ARCHIVE = late_pattern(
    r".*\.(?:tar(?:\.\w+)?|t[gbx]z2?|zip|7z|gz|bz2|xz|zst|deb|rpm|whl|apk|run|jar\.gz)", re.IGNORECASE
)
_UNPACKERS = {
    "tar": _ARCHIVE,
    "bsdtar": _ARCHIVE,
    "unzip": _ARCHIVE,
    "7z": _ARCHIVE,
    "7za": _ARCHIVE,
    "dpkg": late_pattern(r".*\.deb"),
    "apt-get": late_pattern(r".*\.deb"),
    "apt": late_pattern(r".*\.deb"),
    "gdebi": late_pattern(r".*\.deb"),
    "rpm": late_pattern(r".*\.rpm"),
    "yum": late_pattern(r".*\.rpm"),
    "dnf": late_pattern(r".*\.rpm"),
    "pip": late_pattern(r".*\.whl"),
    "pip3": late_pattern(r".*\.whl"),
}
_UNPACKED_BY_ADD = late_pattern(r"\.(?:tar(?:\.\w+)?|t[gbx]z2?|tzst)$")
_ABOUT_ARCHIVE_BYTES = 50_000_000
_ABOUT_HISTORY_BYTES = 20_000_000
_PASSING_FOLDER = late_pattern(r"/tmp|/usr/src|/build|/src|/root|\.\.?|/var/tmp")  # noqa: S108 - paths inside of an image
_NEEDS_HISTORY = late_pattern(
    r"git (?:\S+ )*(?:checkout|describe|reset|log|rev-list|cherry-pick|merge|apply|bisect|fetch)\b"
)


def archive_kept(context: LintContext) -> Iterator[LintFinding]:
    """``archive-kept``: an archive that was unpacked and is never removed."""
    arrived: dict[str, Instruction] = {}
    for instruction in context.final_instructions:
        if instruction.name in {"COPY", "ADD"}:
            for source in instruction.sources:
                name = posixpath.basename(source.path.partition("?")[0])
                is_local = instruction.name == "ADD" and source.origin is not Origin.REMOTE
                is_unpacked = is_local and _UNPACKED_BY_ADD.search(name) is not None
                if _ARCHIVE.fullmatch(name) and not source.is_mount and not is_unpacked:
                    arrived[name] = instruction
                    written = instruction.expanded[-1] if instruction.expanded else ""
                    if _ARCHIVE.fullmatch(posixpath.basename(written)):
                        arrived[posixpath.basename(written)] = instruction
    for instruction, script in context.final_runs:
        fetched: dict[str, RunCommand] = {}
        for command in script.commands:
            if command.name in {"curl", "wget"}:
                name = posixpath.basename(downloaded_to(command) or "")
                if name:
                    fetched[name] = command
            unpacked = _unpacked(command)
            if unpacked is None:
                continue
            origin = fetched.get(unpacked)
            brought = arrived.get(unpacked)
            if (origin is None and brought is None) or _is_removed(context, unpacked, script):
                continue
            about = instruction if brought is None or origin is not None else brought
            yield _archive_finding(context, about, script, unpacked, origin)
            fetched.pop(unpacked, None)
            arrived.pop(unpacked, None)
        arrived |= dict.fromkeys(fetched, instruction)


def _unpacked(command: RunCommand) -> str | None:
    """The name of the archive that a command unpacks or installs from."""
    pattern = _UNPACKERS.get(command.name)
    if pattern is None:
        return None
    values = [word.value or word.source for word in command.arguments]
    if command.name in {"tar", "bsdtar"} and not any(
        re.match(r"-?[a-zA-Z]*x|--extract|--get", value) for value in values[:3]
    ):
        return None
    if command.name in {"apt-get", "apt", "yum", "dnf", "pip", "pip3"} and "install" not in values:
        return None
    for value in values:
        name = posixpath.basename(value.strip("\"'"))
        if "://" not in value and pattern.fullmatch(name):
            return name
    return None


def _is_removed(context: LintContext, name: str, script: RunScript) -> bool:
    """True if some ``RUN`` removes the archive: by name, by a pattern, or with a folder that may hold it."""
    ending = re.escape(name.rpartition(".")[2])
    for one, other in context.final_runs:
        del one
        for command in other.commands:
            if command.name not in {"rm", "mv", "find", "unlink"}:
                continue
            for word in command.arguments:
                source = word.source.strip("\"'")
                if posixpath.basename(source.rstrip("/")) == name or re.search(rf"\*(?:\.\w+)*\.?{ending}$", source):
                    return True
                if other is script and ("*" in source or "$" in source or _is_recursive(command)):
                    return True
    return False


def _is_recursive(command: RunCommand) -> bool:
    return any(re.match(r"-\w*[rR]|--recursive", value) for value in command.values)


def _archive_finding(
    context: LintContext, instruction: Instruction, script: RunScript, name: str, fetched: RunCommand | None
) -> LintFinding:
    edits: tuple[Edit, ...] = ()
    if fetched is not None:
        path = downloaded_to(fetched) or ""
        is_plain = re.fullmatch(r"/[\w./+-]+", path) is not None
        is_used_elsewhere = context.text.count(name) > context.source(instruction).count(name)
        if is_plain and not is_used_elsewhere and not fetched.is_nested:
            prefix = f"{fetched.prefix} " if fetched.prefix else ""
            edits = context.appended(instruction, script, f"{prefix}rm {path}")
        fix = f"Remove {name} at the end of the same RUN, or pipe the download into tar"
    elif instruction.name == "RUN" or any(one.origin is Origin.REMOTE for one in instruction.sources):
        fix = "Download, unpack and remove it in one RUN, or do this in a build stage and copy the result"
    else:
        mount = f"--mount=type=bind,source={name},target=/tmp/{name}"
        fix = f"Use it from a mount: RUN {mount} …; or do this in a build stage"
    return context.finding(
        LintCode.ARCHIVE_KEPT,
        Severity.WARNING,
        instruction,
        f"{name} stays in the image beside what came out of it",
        fix,
        edits=edits,
        is_safe=False,
        command=fetched,
        cause=f"archive-kept {name}",
        about_bytes=_ABOUT_ARCHIVE_BYTES,
    )


def git_history(context: LintContext) -> Iterator[LintFinding]:
    """``git-history``: ``git clone`` without ``--depth``, and its ``.git`` stays. Images of tests are not shipped."""
    if is_named_for_tests(context.dockerfile.path):
        return
    for instruction, script in context.final_runs:
        for number, command in enumerate(script.commands):
            if command.name != "git" or "clone" not in command.values:
                continue
            text = " ".join(command.values)
            if re.search(r"--depth|--shallow|--bare|--mirror|--filter|--help", text):
                continue
            folder = cloned_to(command)
            if _clone_is_removed(script, number, folder):
                continue
            clone = next(word for word in command.arguments if word.value == "clone")
            needs = _NEEDS_HISTORY.search(context.text) is not None
            yield context.finding(
                LintCode.GIT_HISTORY,
                Severity.WARNING,
                instruction,
                "git clone fetches the whole history, and its .git stays in the image",
                "Add --depth 1 (with --branch for a tag) and remove .git in the same RUN; or ADD the repository's URL "
                "(ADD https://…git#TAG /dir), which leaves .git out",
                edits=() if needs or command.is_nested else inserted_after(script, clone.end, "--depth 1"),
                is_safe=False,
                command=command,
                cause="git-history",
                about_bytes=_ABOUT_HISTORY_BYTES,
            )


def _clone_is_removed(script: RunScript, number: int, folder: str | None) -> bool:
    """True if the same ``RUN`` removes the clone or its ``.git`` afterwards."""
    name = posixpath.basename((folder or "").rstrip("/"))
    for command in script.commands[number + 1 :]:
        if command.name not in {"rm", "find", "mv"}:
            continue
        for word in command.arguments:
            source = word.source.strip("\"'").rstrip("/")
            if ".git" in source or (name and name in source) or "*" in source or "$" in source:
                return True
            if folder and (folder + "/").startswith(source + "/") and source not in {"", "/"}:
                return True
            if _PASSING_FOLDER.fullmatch(source):
                return True
    return False
