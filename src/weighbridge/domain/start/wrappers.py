"""Small programs that execute another one: which of their arguments it is, and what they print when it is not there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

_NOT_PERMITTED = "Operation not permitted"
_NOT_FOUND = "No such file or directory"
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stay:
    """The program executes no other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Handover:
    """`tool` executes `command`, as `user` where it changes that.

    `text` is its error text, from the name and the C library's message; `user_text` the same for a user that it cannot
    become. `finds_executables` tools, written in Go, do not see a file in ``PATH`` that is not executable.
    """

    tool: str
    command: tuple[str, ...] = ()
    text: Callable[[str, str], str | None] = field(default=lambda _name, _message: None)
    assigns: tuple[tuple[str, str], ...] = ()
    user: str | None = None
    from_shebang: bool = False
    unsure: str | None = None
    group: str | None = None
    user_text: Callable[[str, str], str | None] = field(default=lambda _user, _message: None)
    finds_executables: bool = False
    fails_with: str | None = None
    explains: str = ""
    fix: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rule:
    """How a wrapper's command line is read.

    `with_value` options take a value, `operands` words stand before the command. The user is the first operand
    (`takes_user`) or the value of `user_option`. What options in `refuses` do is not followed.
    """

    with_value: frozenset[str] = frozenset()
    operands: int = 0
    text: Callable[[str, str], str | None] = lambda _name, _message: None
    takes_user: bool = False
    user_option: tuple[str, ...] = ()
    user_text: Callable[[str, str], str | None] = lambda _user, _message: None
    finds_executables: bool = False
    refuses: frozenset[str] = frozenset()


def _failed_to_run(tool: str) -> Callable[[str, str], str]:
    return lambda name, message: f"{tool}: failed to run command '{name}': {message}"


def _plain(tool: str) -> Callable[[str, str], str]:
    return lambda name, message: f"{tool}: '{name}': {message}"


def _gosu(name: str, message: str) -> str:
    """Go's messages, which differ between a failed ``LookPath`` and a refused ``execve``."""
    if message != "No such file or directory":
        return f"error: exec failed: {message.lower()}"
    return "no such file or directory" if "/" in name else f'exec: "{name}": executable file not found in $PATH'


def _gosu_user(user: str, message: str) -> str:
    return f'error: failed switching to "{user}": {message[:1].lower() + message[1:]}'


_RULES: dict[str, _Rule] = {
    "tini": _Rule(with_value=frozenset({"-p", "-e"}), text=lambda name, message: f"exec {name} failed: {message}"),
    "dumb-init": _Rule(
        with_value=frozenset({"-r", "--rewrite"}), text=lambda name, message: f"[dumb-init] {name}: {message}"
    ),
    "catatonit": _Rule(text=lambda _name, message: f"failed to exec pid1: {message}"),
    "su-exec": _Rule(
        operands=1,
        text=lambda name, message: f"su-exec: {name}: {message}",
        takes_user=True,
        user_text=lambda _user, message: f"su-exec: setgroups: {message}" if message == _NOT_PERMITTED else None,
    ),
    "gosu": _Rule(operands=1, text=_gosu, takes_user=True, user_text=_gosu_user, finds_executables=True),
    "s6-setuidgid": _Rule(
        operands=1,
        text=lambda name, message: f"s6-applyuidgid: fatal: unable to exec {name}: {message}",
        takes_user=True,
    ),
    "setpriv": _Rule(
        with_value=frozenset({"--reuid", "--regid", "--groups", "--inh-caps", "--ambient-caps", "--bounding-set"})
        | frozenset({"--ruid", "--euid", "--rgid", "--egid", "--securebits", "--pdeathsig"}),
        text=lambda name, message: f"setpriv: failed to execute {name}: {message}",
        user_option=("--reuid",),
        user_text=lambda _user, message: f"setpriv: setresuid failed: {message}" if message == _NOT_PERMITTED else None,
        refuses=frozenset({"--reset-env", "--bounding-set", "--selinux-label", "--apparmor-profile"}),
    ),
    "runuser": _Rule(
        with_value=frozenset({"-u", "--user", "-g", "--group", "-G", "--supp-group"}),
        text=lambda name, message: f"runuser: failed to execute {name}: {message}",
        user_option=("-u", "--user"),
        user_text=lambda _user, message: (
            "runuser: may not be used by non-root users" if message == _NOT_PERMITTED else None
        ),
        refuses=frozenset({"-c", "--command", "-l", "--login", "-", "-s", "--shell"}),
    ),
    "sudo": _Rule(
        with_value=frozenset({"-u", "--user", "-g", "--group", "-h", "-p", "-C", "-T", "-U", "-r", "-t"}),
        text=lambda name, message: f"sudo: {name}: command not found" if message == _NOT_FOUND else None,
        user_option=("-u", "--user"),
        refuses=frozenset({"-i", "-s", "--login", "--shell", "-e", "-l", "-D", "-R"}),
    ),
    "nice": _Rule(with_value=frozenset({"-n", "--adjustment"}), text=_plain("nice")),
    "nohup": _Rule(text=_failed_to_run("nohup")),
    "timeout": _Rule(
        with_value=frozenset({"-k", "--kill-after", "-s", "--signal"}), operands=1, text=_failed_to_run("timeout")
    ),
    "stdbuf": _Rule(
        with_value=frozenset({"-i", "-o", "-e", "--input", "--output", "--error"}), text=_failed_to_run("stdbuf")
    ),
    "ionice": _Rule(with_value=frozenset({"-c", "-n", "-p", "-P", "-u"})),
    "taskset": _Rule(operands=1),
}
_ALIASES = {"tini-static": "tini", "docker-init": "tini"}


