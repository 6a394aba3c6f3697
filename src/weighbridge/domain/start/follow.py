"""Follows the chain of programs: the commands that shells, scripts and small wrappers execute, and their errors.

`shells` has the messages of shells, `wrapper_rules` those of wrappers.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass, replace

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding, Severity
from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.shell import MAX_SCRIPT_BYTES, parse_script
from weighbridge.domain.start.attempt import UNKNOWN, Process, Program, Trace
from weighbridge.domain.start.busybox import no_applet, unread_applet, without_busybox
from weighbridge.domain.start.busybox_program import Busybox, busybox_of
from weighbridge.domain.start.handing_over import prepare
from weighbridge.domain.start.handover import Handover, Stay
from weighbridge.domain.start.interpreters import Reading, read_interpreted
from weighbridge.domain.start.java import check_java_release
from weighbridge.domain.start.kernel import Errno, Refused, Running, Undecided, execve
from weighbridge.domain.start.loader import LoadRequest, load
from weighbridge.domain.start.loader.objects import Libc, elf_of
from weighbridge.domain.start.programs import Tool, tool_of
from weighbridge.domain.start.scripts.budget import TooMuchError, WorkBudget
from weighbridge.domain.start.scripts.outcome import conclude
from weighbridge.domain.start.scripts.run import ScriptRun
from weighbridge.domain.start.scripts.tools.certain import failure_of_program
from weighbridge.domain.start.shell_call import BINARY_LOOK_BYTES, ShellCall, read_shell_call
from weighbridge.domain.start.shells import (
    ERRNO_TEXT,
    Shell,
    dialect_of,
    error_finding,
    files_in_path,
    find_in_path,
    may_be_applet,
    not_found,
    shell_text,
    word_missing,
)
from weighbridge.domain.start.venv import blame_venv, check_venv_release
from weighbridge.domain.start.wrappers import wrapped_command

MAX_STEPS = 16
TOO_MANY_PROGRAMS = "programs that execute programs: more than sixteen in a row"

Speaker = Callable[[str, Errno, bool], str | None]
"""Makes an error message from a name, the kind of error, and whether the file exists."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Walk:
    """The current position: the process that executes next, the trace, and the remaining budget."""

    process: Process
    trace: Trace
    budget: WorkBudget
    steps: int = MAX_STEPS


def start_program(process: Process, path: str, argv: tuple[str, ...], trace: Trace, speak: Speaker) -> None:
    """Execute `path`, and follow the programs that it executes, into `trace`. `speak` formats the caller's errors."""
    _execute(_Walk(process=process, trace=trace, budget=WorkBudget()), path, argv, speak)


def _execute(walk: _Walk, path: str, argv: tuple[str, ...], speak: Speaker) -> None:
    process, trace = walk.process, walk.trace
    if walk.steps <= 0:
        trace.not_checked(TOO_MANY_PROGRAMS)
        return
    result = execve(process, path, argv)
    if isinstance(result, Undecided):
        trace.not_checked(result.reason)
        return
    if isinstance(result, Refused):
        there = isinstance(process.rootfs.lookup(path, cwd=process.cwd), Node)
        trace.facts.extend(result.facts)
        refused = blame_venv(process.rootfs, result.finding, path, process.cwd)
        trace.stop(replace(refused, predicts=speak(path, result.errno, there)))
        return
    trace.facts.extend(result.facts)
    if not _loads(process, result, trace):
        return
    for judge in (check_java_release, check_venv_release):
        finding = judge(process, trace.programs[-1])
        if finding is not None and finding.severity is Severity.ERROR:
            trace.stop(finding)
            return
        if finding is not None:
            trace.add(finding)
    _follow(replace(walk, steps=walk.steps - 1), result)


