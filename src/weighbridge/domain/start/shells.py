"""The behaviour of shells before they execute a command: options, search path, and error messages.

The messages were recorded from the real programs: dash 0.5, bash 5.1 and 5.2, busybox 1.35.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.shell import Dialect, SyntaxFault
from weighbridge.domain.shell.names import BUILTINS
from weighbridge.domain.shell.words import ARITHMETIC_END, FOR_VARIABLE, FUNCTION_NAME, REDIRECTION
from weighbridge.domain.start.attempt import Process
from weighbridge.domain.start.busybox_program import busybox_of
from weighbridge.domain.start.exec_findings import with_visible_returns
from weighbridge.domain.start.kernel import Errno
from weighbridge.domain.start.programs import Tool

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MAX_SHELL_BYTES = 4 * 1024 * 1024
_NEW_BASH_MARK = b"required file not found"
_LF_FIX = "Store the script with LF line ends (.gitattributes: *.sh text eol=lf)."
ERRNO_TEXT: dict[Errno, str] = {
    Errno.ENOENT: "No such file or directory",
    Errno.EACCES: "Permission denied",
    Errno.ENOEXEC: "Exec format error",
    Errno.ELOOP: "Too many levels of symbolic links",
    Errno.ENOTDIR: "Not a directory",
    Errno.ELIBBAD: "Accessing a corrupted shared library",
    Errno.EINVAL: "Invalid argument",
    Errno.EPERM: "Operation not permitted",
    Errno.ENAMETOOLONG: "File name too long",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Shell:
    """A shell that is about to run a command, and its position in the script.

    `named` means that ``-c`` got a ``$0``: busybox then prints line numbers from 0. `started_as` is the shell's own
    ``argv[0]``: bash follows POSIX if it is started as ``sh``.
    """

    tool: Tool
    name: str
    line: int
    program: Node
    from_file: bool
    named: bool = False
    started_as: str = "sh"


def find_in_path(process: Process, name: str, *, executable: bool = True) -> str | None:
    """The path of a command: the first executable regular file with that name in ``PATH``."""
    credentials, commands = process.credentials, process.rootfs.commands
    path_list = process.env.get("PATH", DEFAULT_PATH)
    who = f"{credentials.uid}:{credentials.gid}:{sorted(credentials.groups)}:{executable}"
    key = (name, path_list, process.cwd, who)
    if key not in commands:
        may_execute = credentials.may_execute if executable else credentials.may_read
        commands[key] = next((path for path, node in files_in_path(process, name) if may_execute(node.entry)), None)
    return commands[key]


def files_in_path(process: Process, name: str) -> Iterator[tuple[str, Node]]:
    """The regular files with that name in ``PATH``, executable or not, in its order."""
    for directory in process.env.get("PATH", DEFAULT_PATH).split(":"):
        path = f"{directory or '.'}/{name}"
        node = process.rootfs.lookup(path, cwd=process.cwd, may_search=process.credentials.may_search)
        if isinstance(node, Node) and node.is_file:
            yield path, node


_SHELL_LETTERS = frozenset("abefhiklmnprstuvxBCDEHIOPTVco")
_OPTION_NAMES = frozenset(
    {"allexport", "errexit", "nounset", "pipefail", "verbose", "xtrace", "noglob", "noclobber", "posix", "monitor"}
    | {"extglob", "nullglob", "globstar", "dotglob", "failglob", "inherit_errexit", "lastpipe", "errtrace", "functrace"}
)
"""Values of ``-o`` and ``-O`` in front of a script."""


def shell_options(arguments: tuple[str, ...]) -> tuple[set[str] | None, tuple[str, ...]]:
    """The letters of a shell's options, and the remaining words; None for the letters if one is unknown."""
    options: set[str] = set()
    index = 0
    while index < len(arguments):
        word = arguments[index]
        if word in {"--", "-"}:
            index += 1
            break
        if word.startswith("--"):
            if word not in {"--noprofile", "--norc", "--posix", "--login"}:
                return None, ()
            options |= {"l"} if word == "--login" else set()
        elif word[:1] in {"-", "+"} and len(word) > 1:
            letters = word[1:]
            if word.startswith("-"):
                options |= set(letters)
            if not set(letters) <= _SHELL_LETTERS:
                return None, ()
            if letters.endswith(("o", "O")):
                index += 1
                if arguments[index : index + 1] not in {(name,) for name in _OPTION_NAMES}:
                    return None, ()
        else:
            break
        index += 1
    return options, arguments[index:]


def illegal_letter(word: str) -> str:
    """The first character of an option cluster that no shell accepts; empty if there is none."""
    if len(word) < 2 or word[0] not in "-+" or word.startswith("--"):
        return ""
    return next((letter for letter in word[1:] if not letter.isalpha()), "")


def crlf_warning(name: str) -> Finding:
    """The finding for a script with CR LF line ends after its first line."""
    return Finding(
        code=CheckCode.SHEBANG_CRLF,
        severity=Severity.WARNING,
        subject=Subject.ENTRYPOINT,
        path=name,
        predicts=None,
        evidence=(f"{name}: lines end in CR LF; the shell takes the CR as part of the last word",),
        fix=_LF_FIX,
    )