def wrapped_command(tool: str, argv: tuple[str, ...], *, busybox: bool, getopt: str = "") -> Handover | Stay | str:
    """What the program `tool` with `argv` executes; a string says why that is unknown.

    `getopt` is how busybox complains about ``-S``, which it does not have.
    """
    tool = _ALIASES.get(tool, tool)
    if tool == "env":
        return _env(argv, busybox=busybox, getopt=getopt)
    rule = _RULES.get(tool)
    if rule is None:
        if tool in {"chroot", "setsid", "xargs", "su", "doas", "capsh", "chpst", "execlineb", "unshare", "nsenter"}:
            return f"{tool} decides what it executes"
        return Stay()
    words = list(argv[1:])
    user: str | None = None
    while words and words[0].startswith("-") and (words[0] != "-" or "-" in rule.refuses):
        word = words.pop(0)
        if word == "--":
            break
        name, has_value, value = word.partition("=")
        if name in rule.refuses:
            return f"{tool} {name}: not followed"
        if not has_value and name in rule.with_value and words:
            value = words.pop(0)
        if name in rule.user_option:
            user = value
    command = tuple(words[rule.operands :])
    if not command:
        return Stay()
    text = rule.text
    if busybox:
        text = lambda name, message: f"{tool}: can't execute '{name}': {message}"  # noqa: E731
    return Handover(
        tool=tool,
        command=command,
        text=text,
        user=words[0] if rule.takes_user else user,
        user_text=rule.user_text,
        finds_executables=rule.finds_executables,
    )


def _env(argv: tuple[str, ...], *, busybox: bool, getopt: str) -> Handover | Stay | str:
    """``env``: from a ``#!`` line it gets its arguments in one word, which only ``-S`` of coreutils takes apart."""
    words = list(argv[1:])
    assigns: list[tuple[str, str]] = []
    from_shebang = len(argv) > 2 and " " not in argv[0]
    while words and words[0].startswith("-"):
        word = words.pop(0)
        if word == "--":
            break
        if word in {"-i", "-", "--ignore-environment"}:
            return "env -i clears the environment, PATH with it"
        if word in {"-u", "--unset", "-C", "--chdir"}:
            if word in {"-C", "--chdir"}:
                return "env -C changes the directory"
            if words:
                words.pop(0)
            continue
        if word.startswith(("-S", "-vS", "--split-string")):
            if busybox:
                return Handover(
                    tool="env",
                    fails_with=f"env: {getopt}",
                    explains="env of busybox has no -S",
                    fix="Call the interpreter directly in the #! line.",
                )
            split = word.removeprefix("--split-string").removeprefix("-v").removeprefix("-S").removeprefix("=")
            if not split and words:
                split = words.pop(0)
            if any(character in split for character in "\\'\"$#"):
                return "env -S with quotes or variables"
            words = [*split.split(), *words]
            continue
        return f"env {word}"
    while words and _ASSIGNMENT.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        assigns.append((name, value))
    if not words:
        return Stay()

    def text(name: str, message: str) -> str:
        if busybox:
            return f"env: can't execute '{name}': {message}"
        # coreutils before 9.5 print the whole path that they were called by, later ones its last part only.
        escaped = name.replace("\r", "\\r")
        return f"env: '{escaped}': {message}"

    return Handover(tool="env", command=tuple(words), text=text, assigns=tuple(assigns), from_shebang=from_shebang)