def _loads(process: Process, running: Running, trace: Trace) -> bool:
    """Run the loader; False if it ends the program."""
    if running.loader is None or running.loader_name is None:
        what = "static" if running.elf.is_static else "has no PT_INTERP"
        trace.fact(f"{running.program.path}: {what}, {running.elf.machine_name}")
        trace.programs.append(_program(process, running))
        return True
    request = LoadRequest(
        process=process,
        program=running.program,
        elf=running.elf,
        argv0=running.argv[0] if running.argv else running.executed_as,
        executed_as=running.executed_as,
        loader=running.loader,
        loader_elf=elf_of(process.rootfs, running.loader),
        loader_name=running.loader_name,
        secure=running.secure,
    )
    report = load(request)
    libraries = tuple(loaded.node.path for loaded in report.objects[1:])
    trace.programs.append(_program(process, running, libc=str(report.libc), libraries=libraries))
    for finding in report.others:
        trace.add(finding)
    for reason in report.not_checked:
        trace.not_checked(reason)
    if report.fatal:
        trace.stop(report.fatal[0])
        return False
    if report.objects:
        trace.fact(f"{running.program.path}: {report.libc}, {len(report.objects)} objects loaded, all found")
    return True


def _program(process: Process, running: Running, libc: str = "", libraries: tuple[str, ...] = ()) -> Program:
    return Program(
        path=running.program.path,
        argv=running.argv,
        cwd=process.cwd,
        libc=libc,
        libraries=libraries,
        script=running.script.path if running.script else None,
    )


def _follow(walk: _Walk, running: Running) -> None:
    process, trace = walk.process, walk.trace
    argv, tool = running.argv, tool_of(process.rootfs, running.program)
    if tool is Tool.BUSYBOX:
        argv = without_busybox(argv)
        applet = posixpath.basename(argv[0]) if argv else ""
        if applet in {"sh", "ash"}:
            _shell(walk, running, Tool.BUSYBOX, argv)
            return
        busybox = busybox_of(process.rootfs, running.program)
        if argv is not running.argv and applet not in busybox.applets:
            if argv and not applet.startswith("--"):
                trace.stop(no_applet(applet))
            return
        if argv and _fails(walk, argv, busybox):
            return
        unread = unread_applet(busybox, argv)
        if unread is not None:
            _apply(walk, unread)
            return
        handover = wrapped_command(applet, argv, busybox=True, getopt=busybox.unknown_option("env", "S"))
    elif tool in {Tool.DASH, Tool.BASH}:
        _shell(walk, running, tool, argv)
        return
    elif tool is Tool.OTHER_SHELL:
        if len(argv) > 1:
            trace.not_checked(f"{running.program.path} is an unsupported shell")
        return
    else:
        handover = wrapped_command(posixpath.basename(running.program.path), argv, busybox=False)
        if isinstance(handover, Stay):
            if not (argv and _fails(walk, argv, None)):
                _interpret(walk)
            return
    match handover:
        case Stay():
            return
        case str():
            trace.not_checked(handover)
        case Handover():
            _hand_over(walk, handover)


def _fails(walk: _Walk, argv: tuple[str, ...], busybox: Busybox | None) -> bool:
    """Whether the program is a small one whose call certainly fails, which ends the start."""
    failure = failure_of_program(walk.process, argv, busybox=busybox)
    if failure is None:
        return False
    evidence = (f"{' '.join(argv)[:200]}", f"{failure.path}: {failure.why}")
    walk.trace.stop(error_finding(CheckCode.SCRIPT_FAILS, argv[0], failure.text or None, evidence, failure.fix))
    return True


def _interpret(walk: _Walk) -> None:
    """Follow the files that the current program reads itself, and the programs that it executes."""
    trace = walk.trace
    if UNKNOWN in trace.programs[-1].argv:
        trace.up_to = f"{trace.programs[-1].path}: an argument is known only when it runs"
        return
    reading = read_interpreted(walk.process, trace.programs[-1])
    if reading is not None:
        _apply(walk, reading)


def _apply(walk: _Walk, reading: Reading) -> None:
    """Record the reading of a program, and follow what it executes."""
    trace = walk.trace
    for finding in reading.findings:
        trace.add(finding)
    if reading.failure is not None:
        trace.stop(reading.failure)
    elif reading.not_checked is not None:
        trace.not_checked(reading.not_checked)
    elif reading.executes is not None:
        _hand_over(walk, reading.executes)
    elif reading.up_to is not None:
        trace.up_to = reading.up_to