def illegal_option(tool: Tool, argv: tuple[str, ...], letter: str, *, script: Node | None) -> Finding:
    """The finding for an invalid option cluster: a ``#!`` line passes all options as one word."""
    predicts = {
        Tool.DASH: f"{argv[0]}: 0: Illegal option -{letter}",
        Tool.BUSYBOX: f"{argv[0]}: illegal option -{letter}",
    }.get(tool, f"{argv[0]}: -{letter}: invalid option")
    is_crlf = letter == "\r"
    return error_finding(
        CheckCode.SHEBANG_CRLF if is_crlf else CheckCode.SHEBANG_INTERPRETER_MISSING,
        script.path if script else argv[0],
        predicts.strip(),
        (f"{argv[0]} is given {with_visible_returns(argv[1])} as one word of options",),
        _LF_FIX
        if is_crlf
        else "A #! line passes one argument. Use set -eu in the script, or combine the options in one word.",
    )


def lacks_text(tool: Tool, name: str) -> Finding:
    """The finding for ``sh -c`` without a text."""
    predicts = {
        Tool.DASH: f"{name}: 0: -c requires an argument",
        Tool.BUSYBOX: f"{name}: -c requires an argument",
    }.get(tool, f"{name}: -c: option requires an argument")
    return error_finding(
        CheckCode.ENTRYPOINT_MISSING,
        name,
        predicts,
        (f"{name} -c is given no command",),
        "Give the command: CMD in the Dockerfile, or words after -c in ENTRYPOINT.",
    )


def not_found(process: Process, shell: Shell, name: str, *, execs: bool) -> Finding:
    """The finding for a command in no directory of ``PATH``, or only as a file that may not be executed."""
    there = next((path for path, _ in files_in_path(process, name)), None)
    # dash and busybox resolve the empty name to the directory itself.
    if there is None and (name or shell.tool is Tool.BASH):
        return word_missing(process, shell, name, execs=execs)
    said = name if there is None or shell.tool is not Tool.BASH else there
    return error_finding(
        CheckCode.ENTRYPOINT_NOT_EXECUTABLE,
        there or name,
        shell_text(process, shell, said, Errno.EACCES, there=True, execs=execs),
        (f"{shell.name}: runs {name}", f"{there}: not executable for the user" if there else "the name is empty"),
        "COPY --chmod=755, or chmod +x it in the build context (git keeps the bit)." if there else "Name a program.",
    )


def word_missing(process: Process, shell: Shell, name: str, *, execs: bool) -> Finding:
    """The finding for a command that the image does not have; `execs` means that it follows ``exec``."""
    where = "not in the image" if "/" in name else "in no directory of PATH"
    return Finding(
        code=CheckCode.SHELL_WORD_MISSING,
        severity=Severity.WARNING,
        subject=Subject.ENTRYPOINT,
        path=name,
        predicts=shell_text(process, shell, name, Errno.ENOENT, there=False, execs=execs),
        evidence=(f"{shell.name}: runs {name}", f"{name}: {where}"),
        fix=f"Install {name} in the final stage, or correct its path.",
    )


def may_be_applet(process: Process, shell: Shell, name: str) -> bool:
    """True if the shell's busybox may provide the command as an applet, regardless of ``PATH``."""
    return shell.tool is Tool.BUSYBOX and name in busybox_of(process.rootfs, shell.program).applets


def shell_text(process: Process, shell: Shell, name: str, errno: Errno, *, there: bool, execs: bool) -> str | None:
    """The shell's message for a command that cannot be executed; ``None`` if the shell's messages are unknown."""
    text = ERRNO_TEXT[errno]
    match shell.tool:
        case Tool.DASH:
            said = "not found" if errno in {Errno.ENOENT, Errno.ENOTDIR} else text
            return f"{shell.name}: {shell.line}: {'exec: ' if execs else ''}{name}: {said}"
        case Tool.BUSYBOX:
            if errno is Errno.ENOEXEC:
                return f"{name}: line "
            said = "not found" if errno in {Errno.ENOENT, Errno.ENOTDIR} else text
            if execs:
                return f"{shell.name}: exec: line {shell.line if shell.from_file else 0}: {name}: {said}"
            return (
                f"{shell.name}: line {shell.line}: {name}: {said}"
                if shell.from_file
                else f"{shell.name}: {name}: {said}"
            )
        case Tool.BASH:
            prefix = f"{shell.name}: line {shell.line}: "
            if errno is Errno.ENOEXEC:
                return f"{prefix}{name}: cannot execute binary file: Exec format error"
            if errno is Errno.EACCES and _is_directory(process, name):
                return f"{prefix}{name}: Is a directory"
            if errno is Errno.ENOENT and there:
                new = _NEW_BASH_MARK in process.rootfs.read(shell.program, limit_bytes=MAX_SHELL_BYTES)
                return f"{prefix}{name}: cannot execute: required file not found" if new else f"{prefix}{name}: {text}"
            if errno is Errno.ENOENT and "/" not in name:
                return f"{prefix}exec: {name}: not found" if execs else f"{prefix}{name}: command not found"
            return f"{prefix}{name}: {text}"
        case _:
            return None


