"""Small programs that execute another one: which argument it is, and their changes before."""

from __future__ import annotations

import re

from weighbridge.domain.start.env_command import env_command
from weighbridge.domain.start.handover import Handover, Stay
from weighbridge.domain.start.user_shells import capsh_command, names_user, su_command
from weighbridge.domain.start.wrapper_rules import (
    ALIASES,
    ASSIGNMENT,
    RULES,
    UNDECIDED_TOOLS,
    UserProblem,
    UserText,
    WrapperRule,
    busybox_text,
    no_text,
)

_DURATION = re.compile(r"[0-9]*(?:\.[0-9]*)?[smhd]?|inf(?:inity)?")
_MODE = re.compile(r"L|[0-9]+[kKMGTPEZY]?B?")
_LOADER = re.compile(r"ld(?:-linux[\w.-]*|-musl-[\w.-]+|-[0-9.]+|64)?\.so(?:\.[0-9]+)*")
_OPTIONS = {
    "setpriv": frozenset(
        {"--clear-groups", "--keep-groups", "--init-groups", "--no-new-privs", "--nnp", "-d", "--dump"}
    )
    | {"--list-caps"},
    "sudo": frozenset(f"-{letter}" for letter in "AbBEHkKnNPSvu")
    | {"--preserve-env", "--set-home", "--non-interactive", "--background", "--stdin", "--user"},
    "chpst": frozenset(f"-{letter}" for letter in "vVP012u"),
    "tini": frozenset(f"-{letter}" for letter in "hvwgls"),
    "dumb-init": frozenset(f"-{letter}" for letter in "hVvc")
    | {"--help", "--version", "--verbose", "--single-child", "--rewrite"},
}
"""The options without a value of tools that refuse others."""
_NOT_OF_BUSYBOX = {
    "setpriv": frozenset({"--reuid", "--regid", "--ruid", "--rgid", "--euid", "--egid", "--clear-groups", "--groups"})
    | {"--init-groups", "--keep-groups", "--securebits", "--reset-env"},
    "setsid": frozenset({"-w", "--wait", "-f", "--fork"}),
}
"""Options of util-linux that the applets of busybox do not have."""
_INITS = frozenset({"tini", "dumb-init"})


def wrapped_command(tool: str, argv: tuple[str, ...], *, busybox: bool, getopt: str = "") -> Handover | Stay | str:
    """The program that `tool` with `argv` executes; a string gives the reason if it is unknown.

    `getopt` is the message of busybox's ``env`` for ``-S``, which it does not support.
    """
    tool = ALIASES.get(tool, tool)
    if tool == "env":
        return env_command(argv, busybox=busybox, getopt=getopt)
    if tool == "su" or (tool == "runuser" and not names_user(argv)):
        return su_command(tool, argv, busybox=busybox)
    if tool == "capsh":
        return capsh_command(argv)
    rule = RULES.get(tool)
    if rule is None:
        if tool in UNDECIDED_TOOLS:
            return f"{tool} decides what it executes"
        if _LOADER.fullmatch(tool) and len(argv) > 1:
            return f"{tool} is a loader that is called as a program: what it loads is not followed"
        return Stay()
    return _by_rule(tool, rule, argv, busybox=busybox)


def _by_rule(tool: str, rule: WrapperRule, argv: tuple[str, ...], *, busybox: bool) -> Handover | Stay | str:
    words = list(argv[1:])
    user: str | None = None
    env_folder: str | None = None
    ignores_folder = False
    if busybox and words[:1] and words[0].partition("=")[0] in _NOT_OF_BUSYBOX.get(tool, ()):
        return Handover(
            tool=tool,
            fails_with=f"Usage: {tool} ",
            explains=f"{tool} of busybox has no {words[0].partition('=')[0]}",
            fix="Install the program of util-linux in the final stage.",
        )
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        if word == "--":
            break
        if word in {"--version", "--help", "-V"} and tool != "chpst":
            return Stay()
        for name, value in _options_in(rule, word, words):
            is_unknown = tool in _INITS and name not in rule.with_value | _OPTIONS[tool]
            if is_unknown:
                return _unknown_option(tool, name)
            if name in rule.refuses or (tool in _OPTIONS and name not in rule.with_value | _OPTIONS[tool]):
                return f"{tool} {name}: not followed"
            if name in rule.user_option:
                user = value
            if name == rule.folder_option:
                env_folder = value
            ignores_folder |= tool == "s6-envdir" and name == "-I"
    assigns: list[tuple[str, str]] = []
    while tool == "sudo" and words and ASSIGNMENT.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        assigns.append((name, value))
    if tool == "flock" and words[1:2] and words[1] in {"-c", "--command"}:
        return f"flock {words[1]}: not followed" if busybox else _flock_text(words)
    if tool == "flock" and not busybox and len(words) < 2:
        if words and words[0].isdecimal():
            return f"flock {words[0]}: the caller decides whether the file descriptor is open"
        text = "flock: bad file descriptor" if words else "flock: not enough arguments"
        return Handover(tool=tool, fails_with=text, explains="flock is given no command to execute", lacks_command=True)
    command = tuple(words[rule.operands :])
    wrong = None if busybox else _wrong_value(tool, argv[1:], words)
    if wrong is not None:
        return Handover(tool=tool, fails_with=wrong, explains=f"{tool} does not take its arguments")
    if not command:
        if not rule.without_command or (busybox and tool not in {"timeout", "setsid", "nohup"}):
            return Stay()
        return Handover(
            tool=tool,
            fails_with=f"Usage: {tool} " if busybox else rule.without_command,
            explains=f"{tool} is given no command to execute",
            fix=f"Give the command: CMD in the Dockerfile, or words after {tool} in ENTRYPOINT.",
            lacks_command=True,
        )
    if tool == "chroot" and words[0] != "/":
        return f"chroot {words[0]}: not followed"
    if rule.takes_user:
        user = words[0]
    if tool == "s6-envdir" and not ignores_folder:
        env_folder = words[0]
    if ignores_folder:
        return f"{tool} -I: whether its folder is there decides nothing"
    if tool in {"sudo", "doas", "chroot"}:
        user = user or "root"
    if tool == "ionice" and argv[1][:2] == "-c" and "1" in (argv[1][2:], *argv[2:3]):
        return "ionice -c1: the kernel decides whether it may"
    if tool == "setsid" and not {"-w", "--wait"}.intersection(argv):
        return "setsid without --wait ends at once, and the container ends with it"
    return Handover(
        tool=tool,
        command=command,
        text=busybox_text(tool) if busybox else rule.text,
        user=user,
        user_text=no_text if busybox else _setpriv_user_text(argv) if tool == "setpriv" else rule.user_text,
        finds_executables=rule.finds_executables,
        uses_execvp=rule.uses_execvp,
        sets_home=rule.sets_home,
        names_only=rule.names_only and not busybox,
        env_folder=env_folder,
        folder_text=rule.folder_text,
        assigns=tuple(assigns),
        lock_file=words[0] if tool == "flock" and not busybox else None,
    )


