"""Checks of the command line and the tools around it: swallowed arguments, a file instead of a directory, no shell."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.context import CheckContext, finding
from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.image.origins import history_text
from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.start.predict import Starts
from weighbridge.domain.start.programs import Tool, tool_of

_SHELL_FORM = ("/bin/sh", "-c")
_USES_ARGUMENTS = re.compile(r"\$(?:[@*0-9]|\{[@*0-9])")
_INTERPRETER = re.compile(r"^(?:node|nodejs|python[0-9.]*|java|ruby|perl|php|deno|bun|dotnet|lua)$")
SHELLS = ("sh", "bash", "ash", "dash", "zsh", "ksh", "busybox", "toybox")
_DEBUG_DIRECTORIES = ("/bin", "/usr/bin", "/usr/local/bin", "/busybox", "/sbin", "/usr/sbin")
_DIRECTORIES = ("/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin", "/bin", "/sbin", "/opt", "/app", "/srv")


def arguments_swallowed(context: CheckContext) -> Iterator[Finding]:
    """``arguments-swallowed``: CMD that no program reads, or that an interpreter reads as a file name."""
    config = context.config
    entrypoint, cmd = config.entrypoint or (), config.cmd or ()
    if not entrypoint or not cmd:
        return
    shell = tuple(config.shell or _SHELL_FORM)
    shown = " ".join(cmd)
    if entrypoint[: len(shell)] == shell and len(entrypoint) == len(shell) + 1:
        if not _USES_ARGUMENTS.search(entrypoint[-1]):
            yield finding(
                CheckCode.ARGUMENTS_SWALLOWED,
                Severity.WARNING,
                subject=Subject.ENTRYPOINT,
                path=entrypoint[0],
                evidence=(
                    f"ENTRYPOINT is in shell form: {' '.join(entrypoint)}",
                    f"CMD {shown} becomes $0 of that shell: the program never gets it",
                ),
                fix='Write ENTRYPOINT in exec form (["program"]), or end it with: exec program "$@"',
            )
        return
    program = posixpath.basename(entrypoint[0])
    if cmd[: len(shell)] == shell and len(cmd) == len(shell) + 1 and not _executes_arguments(context):
        yield finding(
            CheckCode.ARGUMENTS_SWALLOWED,
            Severity.WARNING,
            subject=Subject.ENTRYPOINT,
            path=entrypoint[0],
            evidence=(
                f"CMD is in shell form, so {program} gets the arguments {' '.join(cmd)}",
                f"{entrypoint[0]} is not known to execute its arguments",
            ),
            fix="Write CMD in exec form: only the arguments of the ENTRYPOINT.",
        )
        return
    last = posixpath.basename(entrypoint[-1])
    doubled = len(entrypoint) == 1 and _INTERPRETER.match(last) and posixpath.basename(cmd[0]) == last
    if doubled and not context.rootfs.exists(posixpath.join("/", config.workdir, cmd[0])):
        yield finding(
            CheckCode.ARGUMENTS_SWALLOWED,
            Severity.WARNING,
            subject=Subject.ENTRYPOINT,
            path=entrypoint[0],
            predicts=f"Cannot find module '{posixpath.join('/', config.workdir, cmd[0])}'" if last == "node" else None,
            evidence=(
                f"ENTRYPOINT (perhaps of the base image) is {entrypoint[0]}, CMD begins with {cmd[0]}",
                f"the command that runs is: {' '.join((*entrypoint, *cmd))}",
            ),
            fix=f"Remove {cmd[0]} from CMD, or reset the entrypoint: ENTRYPOINT [].",
        )


def cmd_lost(context: CheckContext) -> Iterator[Finding]:
    """``arguments-swallowed``: the ENTRYPOINT resets the CMD of the base image, and has no command to execute.

    Source: BuildKit, ``dispatchEntrypoint``: an ENTRYPOINT clears a CMD that its own stage has not set.
    """
    config, start = context.config, context.start
    if config.cmd or not config.entrypoint or start.lacks_command is None:
        return
    lost = ""
    for entry in context.history:
        text = history_text(entry.created_by) or ""
        if text.startswith("CMD "):
            lost = text
        elif text.startswith("ENTRYPOINT ") and lost and lost not in {"CMD []", 'CMD [""]'}:
            yield finding(
                CheckCode.ARGUMENTS_SWALLOWED,
                Severity.WARNING,
                subject=Subject.ENTRYPOINT,
                path=config.entrypoint[0],
                evidence=(
                    f"{lost} of the base image is reset by {text}",
                    f"{start.lacks_command}: there is no command to execute",
                ),
                fix=f"Repeat it behind the ENTRYPOINT: {lost}",
            )
            return


def _executes_arguments(context: CheckContext) -> bool:
    """True unless the ENTRYPOINT is known not to execute its arguments (scripts and wrappers may)."""
    if not context.start.programs:
        return True
    first = context.start.programs[0]
    if first.script is not None or len(context.start.programs) > 1:
        return True
    node = context.rootfs.lookup(first.path)
    if not isinstance(node, Node) or tool_of(context.rootfs, node) is not Tool.OTHER:
        return True
    # The image's own program may execute its arguments: only interpreters are known not to.
    return not _INTERPRETER.match(posixpath.basename(first.argv[0]))


def copy_onto_missing_directory(context: CheckContext) -> Iterator[Finding]:
    """``copy-onto-missing-directory``: ``COPY app /usr/local/bin`` where that directory did not exist."""
    config = context.config
    argv0 = context.start.argv[0] if context.start.argv else ""
    wanted = [*_DIRECTORIES, *config.env.get("PATH", "").split(":")]
    if argv0.startswith("/"):
        wanted.append(posixpath.dirname(argv0))
    for path in dict.fromkeys(wanted):
        node = context.rootfs.lookup(path) if path.startswith("/") else None
        if not isinstance(node, Node) or not node.is_file or path == argv0:
            continue
        starts_there = argv0.startswith(path + "/") or ("/" not in argv0 and path in config.env.get("PATH", ""))
        breaks = context.start.starts is Starts.NO and starts_there
        text = next((found.predicts for found in context.start.findings if found.predicts), None)
        yield finding(
            CheckCode.COPY_ONTO_MISSING_DIRECTORY,
            Severity.ERROR if breaks else Severity.WARNING,
            subject=Subject.ENTRYPOINT if breaks else Subject.FILE,
            path=path,
            predicts=text if breaks else None,
            evidence=(f"{path} is a regular file of {node.size_bytes} bytes, not a directory",),
            fix=f"End the destination with a slash: COPY … {path}/",
        )


def tools_among(rootfs: Rootfs, names: Sequence[str]) -> tuple[str, ...]:
    """The `names` that are programs in one of the usual folders, including applets of a shell or busybox."""
    return tuple(
        name for name in names if any(rootfs.exists(f"{directory}/{name}") for directory in _DEBUG_DIRECTORIES)
    )


def no_debug_tools(context: CheckContext) -> Iterator[Finding]:
    """``no-debug-tools``: the image has no program that ``docker exec`` could start."""
    if tools_among(context.rootfs, SHELLS):
        return
    yield finding(
        CheckCode.NO_DEBUG_TOOLS,
        Severity.INFO,
        path=None,
        evidence=("no shell and no busybox in the image: docker exec and kubectl exec have nothing to start",),
        fix="docker cp copies files out; docker run --net container:NAME --pid container:NAME adds tools; "
        "nsenter works from the host; Kubernetes has ephemeral containers (kubectl debug).",
    )


RULES = (arguments_swallowed, cmd_lost, copy_onto_missing_directory, no_debug_tools)
"""The rules of this module, in the order in which `check` runs them."""