def _is_directory(process: Process, path: str) -> bool:
    node = process.rootfs.lookup(path, cwd=process.cwd)
    return isinstance(node, Node) and node.is_directory


def error_finding(
    code: CheckCode, path: str, predicts: str | None, evidence: tuple[str, ...], fix: str | None
) -> Finding:
    """An error finding for the entrypoint."""
    return Finding(
        code=code,
        severity=Severity.ERROR,
        subject=Subject.ENTRYPOINT,
        path=path,
        predicts=predicts,
        evidence=evidence,
        fix=fix,
    )


def dialect_of(tool: Tool) -> Dialect:
    """The dialect of a shell."""
    return {Tool.BASH: Dialect.BASH, Tool.BUSYBOX: Dialect.ASH}.get(tool, Dialect.POSIX)


def builtin_text(shell: Shell, builtin: str, text: str) -> str:
    """The error message of a builtin, or of the shell itself if `builtin` is empty."""
    if shell.tool is Tool.BASH:
        return f"{shell.name}: line {shell.line}: {builtin + ': ' if builtin else ''}{text}"
    if shell.tool is Tool.BUSYBOX:
        line = shell.line if shell.from_file else 0
        if builtin:
            return f"{shell.name}: {builtin}: line {line}: {text}"
        return f"{shell.name}: line {line}: {text}" if shell.from_file else f"{shell.name}: {text}"
    return f"{shell.name}: {shell.line}: {builtin + ': ' if builtin else ''}{text}"


def syntax_text(shell: Shell, fault: SyntaxFault, *, in_eval: bool = False) -> str:
    """The shell's message for a syntax error; `in_eval` names the builtin that reads the text."""
    here = replace(shell, line=fault.line)
    where = "eval" if in_eval else ""
    if in_eval and shell.tool is Tool.BASH:
        # The line at the end of the text counts once more.
        return f"{shell.name}: eval: line "
    what = fault.token.replace("\n", "newline")
    if fault.expected in {"'", '"', "`"}:
        if shell.tool is Tool.BASH:
            return f"unexpected EOF while looking for matching `{fault.expected}'"
        return "nterminated quoted string"
    if shell.tool is Tool.BASH:
        said = f"near unexpected token `{what}'" if what else "syntax error: unexpected end of file"
        return builtin_text(here, "", f"syntax error {said}" if what else said)
    busybox = shell.tool is Tool.BUSYBOX
    if what in _SAID:
        return builtin_text(
            here, "", f"syntax error: {_SAID[what].lower()}" if busybox else f"Syntax error: {_SAID[what]}"
        )
    # dash and busybox name reserved words and operators, and call any other token a word.
    is_word = len(what) > 2 and what not in _RESERVED | {REDIRECTION}
    shown = "word" if is_word and what != "newline" else what if what in {"newline", REDIRECTION, ""} else f'"{what}"'
    expected = f' (expecting "{fault.expected}")' if fault.expected else ""
    if shell.tool is Tool.BUSYBOX:
        said = f"unexpected {shown}" if what else "unexpected end of file"
        return builtin_text(here, where, f"syntax error: {said}{'' if what else expected}")
    return builtin_text(here, where, f"Syntax error: {shown or 'end of file'} unexpected{'' if what else expected}")


def command_missing(process: Process, shell: Shell, name: str) -> tuple[Finding, int]:
    """The finding for a command in no directory of ``PATH``, and its status: 127, or 126 for an existing file."""
    there = next(files_in_path(process, name), None)
    return not_found(process, shell, name, execs=False), 127 if there is None else 126


_SAID = {
    ARITHMETIC_END: "Missing '))'",
    FOR_VARIABLE: "Bad for loop variable",
    FUNCTION_NAME: "Bad function name",
}
_RESERVED = frozenset({"then", "elif", "else", "fi", "do", "done", "esac", "case", "for", "while", "until", "if"})
_POSIX_BUILTINS = frozenset(
    {".", ":", "[", "alias", "bg", "break", "cd", "chdir", "command", "continue", "echo", "eval", "exec", "exit"}
    | {"export", "false", "fg", "getopts", "hash", "jobs", "kill", "local", "printf", "pwd", "read", "readonly"}
    | {"return", "set", "shift", "test", "times", "trap", "true", "type", "ulimit", "umask", "unalias", "unset", "wait"}
)


def builtins_of(tool: Tool) -> frozenset[str]:
    """The commands that a shell implements itself."""
    if tool is Tool.BASH:
        return BUILTINS - {"chdir"}
    return _POSIX_BUILTINS | {"source", "[[", "let", "history", "help"} if tool is Tool.BUSYBOX else _POSIX_BUILTINS
