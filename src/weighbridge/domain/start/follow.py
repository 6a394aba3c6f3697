"""From one program to the next: what shells, scripts and small wrappers execute, and what they print when they cannot.

What the shells print is in `shells`; the wrappers' texts were read off GNU coreutils 9, tini, dumb-init and gosu.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass, replace

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.start.accounts import UnknownUser, user_of
from weighbridge.domain.start.attempt import Process, Program, Trace
from weighbridge.domain.start.interpreters import read_interpreted
from weighbridge.domain.start.java import check_java_release
from weighbridge.domain.start.kernel import Errno, Refused, Running, Undecided, execve
from weighbridge.domain.start.loader import LoadRequest, load
from weighbridge.domain.start.loader.objects import elf_of
from weighbridge.domain.start.programs import Tool, tool_of
from weighbridge.domain.start.script import (
    BUILTINS,
    MAX_SCRIPT_BYTES,
    Script,
    SimpleCommand,
    Word,
    read_script,
    runs_its_arguments_last,
)
from weighbridge.domain.start.shells import (
    ERRNO_TEXT,
    MAX_SHELL_BYTES,
    Shell,
    crlf_warning,
    error_finding,
    find_in_path,
    illegal_letter,
    illegal_option,
    illegal_set,
    may_be_applet,
    not_found,
    shell_options,
    shell_text,
    word_missing,
)
from weighbridge.domain.start.venv import blame_venv, check_venv_release
from weighbridge.domain.start.wrappers import Handover, Stay, wrapped_command

MAX_STEPS = 16
_BINARY_LOOK_BYTES = 80

_DECIDES = frozenset({".", "source", "eval", "exit", "return", "shift", "alias", "trap", "command", "pushd", "popd"})
_BRIEF = frozenset(
    {"awk", "basename", "cat", "chmod", "chown", "cp", "cut", "date", "dirname", "envsubst", "find", "grep", "head"}
    | {"hostname", "id", "install", "ls", "ln", "mkdir", "mv", "rm", "rmdir", "sed", "sleep", "sort", "stat", "tail"}
    | {"touch", "tr", "uname", "wc", "whoami"}
)
"""Programs that end by themselves: what stands after them is reached."""


Speaker = Callable[[str, Errno, bool], str | None]
"""Prints an error: of a name, of a kind, and whether the file itself is there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Walk:
    """Where the walk is: the process that executes next, what was learned, and how many steps are left."""

    process: Process
    trace: Trace
    steps: int = MAX_STEPS


def start_program(process: Process, path: str, argv: tuple[str, ...], trace: Trace, speak: Speaker) -> None:
    """Execute `path` and follow what it executes in turn, into `trace`. `speak` is how the caller reports errors."""
    _execute(_Walk(process=process, trace=trace), path, argv, speak)


def _execute(walk: _Walk, path: str, argv: tuple[str, ...], speak: Speaker) -> None:
    process, trace = walk.process, walk.trace
    if walk.steps == 0:
        trace.not_checked("programs that execute programs: more than sixteen in a row")
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
    """Run the loader; False where the program ends there."""
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
        argv = _without_busybox(argv)
        applet = posixpath.basename(argv[0]) if argv else ""
        if applet in {"sh", "ash"}:
            _shell(walk, running, Tool.BUSYBOX, argv)
            return
        handover = wrapped_command(applet, argv, busybox=True, getopt=_getopt_of(process, running))
    elif tool in {Tool.DASH, Tool.BASH}:
        _shell(walk, running, tool, argv)
        return
    elif tool is Tool.OTHER_SHELL:
        if len(argv) > 1:
            trace.not_checked(f"{running.program.path} is a shell whose ways are not known here")
        return
    else:
        handover = wrapped_command(posixpath.basename(running.program.path), argv, busybox=False)
        if isinstance(handover, Stay):
            _interpret(walk)
            return
    match handover:
        case Stay():
            return
        case str():
            trace.not_checked(handover)
        case Handover():
            _hand_over(walk, handover)


def _interpret(walk: _Walk) -> None:
    """What the program that runs now reads by itself, and where that leads."""
    trace = walk.trace
    reading = read_interpreted(walk.process, trace.programs[-1])
    if reading is None:
        return
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


