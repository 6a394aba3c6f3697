"""The command line of a shell: the script that it runs, from a file or from ``-c``."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.shell import MAX_SCRIPT_BYTES
from weighbridge.domain.start.attempt import UNKNOWN, Process, Trace
from weighbridge.domain.start.interpreters import Reading
from weighbridge.domain.start.interpreters.shell_scripts import read_shell_script
from weighbridge.domain.start.kernel import Running
from weighbridge.domain.start.programs import Tool
from weighbridge.domain.start.shells import (
    Shell,
    crlf_warning,
    error_finding,
    find_in_path,
    illegal_letter,
    illegal_option,
    lacks_text,
    shell_options,
)

BINARY_LOOK_BYTES = 80
"""The first bytes of a script, in which a shell looks for a NUL."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShellCall:
    """The script that a shell runs, its arguments, and the options that end it early (``-e``, ``-u``)."""

    shell: Shell
    text: str
    arguments: tuple[str, ...]
    stops_at_error: bool
    stops_at_unset: bool


def read_shell_call(
    process: Process, running: Running, tool: Tool, argv: tuple[str, ...], trace: Trace
) -> ShellCall | Reading | None:
    """The script of a shell's command line; None if it runs none, which `trace` then explains.

    A known script, such as a launcher of Java, gives the reading of what it does.
    """
    if len(argv) > 1 and argv[1] in {"--version", "--help"} and tool is Tool.BASH:
        return None
    options, rest = shell_options(argv[1:])
    illegal = illegal_letter(argv[1] if len(argv) > 1 else "")
    if illegal:
        trace.stop(illegal_option(tool, argv, illegal, script=running.script))
        return None
    if options is None:
        trace.not_checked(f"{argv[0]}: unsupported options")
        return None
    if "l" in options or "i" in options:
        trace.not_checked(f"{argv[0]} reads start-up files first (-l, -i)")
    if "n" in options:
        # The shell reads the script, and runs none of it.
        return None
    if "c" in options and not rest:
        trace.stop(lacks_text(tool, argv[0]))
        trace.lacks_command = argv[0]
        return None
    if "s" in options or not rest:
        return None
    if rest[0] == UNKNOWN:
        trace.not_checked(f"{argv[0]}: what it reads is known only when it runs")
        return None
    from_file = "c" not in options
    if from_file:
        script = _script_text(process, tool, argv[0], rest[0], trace)
        if script is None:
            return None
        known = read_shell_script(process, tool, rest[0], rest[1:], script)
        if known is not None:
            return known
        text, name, arguments = script, rest[0], rest[1:]
        if "\0" in text[:BINARY_LOOK_BYTES]:
            trace.not_checked(f"{name}: not a text file, but the shell reads it as a script")
            return None
        if "\r\n" in text:
            trace.add(crlf_warning(name))
    else:
        text, name, arguments = rest[0], (rest[1] if len(rest) > 1 else argv[0]), rest[2:]
    shell = Shell(
        tool=tool,
        name=name,
        line=1,
        program=running.program,
        from_file=from_file,
        named=len(rest) > 1,
        started_as=argv[0],
    )
    return ShellCall(
        shell=shell, text=text, arguments=arguments, stops_at_error="e" in options, stops_at_unset="u" in options
    )


def _script_text(process: Process, tool: Tool, shell_name: str, path: str, trace: Trace) -> str | None:
    """The text of a script; None if the shell cannot read it, which the trace then says."""
    node = process.rootfs.lookup(path, cwd=process.cwd, may_search=process.credentials.may_search)
    if not isinstance(node, Node):
        if node.at_run_time:
            trace.not_checked(f"{path}: the content of {node.at} depends on the running container")
            return None
        if "/" not in path and tool is Tool.BASH and find_in_path(process, path):
            trace.not_checked(f"{path}: bash looks for it in PATH too")
            return None
        predicts = {
            Tool.DASH: f"{shell_name}: 0: cannot open {path}: No such file",
            Tool.BASH: f"{shell_name}: {path}: No such file or directory",
            Tool.BUSYBOX: f"{shell_name}: can't open '{path}': No such file or directory",
        }[tool]
        trace.stop(
            error_finding(
                CheckCode.ENTRYPOINT_MISSING,
                path,
                predicts,
                (f"{shell_name} {path}", f"{node.at}: not in the image"),
                None,
            )
        )
        return None
    if not node.is_file:
        trace.not_checked(f"{path}: not a file that the shell can read")
        return None
    if not process.credentials.may_read(node.entry):
        predicts = {
            Tool.DASH: f"{shell_name}: 0: cannot open {path}: Permission denied",
            Tool.BASH: f"{shell_name}: {path}: Permission denied",
            Tool.BUSYBOX: f"{shell_name}: can't open '{path}': Permission denied",
        }[tool]
        evidence = f"{node.path}: mode {node.mode:04o}, owner {node.uid}:{node.gid}, run as {process.credentials.uid}"
        trace.stop(
            error_finding(
                CheckCode.ENTRYPOINT_NOT_EXECUTABLE,
                path,
                predicts,
                (evidence, "a shell reads the script, so the user needs the right to read it"),
                f"COPY --chmod=755, or chmod a+r {path}.",
            )
        )
        return None
    return process.rootfs.read(node, limit_bytes=MAX_SCRIPT_BYTES).decode("utf-8", "surrogateescape")
