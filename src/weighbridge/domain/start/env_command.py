"""``env``: its options, the variables that it sets, and the command that it executes."""

from __future__ import annotations

import re
import shlex

from weighbridge.domain.start.handover import Handover, Stay
from weighbridge.domain.start.wrapper_rules import ASSIGNMENT, NOT_FOUND, busybox_text


def env_command(argv: tuple[str, ...], *, busybox: bool, getopt: str) -> Handover | Stay | str:
    """``env``: a ``#!`` line passes its arguments as one word, which only ``-S`` of coreutils splits."""
    words = list(argv[1:])
    from_shebang = len(argv) > 2 and " " not in argv[0]
    clears, directory = False, None
    unsets: set[str] = set()
    while words and words[0].startswith("-"):
        word = words.pop(0)
        name, has_value, value = word.partition("=")
        if word == "--":
            break
        if word in {"-i", "-", "--ignore-environment"}:
            clears = True
        elif name in {"-u", "--unset", "-C", "--chdir"}:
            if not has_value:
                value = words.pop(0) if words else ""
            if name in {"-u", "--unset"}:
                unsets.add(value)
            else:
                directory = value
        elif word.startswith(("-S", "-vS", "--split-string")):
            if busybox:
                return Handover(
                    tool="env",
                    fails_with=getopt,
                    explains="env of busybox has no -S",
                    fix="Call the interpreter directly in the #! line.",
                )
            split = word.removeprefix("--split-string").removeprefix("-v").removeprefix("-S").removeprefix("=")
            if not split and words:
                split = words.pop(0)
            taken = _split_words(split)
            if taken is None:
                return "env -S with escapes or variables"
            words = [*taken, *words]
        else:
            return f"env {word}"
    assigns: list[tuple[str, str]] = []
    while words and ASSIGNMENT.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        assigns.append((name, value))
    if not words:
        return Stay()
    return Handover(
        tool="env",
        command=tuple(words),
        text=busybox_text("env") if busybox else _env_text,
        assigns=tuple(assigns),
        clears=clears,
        unsets=frozenset(unsets),
        directory=directory,
        from_shebang=from_shebang,
    )


def _env_text(name: str, message: str, _there: bool) -> str:
    # coreutils before 9.5 print the whole path of the command, later versions only its last component.
    escaped = name.replace("\r", "\\r")
    return f"env: '{escaped}': {message}"


def _split_words(text: str) -> list[str] | None:
    """The words of ``env -S``; None if it has variables, comments, or escapes other than that of a space."""
    plain = re.sub(r"'[^'\\]*'", "''", text).replace("\\_", " ")
    if any(character in plain for character in "\\$#"):
        return None
    try:
        return shlex.split(text.replace("\\_", " "), posix=True)
    except ValueError:
        return None


def env_directory_text(directory: str, message: str = NOT_FOUND) -> str:
    """The message of ``env -C`` if it cannot enter the directory."""
    return f"env: cannot change directory to '{directory}': {message}"