def _getopt_of(process: Process, running: Running) -> str:
    """How the C library of a busybox reports an unknown option ``S``."""
    content = process.rootfs.read(running.program, limit_bytes=MAX_SHELL_BYTES)
    musl = "musl" in (running.loader_name or "") or b"unrecognized option: %" in content
    if not running.loader_name and b"invalid option -- " not in content:
        musl = True
    return "unrecognized option: S" if musl else "invalid option -- 'S'"


def _without_busybox(argv: tuple[str, ...]) -> tuple[str, ...]:
    return argv[1:] if argv and posixpath.basename(argv[0]).startswith("busybox") else argv


def _hand_over(walk: _Walk, handover: Handover) -> None:
    """A wrapper executes another program, found as ``execvp`` finds it."""
    process, trace = walk.process, walk.trace
    if handover.fails_with is not None:
        trace.stop(
            error_finding(
                CheckCode.SHEBANG_INTERPRETER_MISSING,
                handover.tool,
                handover.fails_with,
                (handover.explains,),
                handover.fix,
            )
        )
        return
    if handover.unsure is not None:
        trace.not_checked(handover.unsure)
        return
    inherited = replace(process, env={**process.env, **dict(handover.assigns)})
    if handover.user is not None:
        user = user_of(process.rootfs, handover.user)
        if isinstance(user, UnknownUser):
            trace.not_checked(f"{handover.tool}: {user.message}")
            return
        inherited = replace(inherited, credentials=user)
    name = handover.command[0]

    def speak(_path: str, errno: Errno, _there: bool) -> str | None:
        return handover.text(name, ERRNO_TEXT[errno])

    trace.fact(f"{handover.tool} executes {name}")
    path = name if "/" in name else find_in_path(inherited, name)
    if path is None:
        code = CheckCode.SHEBANG_INTERPRETER_MISSING if handover.from_shebang else CheckCode.ENTRYPOINT_MISSING
        trace.stop(
            error_finding(
                code,
                name,
                handover.text(name, ERRNO_TEXT[Errno.ENOENT]),
                (f"{handover.tool} executes {name}", f"{name}: in no directory of PATH"),
                f"Install {name} in the final stage.",
            )
        )
        return
    _execute(replace(walk, process=inherited), path, handover.command, speak)


# Shells.


def _shell(walk: _Walk, running: Running, tool: Tool, argv: tuple[str, ...]) -> None:
    process, trace = walk.process, walk.trace
    if len(argv) > 1 and argv[1] in {"--version", "--help"} and tool is Tool.BASH:
        return
    options, rest = shell_options(argv[1:])
    illegal = illegal_letter(argv[1] if len(argv) > 1 else "")
    if illegal:
        trace.stop(illegal_option(tool, argv, illegal, script=running.script))
        return
    if options is None:
        trace.not_checked(f"{argv[0]}: options that are not known here")
        return
    if "l" in options or "i" in options:
        trace.not_checked(f"{argv[0]} reads start-up files first (-l, -i)")
    if "s" in options or not rest:
        return
    if "c" in options:
        text, name, arguments, from_file = rest[0], (rest[1] if len(rest) > 1 else argv[0]), rest[2:], False
    else:
        script = _script_text(process, tool, argv[0], rest[0], trace)
        if script is None:
            return
        text, name, arguments, from_file = script, rest[0], rest[1:], True
    shell = Shell(tool=tool, name=name, line=1, program=running.program, from_file=from_file, named=len(rest) > 1)
    if from_file and "\0" in text[:_BINARY_LOOK_BYTES]:
        trace.not_checked(f"{name}: not a text, but the shell is told to read it")
        return
    if "\r\n" in text and from_file:
        trace.add(crlf_warning(name))
    script_read = read_script(text)
    if not script_read.complete and runs_its_arguments_last(text):
        if arguments:
            trace.fact(f'{name}: ends in exec "$@"')
            _command(walk, replace(shell, line=text.rstrip().count("\n") + 1), arguments, execs=True)
        return
    _run_script(walk, shell, script_read, arguments, stops_at_error="e" in options)


def _script_text(process: Process, tool: Tool, shell_name: str, path: str, trace: Trace) -> str | None:
    node = process.rootfs.lookup(path, cwd=process.cwd, may_search=process.credentials.may_search)
    if not isinstance(node, Node):
        if node.at_run_time:
            trace.not_checked(f"{path}: what is in {node.at} is decided when the container runs")
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
    if not node.is_file or not process.credentials.may_read(node.entry):
        trace.not_checked(f"{path}: not a file that the shell can read")
        return None
    return process.rootfs.read(node, limit_bytes=MAX_SCRIPT_BYTES).decode("utf-8", "surrogateescape")