def _flock_text(words: list[str]) -> Handover:
    """``flock FILE -c TEXT``: the shell of ``SHELL`` or ``/bin/sh`` runs the text. `words` follow the options."""
    if len(words) != 3:
        text = f"flock: {words[1]} requires exactly one command argument"
        return Handover(tool="flock", fails_with=text, explains=f"flock {words[1]} is given {len(words) - 2} words")
    return Handover(
        tool="flock", command=("", "-c", words[2]), text=RULES["flock"].text, env_shell=True, lock_file=words[0]
    )


def _unknown_option(tool: str, name: str) -> Handover:
    """How ``getopt`` refuses an option of an init program, which then ends."""
    text = (
        f"{tool}: unrecognized option '{name}'" if name.startswith("--") else f"{tool}: invalid option -- '{name[1:]}'"
    )
    return Handover(
        tool=tool,
        fails_with=text,
        explains=f"{tool} has no option {name[:60]}",
        fix=f"Write -- between the options of {tool} and the command.",
    )


def _wrong_value(tool: str, given: tuple[str, ...], rest: list[str]) -> str | None:
    """The message of a tool of coreutils whose number, time or mode is none. `rest` are the words after the options."""
    options = [word for word in given[: len(given) - len(rest)] if word != "--"]
    if tool == "timeout" and rest and not _DURATION.fullmatch(rest[0]):
        return "timeout: invalid time interval"
    if tool == "nice" and options:
        value = options[-1].removeprefix("--adjustment=").removeprefix("-n")
        if not re.fullmatch(r"[-+]*[0-9]+", value):
            return "nice: invalid adjustment"
        return None if rest else "nice: a command must be given with an adjustment"
    if tool == "stdbuf" and not options and rest:
        return "stdbuf: you must specify a buffering mode option"
    modes = (word[2:] for word in options if tool == "stdbuf" and word[:2] in {"-i", "-o", "-e"} and len(word) > 2)
    return "stdbuf: invalid mode" if any(not _MODE.fullmatch(mode) for mode in modes) else None


def _options_in(rule: WrapperRule, word: str, words: list[str]) -> list[tuple[str, str]]:
    """The options in a word and their values, which the following words may be: ``-vu app`` is two options."""
    if word.startswith("--"):
        name, has_value, value = word.partition("=")
        if not has_value and name in rule.with_value and words:
            value = words.pop(0)
        return [(name, value)]
    found: list[tuple[str, str]] = []
    for index, letter in enumerate(word[1:], start=2):
        name = f"-{letter}"
        if name in rule.with_value or name in rule.user_option:
            value = word[index:] or (words.pop(0) if words else "")
            return [*found, (name, value)]
        found.append((name, ""))
    return found


def _setpriv_user_text(argv: tuple[str, ...]) -> UserText:
    """``setpriv`` sets groups, then the group, then the user; the first call fails."""
    names = {word.partition("=")[0] for word in argv}
    calls = (
        ("initgroups", {"--init-groups"}),
        ("setgroups", {"--clear-groups", "--groups"}),
        ("setresgid", {"--regid", "--rgid", "--egid"}),
    )
    call = next((call for call, options in calls if options & names), "setresuid")
    unknown, not_root = "setpriv: failed to parse reuid: '{user}'", f"setpriv: {call} failed: Operation not permitted"
    return lambda user, problem: unknown.format(user=user) if problem is UserProblem.UNKNOWN else not_root