def _hand_over(walk: _Walk, handover: Handover) -> None:
    """Follow a wrapper to the program that it executes, found as by ``execvp``."""
    trace = walk.trace
    if handover.fails_with is not None:
        code = CheckCode.ENTRYPOINT_MISSING if handover.lacks_command else CheckCode.SHEBANG_INTERPRETER_MISSING
        trace.stop(error_finding(code, handover.tool, handover.fails_with, (handover.explains,), handover.fix))
        if handover.lacks_command:
            trace.lacks_command = handover.tool
        return
    if handover.unsure is not None:
        trace.not_checked(handover.unsure)
        return
    prepared = prepare(walk.process, handover)
    if isinstance(prepared, Finding):
        trace.stop(prepared)
        return
    if isinstance(prepared, str):
        trace.not_checked(prepared)
        return
    name = prepared.command[0]
    if UNKNOWN in (name, handover.user, prepared.search.env.get("PATH")):
        trace.not_checked(f"{handover.tool}: what it executes is known only when it runs")
        return

    def speak(_path: str, errno: Errno, there: bool) -> str | None:
        return handover.text(prepared.path or name, ERRNO_TEXT[errno], there)

    trace.fact(f"{handover.tool} executes {name}")
    path = prepared.path or (name if "/" in name else find_in_path(prepared.search, name))
    if path is None and not handover.finds_executables:
        # execvp distinguishes a file that may not be executed from a missing one.
        path = next((found for found, _ in files_in_path(prepared.search, name)), None)
    if path is None:
        code = CheckCode.SHEBANG_INTERPRETER_MISSING if handover.from_shebang else CheckCode.ENTRYPOINT_MISSING
        trace.stop(
            error_finding(
                code,
                name,
                speak(name, Errno.ENOENT, there=False),
                (f"{handover.tool} executes {name}", f"{name}: in no directory of PATH"),
                f"Install {name} in the final stage.",
            )
        )
        return
    if handover.start_up_files and not isinstance(execve(prepared.process, path, prepared.command), Refused):
        trace.not_checked(f"{handover.tool} -: the shell reads the user's start-up files first")
        return
    _execute_by_wrapper(replace(walk, process=prepared.process), handover, path, prepared.command, speak)


def _execute_by_wrapper(walk: _Walk, handover: Handover, path: str, command: tuple[str, ...], speak: Speaker) -> None:
    """Execute like ``execvp``: glibc's passes a file that the kernel refuses to ``/bin/sh``, musl's does not."""
    trace = walk.trace
    result = execve(walk.process, path, command)
    if handover.uses_execvp and isinstance(result, Refused) and result.errno is Errno.ENOEXEC:
        libc = trace.programs[-1].libc if trace.programs else ""
        is_foreign = result.finding.code == CheckCode.ARCHITECTURE_MISMATCH
        if libc == Libc.GLIBC:
            trace.fact(f"{path}: the kernel does not execute it, {handover.tool} passes it to /bin/sh")
            if is_foreign or b"\0" in _beginning(walk.process, path):
                trace.stop(replace(result.finding, predicts=None))
                return
            _execute(walk, "/bin/sh", ("/bin/sh", path, *command[1:]), lambda _path, _errno, _there: None)
            return
        if libc != Libc.MUSL and not is_foreign:
            trace.not_checked(f"{path}: has no #! line, and whether {handover.tool} passes it to /bin/sh is unknown")
            return
    _execute(walk, path, command, speak)


def _beginning(process: Process, path: str) -> bytes:
    node = process.rootfs.lookup(path, cwd=process.cwd)
    return process.rootfs.read(node, limit_bytes=BINARY_LOOK_BYTES) if isinstance(node, Node) else b""


# Shells.


def _shell(walk: _Walk, running: Running, tool: Tool, argv: tuple[str, ...]) -> None:
    call = read_shell_call(walk.process, running, tool, argv, walk.trace)
    if isinstance(call, Reading):
        _apply(walk, call)
    elif call is not None:
        _run_script(walk, call)