@dataclass(slots=True, kw_only=True)
class _ScriptState:
    """What is known at one point of a script: the directory and PATH, and that this point is reached at all."""

    directory: str | None
    path_known: bool = True
    stops_at_error: bool = False
    waits_for: str | None = None
    next_needs_success: bool = False
    all_need_success: bool = False


def _run_script(walk: _Walk, shell: Shell, script: Script, arguments: tuple[str, ...], *, stops_at_error: bool) -> None:
    trace = walk.trace
    if not script.complete:
        trace.not_checked(f"{shell.name}: more than plain commands, what it runs is decided while it runs")
    state = _ScriptState(directory=walk.process.cwd, stops_at_error=stops_at_error)
    for number, command in enumerate(script.commands):
        rest = script.commands[number + 1 :]
        last = script.complete and not rest
        state.next_needs_success = bool(rest) and rest[0].only_after_success
        state.all_need_success = script.complete and all(later.only_after_success for later in rest)
        if rest and rest[0].only_after_failure:
            if not (script.complete and len(rest) == 1 and _fails(rest[0])):
                trace.not_checked(f"{shell.name}: || decides what runs next")
                return
            # "command || exit 1": the command decides.
            last = True
        state.path_known = state.path_known and not command.assigns_path
        if not command.words:
            continue
        decided = _script_command(walk, replace(shell, line=command.line), command, arguments, state=state, last=last)
        if decided:
            return


def _script_command(
    walk: _Walk, shell: Shell, command: SimpleCommand, arguments: tuple[str, ...], *, state: _ScriptState, last: bool
) -> bool:
    """One command of a script; True where nothing after it matters or can be told."""
    trace = walk.trace
    first, *others = command.words
    execs = first.value == "exec"
    if first.value in {"cd", "chdir"}:
        state.directory = _changed_directory(walk.process, others, state.directory)
        return False
    if first.value == "set":
        return _set(shell, others, trace, state)
    if first.value in _DECIDES:
        trace.not_checked(f"{shell.name}: {first.value} decides what runs next")
        return True
    if (execs and not others) or (not execs and first.value in BUILTINS):
        return False
    wanted = command.words[1:] if execs else command.words
    expanded = _expand(wanted, arguments)
    if expanded is None:
        trace.not_checked(f"{shell.name}: the command is {wanted[0].source}, known only when it runs")
        return True
    if not expanded:
        return False
    name = expanded[0]
    if not state.path_known and "/" not in name:
        trace.not_checked(f"{shell.name}: sets PATH itself")
        return True
    if state.directory is None and not name.startswith("/") and "/" in name:
        trace.not_checked(f"{shell.name}: changes the directory before {name}")
        return True
    here = replace(walk, process=replace(walk.process, cwd=state.directory or walk.process.cwd))
    if execs or last:
        _last_command(here, shell, expanded, execs=execs, waits_for=state.waits_for)
        return True
    missing = _warn_if_missing(here.process, shell, name, trace)
    ends = state.all_need_success if state.next_needs_success else state.stops_at_error
    if missing and ends and state.waits_for is None:
        trace.stopped = True
        return True
    if not missing and name.rpartition("/")[2] not in _BRIEF:
        state.waits_for = name
    return False


def _last_command(walk: _Walk, shell: Shell, argv: tuple[str, ...], *, execs: bool, waits_for: str | None) -> None:
    """The command that a script ends with. Behind a program that may run for ever, its faults are only warnings."""
    before = len(walk.trace.findings)
    _command(walk, shell, argv, execs=execs)
    if walk.trace.stopped and waits_for is not None:
        walk.trace.stopped = False
        walk.trace.findings[before:] = [
            replace(finding, severity=Severity.WARNING) if finding.severity is Severity.ERROR else finding
            for finding in walk.trace.findings[before:]
        ]
        walk.trace.not_checked(f"{shell.name}: {argv[0]} only runs when {waits_for} has ended")


def _fails(command: SimpleCommand) -> bool:
    """True for ``false`` and for ``exit`` with anything but 0."""
    words = [word.value for word in command.words]
    return words == ["false"] or (len(words) == 2 and words[0] == "exit" and words[1] not in {None, "0"})


