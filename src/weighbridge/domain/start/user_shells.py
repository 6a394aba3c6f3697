"""``su``, ``runuser`` and ``capsh``: tools that execute a shell as another user."""

from __future__ import annotations

from weighbridge.domain.start.handover import Handover, Stay
from weighbridge.domain.start.wrapper_rules import ErrorText, UserProblem, UserText, busybox_text, no_text

_CAPSH_OPTIONS = ("--drop", "--caps", "--inh", "--keep", "--secbits", "--print", "--noamb", "--addamb", "--delamb")


def names_user(argv: tuple[str, ...]) -> bool:
    """True for a ``runuser`` that runs a command instead of a shell (``-u``)."""
    return any(word.split("=")[0] in {"-u", "--user"} for word in argv[1:])


def su_command(tool: str, argv: tuple[str, ...], *, busybox: bool) -> Handover | Stay | str:
    """``su`` and ``runuser`` without ``-u``: the user's shell, or that of ``-s``, runs the text of ``-c``."""
    shell: str | None = None
    text: str | None = None
    operands: list[str] = []
    is_login = False
    words = list(argv[1:])
    while words:
        word = words.pop(0)
        if word in {"-", "-l", "--login"}:
            is_login = True
            continue
        if word == "--":
            operands += words
            break
        name, has_value, value = word.partition("=")
        if name in {"-c", "--command", "-s", "--shell", "-g", "--group", "-G", "--supp-group"}:
            if not has_value:
                value = words.pop(0) if words else ""
            if name in {"-s", "--shell"}:
                shell = value
            elif name in {"-c", "--command"}:
                text = value
        elif word.startswith("-"):
            return f"{tool} {word}: not followed"
        else:
            operands.append(word)
    user, arguments = (operands[0], operands[1:]) if operands else ("root", [])
    inner = () if text is None else ("-c", text)
    return Handover(
        tool=tool,
        command=(shell or "", *inner, *arguments),
        user=user,
        user_shell=True,
        start_up_files=is_login,
        text=busybox_text(tool) if busybox else _execution(tool),
        user_text=no_text if busybox else _su_user_text(tool),
        sets_home=True,
    )


def _execution(tool: str) -> ErrorText:
    return lambda name, message, _there: f"{tool}: failed to execute {name}: {message}"


def _su_user_text(tool: str) -> UserText:
    not_root = "runuser: may not be used by non-root users" if tool == "runuser" else None
    return lambda user, problem: f"{tool}: user {user} does not exist" if problem is UserProblem.UNKNOWN else not_root


def capsh_command(argv: tuple[str, ...]) -> Handover | Stay | str:
    """``capsh``: the words after ``--`` are arguments for bash."""
    user: str | None = None
    for index, word in enumerate(argv[1:], start=1):
        if word == "--":
            return Handover(tool="capsh", command=("/bin/bash", *argv[index + 1 :]), user=user, uses_execvp=False)
        name, _, value = word.partition("=")
        if name == "--user":
            user = value
        elif name not in _CAPSH_OPTIONS:
            return f"capsh {name}: not followed"
    return Stay()