def _run_script(walk: _Walk, call: ShellCall) -> None:
    """Follow all branches of the script, and merge their results."""

    def execute(process: Process, here: Shell, argv: tuple[str, ...], trace: Trace, execs: bool) -> None:
        _command(replace(walk, process=process, trace=trace), here, argv, execs=execs)

    shell, trace = call.shell, walk.trace
    script = parse_script(call.text, dialect_of(shell.tool))
    run = ScriptRun(walk.process, shell, execute, walk.budget)
    state = run.start(
        call.arguments, trace.fork(), stops_at_error=call.stops_at_error, stops_at_unset=call.stops_at_unset
    )
    walk.budget.enter()
    try:
        conclude(trace, shell, run.script(script, state))
    except TooMuchError:
        trace.not_checked(f"{shell.name}: too large or too deep to be followed to its end")
    finally:
        walk.budget.leave()


def _command(walk: _Walk, shell: Shell, argv: tuple[str, ...], *, execs: bool) -> None:
    """Follow a command that the shell certainly reaches, and after which it runs nothing."""
    process, trace = walk.process, walk.trace
    name = argv[0]

    shown = name
    if execs and shell.tool is Tool.BASH and "/" in name and not name.startswith("/"):
        # bash makes a relative path absolute before it executes it.
        shown = posixpath.join(process.cwd, name.removeprefix("./"))

    def speak(_path: str, errno: Errno, there: bool) -> str | None:
        return shell_text(process, shell, shown, errno, there=there, execs=execs)

    path = name if "/" in name else find_in_path(process, name)
    if path is None:
        if may_be_applet(process, shell, name):
            trace.not_checked(f"{name}: in no directory of PATH, but busybox may run it itself")
            return
        trace.stop(not_found(process, shell, name, execs=execs))
        return
    trace.fact(f"{shell.name} runs {name}" if path == name else f"{shell.name} runs {name}: {path}")
    result = execve(process, path, argv)
    if isinstance(result, Refused) and result.errno is Errno.ENOEXEC:
        if walk.steps:
            _retry_as_script(walk, shell, result, argv, speak)
        else:
            trace.not_checked("programs that execute programs: more than sixteen in a row")
        return
    if (
        isinstance(result, Refused)
        and result.errno is Errno.ENOENT
        and result.finding.code == CheckCode.ENTRYPOINT_MISSING
    ):
        trace.stop(word_missing(process, shell, shown, execs=execs))
        return
    _execute(walk, path, argv, speak)


def _retry_as_script(walk: _Walk, shell: Shell, refused: Refused, argv: tuple[str, ...], speak: Speaker) -> None:
    """Retry a file that the kernel refuses as a script of the shell, unless it looks binary."""
    if walk.steps <= 0:
        walk.trace.not_checked(TOO_MANY_PROGRAMS)
        return
    node = walk.process.rootfs.lookup(argv[0], cwd=walk.process.cwd)
    path = refused.finding.path
    if not isinstance(node, Node) and path is not None:
        node = walk.process.rootfs.lookup(path)
    text = walk.process.rootfs.read(node, limit_bytes=MAX_SCRIPT_BYTES) if isinstance(node, Node) else b""
    if refused.finding.code == CheckCode.ARCHITECTURE_MISMATCH or b"\0" in text[:BINARY_LOOK_BYTES]:
        walk.trace.stop(replace(refused.finding, predicts=speak(argv[0], Errno.ENOEXEC, True)))
        return
    walk.trace.fact(f"{argv[0]}: has no #! line, {shell.name} reads it as a script")
    inner = replace(shell, name=path or argv[0], line=1, from_file=True)
    call = ShellCall(
        shell=inner,
        text=text.decode("utf-8", "surrogateescape"),
        arguments=argv[1:],
        stops_at_error=False,
        stops_at_unset=False,
    )
    _run_script(replace(walk, steps=walk.steps - 1), call)