def _changed_directory(process: Process, words: list[Word], directory: str | None) -> str | None:
    """Where a shell is after ``cd``; None where that is not known."""
    if len(words) != 1 or words[0].value is None or words[0].value == "-":
        return None
    target = words[0].value
    if directory is None and not target.startswith("/"):
        return None
    node = process.rootfs.lookup(target, cwd=directory or "/", may_search=process.credentials.may_search)
    return node.path if isinstance(node, Node) and node.is_directory else None


def _set(shell: Shell, words: list[Word], trace: Trace, state: _ScriptState) -> bool:
    for position, word in enumerate(words):
        if word.source in {"--", "-"} or not word.source.startswith(("-", "+")):
            if position and words[position - 1].source.endswith("o") and word.source not in {"--", "-"}:
                state.stops_at_error |= word.source == "errexit"
                continue
            trace.not_checked(f"{shell.name}: changes its arguments")
            return True
        illegal = illegal_letter(word.source)
        if illegal == "\r" and shell.tool is not Tool.BASH:
            # A special builtin that fails ends the shell (POSIX XCU 2.8.1); bash goes on.
            trace.stop(illegal_set(shell, illegal))
            return True
        state.stops_at_error |= word.source.startswith("-") and "e" in word.source
    return False


def _expand(words: tuple[Word, ...], arguments: tuple[str, ...]) -> tuple[str, ...] | None:
    """The command's argv; None where its first word is not known. Unknown later words stand as they are written."""
    result: list[str] = []
    for word in words:
        if word.is_arguments:
            result.extend(arguments)
        elif word.value is not None:
            result.append(word.value)
        elif not result:
            return None
        else:
            result.append(word.source)
    return tuple(result)


def _command(walk: _Walk, shell: Shell, argv: tuple[str, ...], *, execs: bool) -> None:
    """The shell runs a command that is certainly reached, and nothing after it."""
    process, trace = walk.process, walk.trace
    name = argv[0]
    if name.startswith("-") and execs:
        trace.not_checked(f"{shell.name}: exec with options")
        return
    if not execs and name in BUILTINS:
        return

    def speak(_path: str, errno: Errno, there: bool) -> str | None:
        return shell_text(process, shell, name, errno, there=there, execs=execs)

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
        _retry_as_script(walk, shell, result, argv, speak)
        return
    if (
        isinstance(result, Refused)
        and result.errno is Errno.ENOENT
        and result.finding.code == CheckCode.ENTRYPOINT_MISSING
    ):
        trace.stop(word_missing(process, shell, name, execs=execs))
        return
    _execute(walk, path, argv, speak)


def _retry_as_script(walk: _Walk, shell: Shell, refused: Refused, argv: tuple[str, ...], speak: Speaker) -> None:
    """A file that the kernel does not take is read as a script by the shell itself, unless it looks binary."""
    node = walk.process.rootfs.lookup(argv[0], cwd=walk.process.cwd)
    path = refused.finding.path
    if not isinstance(node, Node) and path is not None:
        node = walk.process.rootfs.lookup(path)
    text = walk.process.rootfs.read(node, limit_bytes=MAX_SCRIPT_BYTES) if isinstance(node, Node) else b""
    if refused.finding.code == CheckCode.ARCHITECTURE_MISMATCH or b"\0" in text[:_BINARY_LOOK_BYTES]:
        walk.trace.stop(replace(refused.finding, predicts=speak(argv[0], Errno.ENOEXEC, True)))
        return
    walk.trace.fact(f"{argv[0]}: has no #! line, {shell.name} reads it as a script")
    inner = replace(shell, name=path or argv[0], line=1, from_file=True)
    script = read_script(text.decode("utf-8", "surrogateescape"))
    _run_script(replace(walk, steps=walk.steps - 1), inner, script, argv[1:], stops_at_error=False)


def _warn_if_missing(process: Process, shell: Shell, name: str, trace: Trace) -> bool:
    """A warning for a command on the way that is not there; the shell goes on after it."""
    if "/" in name:
        found = process.rootfs.lookup(name, cwd=process.cwd)
        missing = not isinstance(found, Node) and not found.at_run_time
    else:
        missing = find_in_path(process, name) is None and not may_be_applet(process, shell, name)
    if missing:
        trace.add(word_missing(process, shell, name, execs=False))
    return missing
