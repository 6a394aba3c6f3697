"""Calls of builtin commands that certainly fail: unknown options, bad numbers, bad names, missing arguments.

The messages were recorded from dash 0.5.12, bash 5.2 and the ash of busybox 1.35. A special builtin (POSIX XCU 2.14)
ends dash, ash and a bash that runs as ``sh``.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from weighbridge.domain.start.programs import Tool

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"[0-9]{1,9}")
_SYMBOLIC_MODE = re.compile(r"[ugoa]*([-+=][rwxXst]*)+(,[ugoa]*([-+=][rwxXst]*)+)*")
_SPECIAL = frozenset({"break", "continue", "exit", "export", "readonly", "return", "set", "shift", "trap", "unset"})
_NUMBERED = frozenset({"exit", "return", "break", "continue", "shift"})
MIN_UNUSED_PID = 1000
"""A container counts its processes from 1: a script that starts none in the background meets no such number."""
_ULIMIT_LETTERS = "HSabcdefiklmnpqrstuvwxPRT"
_OPTIONS: Mapping[Tool, Mapping[str, str]] = {
    Tool.DASH: {
        **dict.fromkeys(("cd", "chdir", "pwd"), "LP"),
        **dict.fromkeys(("trap", "wait", "fg", "bg", "printf"), ""),
        "read": "p:r",
        "umask": "S",
        "unalias": "a",
        "unset": "vf",
        "hash": "r",
        "jobs": "lp",
        "command": "pvV",
        "ulimit": _ULIMIT_LETTERS,
    },
    Tool.BUSYBOX: {
        **dict.fromkeys(("cd", "chdir", "pwd"), "LP"),
        **dict.fromkeys(("trap", "fg", "bg"), ""),
        **dict.fromkeys(("export", "readonly"), "np"),
        "wait": "n",
        "read": "p:u:rt:n:sd:",
        "umask": "S",
        "unalias": "a",
        "unset": "vf",
        "hash": "r",
        "jobs": "lp",
        "command": "pvV",
    },
    Tool.BASH: {
        "cd": "LPe@",
        "pwd": "LP",
        "read": "ersEa:d:i:n:N:p:t:u:",
        "umask": "pS",
        "alias": "p",
        "unalias": "a",
        "unset": "fvn",
        "export": "fnp",
        "readonly": "aAfp",
        "trap": "lpP",
        "wait": "fnp:",
        "jobs": "lnprsx",
        "hash": "lrp:dt",
        "command": "pvV",
        "declare": "aAfFgiIlnrtuxp",
        "typeset": "aAfFgiIlnrtuxp",
        "shopt": "pqsuo",
        "ulimit": _ULIMIT_LETTERS,
        "mapfile": "d:n:O:s:tu:C:c:",
        "readarray": "d:n:O:s:tu:C:c:",
    },
}
_SIGNAL_ROWS = (
    "EXIT HUP INT QUIT ILL TRAP ABRT IOT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CLD CONT",
    "STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO POLL PWR SYS RTMIN RTMAX",
)
_SIGNALS = frozenset(name for row in _SIGNAL_ROWS for name in row.split())
_SHOPT_ROWS = (
    "array_expand_once assoc_expand_once autocd bash_source_fullpath cdable_vars cdspell checkhash",
    "checkjobs checkwinsize cmdhist compat31 compat32 compat40 compat41 compat42 compat43 compat44",
    "compat50 compat51 compat52 complete_fullquote direxpand dirspell dotglob execfail expand_aliases",
    "extdebug extglob extquote failglob force_fignore globasciiranges globskipdots globstar gnu_errfmt",
    "histappend histreedit histverify hostcomplete huponexit inherit_errexit interactive_comments",
    "lastpipe lithist localvar_inherit localvar_unset login_shell mailwarn no_empty_cmd_completion",
    "nocaseglob nocasematch noexpand_translation nullglob patsub_replacement progcomp progcomp_alias",
    "promptvars restricted_shell shift_verbose sourcepath syslog_history varredir_close xpg_echo",
)
_SHOPT = frozenset(name for row in _SHOPT_ROWS for name in row.split())


@dataclass(frozen=True, kw_only=True, slots=True)
class Misuse:
    """A failing call: what the shell prints after the builtin's name, the status, and whether the shell ends.

    `is_bare` texts have no name in front. `drops_line` means that bash drops the rest of the line: it ends a text of
    ``-c``, and continues with the next line of a file, also under ``set -e``.
    """

    text: str
    status: int = 2
    ends: bool = False
    is_bare: bool = False
    drops_line: bool = False


def misuse(tool: Tool, name: str, fields: Sequence[str], *, has_children: bool) -> Misuse | None:
    """How the call fails; None if it may succeed. `has_children` means that the script started background commands."""
    found = _illegal_option(tool, name, fields)
    if found is not None:
        return found
    rule = _RULES.get(name)
    return None if rule is None else rule(_Call(tool=tool, name=name, fields=tuple(fields), has_children=has_children))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Call:
    tool: Tool
    name: str
    fields: tuple[str, ...]
    has_children: bool

    def fails(self, *, dash: str = "", ash: str = "", bash: str = "", status: int = 1) -> Misuse | None:
        """The misuse with the message of the shell; an empty one does not fail. `status` is that of bash."""
        text = {Tool.DASH: dash, Tool.BUSYBOX: ash, Tool.BASH: bash}[self.tool]
        if not text:
            return None
        is_bash = self.tool is Tool.BASH
        return Misuse(text=text, status=status if is_bash else 2, ends=self.name in _SPECIAL and not is_bash)

    def applet_fails(self, *, dash: str, ash: str, bash: str, status: int = 1) -> Misuse | None:
        """The same where the builtin of busybox is its applet, which prints only its message."""
        if self.tool is Tool.BUSYBOX:
            return Misuse(text=ash, status=1, is_bare=True)
        return self.fails(dash=dash, bash=bash, status=status)


def _illegal_option(tool: Tool, name: str, fields: Sequence[str]) -> Misuse | None:
    known = _OPTIONS.get(tool, {}).get(name)
    if known is None:
        return None
    values = {letter for letter, after in itertools.pairwise(known) if after == ":"}
    for word in fields:
        if word in {"-", "--"} or not word.startswith("-") or (name == "cd" and word == "-"):
            return None
        for at, letter in enumerate(word[1:], start=1):
            if letter == ":" or letter not in known:
                return _unknown_letter(tool, name, letter)
            if letter in values:
                if at == len(word) - 1:
                    return None
                break
    return None


def _unknown_letter(tool: Tool, name: str, letter: str) -> Misuse | None:
    if tool is Tool.BASH:
        # A special builtin ends a bash that runs as sh; this is rare, and left to the caller.
        return Misuse(text=f"-{letter}: invalid option", ends=name in _SPECIAL)
    if tool is Tool.BUSYBOX:
        return Misuse(text=f"illegal option -{letter}", ends=name in _SPECIAL)
    return Misuse(text=f"Illegal option -{letter}", ends=name in _SPECIAL)


def _numbered(call: _Call) -> Misuse | None:
    """``exit``, ``return``, ``break``, ``continue`` and ``shift`` with a word that is no number."""
    if not call.fields:
        return None
    word = call.fields[0]
    if call.tool is Tool.BASH and len(call.fields) > 1 and _NUMBER.fullmatch(word):
        return Misuse(text="too many arguments", status=1, ends=True, drops_line=True)
    is_loop = call.name in {"break", "continue"}
    if _NUMBER.fullmatch(word.strip()) and not (is_loop and not int(word)):
        return None
    illegal = f"Illegal number: {word}"
    if call.tool is not Tool.BASH:
        return call.fails(dash=illegal, ash=illegal)
    if re.fullmatch(r"\s*[-+]?[0-9]{1,9}\s*", word):
        if call.name == "shift":
            return Misuse(text=f"{word}: shift count out of range", status=1)
        return Misuse(text=f"{word}: loop count out of range", status=1) if is_loop else None
    status = 1 if call.name == "shift" else 128 if is_loop else 2
    return Misuse(text=f"{word}: numeric argument required", status=status, ends=call.name != "shift")


def _kill(call: _Call) -> Misuse | None:
    words = list(call.fields)
    if words[:1] in (["-l"], ["-L"]):
        return None
    signal = ""
    if words and words[0] in {"-s", "-n"}:
        signal, words = (words[1] if len(words) > 1 else ""), words[2:]
    elif words and words[0].startswith("-") and words[0] != "--":
        signal, words = words[0][1:], words[1:]
    name = signal.upper().removeprefix("SIG")
    if signal and not signal.isdecimal() and name not in _SIGNALS and not name.startswith("RT"):
        return call.applet_fails(
            dash="Illegal option -", ash=f"bad signal name '{signal}'", bash=f"{signal}: invalid signal specification"
        )
    if not words:
        if call.tool is Tool.BASH:
            return Misuse(text="kill: usage: kill [-s sigspec", is_bare=True)
        return call.applet_fails(dash="Usage: kill [-s sigspec", ash="you need to specify whom to kill", bash="")
    for word in words:
        if word.startswith(("%", "-")):
            return None
        if not word.isdecimal():
            return call.applet_fails(
                dash=f"Illegal number: {word}",
                ash=f"invalid number '{word}'",
                bash=f"{word}: arguments must be process or job IDs",
            )
    if call.has_children or any(int(word[:9]) < MIN_UNUSED_PID for word in words):
        return None
    if call.tool is Tool.DASH:
        return Misuse(text="No such process", status=1)
    return call.applet_fails(
        dash="", ash=f"can't kill pid {words[0]}: No such process", bash=f"({words[0]}) - No such process"
    )


def _ulimit(call: _Call) -> Misuse | None:
    words = [word for word in call.fields if not word.startswith("-")]
    if not words or words[0].isdecimal() or words[0] in {"unlimited", "hard", "soft"}:
        return None
    return call.applet_fails(dash="bad number", ash=f"invalid number '{words[0]}'", bash=f"{words[0]}: invalid number")


def _umask(call: _Call) -> Misuse | None:
    word = next((word for word in call.fields if not word.startswith("-")), "")
    if not word:
        return None
    if word.isdecimal():
        if not set(word) & {"8", "9"}:
            return None
        return call.fails(
            dash=f"Illegal number: {word}", ash=f"illegal mode: {word}", bash=f"{word}: octal number out of range"
        )
    if _SYMBOLIC_MODE.fullmatch(word):
        return None
    return call.fails(dash=f"Illegal mode: {word}", ash=f"illegal mode: {word}", bash="`")


def _read(call: _Call) -> Misuse | None:
    words = list(call.fields)
    if not words:
        return call.fails(dash="arg count")
    if words[0].startswith("-"):
        return None
    bad = next((word for word in words if not re.match(r"[A-Za-z_]", word)), None)
    if bad is None:
        return None
    return call.applet_fails(
        dash=f"{bad}: bad variable name",
        ash=f"read: '{bad}': bad variable name",
        bash=f"`{bad}': not a valid identifier",
    )


def _getopts(call: _Call) -> Misuse | None:
    if len(call.fields) >= 2:
        return None
    usage = "getopts optstring var [arg"
    if call.tool is Tool.BASH:
        return Misuse(text="getopts: usage: getopts optstring name", is_bare=True)
    return call.fails(dash=f"Usage: {usage}", ash=f"usage: {usage}")


def _unset(call: _Call) -> Misuse | None:
    words = [word for word in call.fields if not word.startswith("-")]
    bad = next((word for word in words if not _NAME.match(word)), None)
    if bad is None or call.tool is Tool.BASH or "-f" in call.fields:
        return None
    text = f"{bad}: bad variable name"
    return call.fails(dash=text, ash=text)


def _trap(call: _Call) -> Misuse | None:
    """The names of signals: dash has them without ``SIG``, and has no ``ERR``."""
    words = [word for word in call.fields if word != "--"]
    if not words or words[0].startswith("-l") or words[0].startswith("-p"):
        return None
    if len(words) == 1:
        if call.tool is Tool.BASH and words[0] != "-" and not words[0].isdecimal() and not _is_signal(call, words[0]):
            return Misuse(text="trap: usage: trap [-lp]", is_bare=True)
        signals = words
    else:
        signals = words[1:]
    bad = next((word for word in signals if word != "-" and not _is_signal(call, word)), None)
    if bad is None:
        return None
    if call.tool is Tool.DASH:
        return Misuse(text=f"trap: {bad}: bad trap", status=1, is_bare=True)
    return Misuse(text=f"{bad}: invalid signal specification", status=1)


def _is_signal(call: _Call, word: str) -> bool:
    if word.isdecimal():
        return int(word[:9]) <= 64
    name = word.upper() if call.tool is Tool.DASH else word.upper().removeprefix("SIG")
    more = {
        Tool.DASH: frozenset[str](),
        Tool.BUSYBOX: frozenset({"ERR"}),
        Tool.BASH: frozenset({"ERR", "DEBUG", "RETURN"}),
    }[call.tool]
    return name in _SIGNALS or name in more or name.startswith("RT")


def _wait(call: _Call) -> Misuse | None:
    words = [word for word in call.fields if not word.startswith("-")]
    if not words or call.has_children or call.name != "wait":
        return None
    word = words[0]
    if word.isdecimal():
        if int(word[:9]) < MIN_UNUSED_PID:
            return None
        text = f"pid {word} is not a child of this shell" if call.tool is Tool.BASH else ""
        return Misuse(text=text, status=127, is_bare=not text)
    if word.startswith("%"):
        gone = f"{word}: no such job"
        return call.fails(dash=f"No such job: {word}", ash=gone, bash=gone, status=127)
    return call.fails(
        dash=f"Illegal number: {word}", ash=f"Illegal number: {word}", bash=f"`{word}': not a pid or valid job spec"
    )


def _job(call: _Call) -> Misuse | None:
    """``fg`` and ``bg`` in a script, whose shell controls no jobs."""
    return None if call.has_children else call.fails(dash="No current job", ash="No current job", bash="no job control")


def _shopt(call: _Call) -> Misuse | None:
    if any(word.startswith("-") and "o" in word for word in call.fields):
        return None
    bad = next((word for word in call.fields if not word.startswith("-") and word not in _SHOPT), None)
    return None if bad is None else Misuse(text=f"{bad}: invalid shell option name", status=1)


def _printf(call: _Call) -> Misuse | None:
    words = list(call.fields)
    if words[:1] == ["--"]:
        words.pop(0)
    elif words[:1] == ["-v"] and call.tool is Tool.BASH:
        words = words[2:]
    elif words and words[0].startswith("-") and len(words[0]) > 1 and call.tool is Tool.BASH:
        return Misuse(text=f"{words[0][:2]}: invalid option")
    if not words:
        if call.tool is Tool.DASH:
            return Misuse(text="usage: printf format [arg ...]")
        text = "usage: printf FORMAT" if call.tool is Tool.BUSYBOX else "printf: usage: printf [-v var] format"
        return Misuse(text=text, is_bare=True)
    broken = re.search(r"%[-+ #0]*(?:[1-9][0-9]*)?(?:\.[0-9]*)?([A-Zhjklmnrtvwyz]|$)", words[0].replace("%%", ""))
    if broken and broken[1] not in {*"XEFGAT"}:
        dash = f"%{broken[1]}: invalid directive" if broken[1] else "missing format character"
        return call.applet_fails(dash=dash, ash=": invalid format", bash="`%")
    unknown = re.search(r"%[-+ #0]*(?:[1-9][0-9]*)?(?:\.[0-9]*)?([q(])", words[0].replace("%%", ""))
    if unknown and call.tool is not Tool.BASH:
        shown = f"%{unknown[1]}: invalid directive"
        return call.applet_fails(dash=shown, ash=": invalid format", bash="")
    if words[0].replace("\\n", "") == "%d" and words[1:] and re.fullmatch(r"[A-Za-z_]+", words[1]):
        bad = words[1]
        return call.applet_fails(
            dash=f"{bad}: expected numeric value", ash=f"invalid number '{bad}'", bash=f"{bad}: invalid number"
        )
    return None


_RULES: dict[str, Callable[[_Call], Misuse | None]] = {
    **dict.fromkeys(_NUMBERED, _numbered),
    "kill": _kill,
    "ulimit": _ulimit,
    "umask": _umask,
    "read": _read,
    "getopts": _getopts,
    "unset": _unset,
    "trap": _trap,
    "wait": _wait,
    "fg": _job,
    "bg": _job,
    "shopt": _shopt,
    "printf": _printf,
}
