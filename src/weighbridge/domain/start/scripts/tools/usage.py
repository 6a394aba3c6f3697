"""The command lines of small programs: their options, and the operands that they need.

Sources: the manual pages of GNU coreutils 9.1 to 9.7; the messages were recorded from coreutils 9.1 and busybox 1.35.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_MODE_WORD = re.compile(r"-[rwxXstugo,=+-]+")
_COUNT = re.compile(r"-[0-9]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolUsage:
    """The options and operands of one program of GNU.

    `flags` are option letters without a value, `values` those with one. `least` is the number of operands that it
    needs; `missing` is its message without any, `after` that with too few.
    """

    flags: str = ""
    values: str = ""
    least: int = 0
    missing: str = "missing operand"
    after: str = ""
    status: int = 1


_DESTINATION = "missing destination file operand after '{0}'"
_OWNER = ToolUsage(flags="cfhHLPRv", least=2, after="missing operand after")
_SUM = ToolUsage(flags="bctwz")
USAGES: Mapping[str, ToolUsage] = {
    "cp": ToolUsage(
        flags="abdfHilLnpPrRsTuvxZ", values="St", least=2, missing="missing file operand", after=_DESTINATION
    ),
    "mv": ToolUsage(flags="bfinTuvZ", values="St", least=2, missing="missing file operand", after=_DESTINATION),
    "ln": ToolUsage(flags="bdFfiLnPrsTv", values="St", least=1, missing="missing file operand"),
    "install": ToolUsage(
        flags="bcCdDpsTvZ", values="gmotS", least=2, missing="missing file operand", after=_DESTINATION
    ),
    "mkdir": ToolUsage(flags="pvZ", values="m", least=1),
    "rmdir": ToolUsage(flags="pv", least=1),
    "rm": ToolUsage(flags="dfiIrRv", least=1),
    "touch": ToolUsage(flags="acfhm", values="drt", least=1, missing="missing file operand"),
    "chmod": ToolUsage(flags="cfvRhHLP", least=2, after="missing operand"),
    "chown": _OWNER,
    "chgrp": _OWNER,
    "mkfifo": ToolUsage(flags="Z", values="m", least=1),
    "readlink": ToolUsage(flags="femnqsvz", least=1),
    "realpath": ToolUsage(flags="eEmLPqsz", least=1),
    "dirname": ToolUsage(flags="z", least=1),
    "basename": ToolUsage(flags="az", values="s", least=1),
    "stat": ToolUsage(flags="fLt", values="c", least=1),
    "seq": ToolUsage(flags="w", values="fs", least=1),
    "sleep": ToolUsage(least=1),
    "mktemp": ToolUsage(flags="dqut", values="p"),
    "truncate": ToolUsage(flags="co", values="rs"),
    "tee": ToolUsage(flags="aip"),
    "cat": ToolUsage(flags="benstuvAET"),
    "ls": ToolUsage(flags="aAbBcCdDfFgGhHiklLmnNopqQrRsStuUvxXZ1", values="ITw", status=2),
    "head": ToolUsage(flags="qvz", values="cn"),
    "tail": ToolUsage(flags="fFqvz", values="cns"),
    "wc": ToolUsage(flags="clLmw"),
    "sort": ToolUsage(flags="bdfghiMnRrVcCmsuz", values="kotST", status=2),
    "uniq": ToolUsage(flags="cdDiuz", values="fsw"),
    "cut": ToolUsage(flags="nsz", values="bcdfO"),
    "tr": ToolUsage(flags="cCdst", least=1, after="missing operand after"),
    "base64": ToolUsage(flags="di", values="w"),
    "tac": ToolUsage(flags="br", values="s"),
    "nl": ToolUsage(flags="p", values="bdfhilnsvw"),
    "md5sum": _SUM,
    "sha1sum": _SUM,
    "sha256sum": _SUM,
    "sha512sum": _SUM,
    "uname": ToolUsage(flags="asnrvmpio"),
    "sync": ToolUsage(flags="df"),
    "du": ToolUsage(flags="0abcDhHklLmPsSx", values="BdtX"),
    "id": ToolUsage(flags="aZgGnruz"),
    "cmp": ToolUsage(flags="bls", values="in", status=2),
    "diff": ToolUsage(flags="qscupenyltTNrabBwiEZd", values="CULSxXIDFW", status=2),
    "comm": ToolUsage(flags="123z"),
    "gzip": ToolUsage(flags="cdfhklLnNqrtvV123456789", values="S"),
    "gunzip": ToolUsage(flags="cfhklLnNqrtvV", values="S"),
    "od": ToolUsage(flags="abcdfilosxv", values="AjNStw"),
    "shuf": ToolUsage(flags="erz", values="inoi"),
    "paste": ToolUsage(flags="sz", values="d"),
    "fold": ToolUsage(flags="bs", values="w"),
    "sed": ToolUsage(flags="nErsuz", values="efl"),
    "date": ToolUsage(flags="Ru", values="dfrs"),
    "grep": ToolUsage(flags="EFGPivwxcLlqsbHhnTUZzaIrRy", values="efmABCDd", status=2),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Arguments:
    """The words of a call: option letters with their values, long options, and operands.

    `unknown` is the first letter that the program does not have; `is_known` says that the program's options are known.
    """

    letters: Mapping[str, str]
    long: frozenset[str]
    operands: tuple[str, ...]
    unknown: str = ""
    is_known: bool = True


def read_arguments(name: str, words: Sequence[str]) -> Arguments:
    """The words as the program reads them; those of an unknown program have options without values."""
    usage = USAGES.get(name)
    letters: dict[str, str] = {}
    long: set[str] = set()
    operands: list[str] = []
    unknown = ""
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            operands.extend(waiting)
            break
        if not word.startswith("-") or word == "-" or (name == "chmod" and _is_mode(word)):
            operands.append(word)
        elif word.startswith("--"):
            long.add(word.partition("=")[0])
        elif not (name in {"head", "tail", "cut"} and _COUNT.fullmatch(word)):
            for at, letter in enumerate(word[1:], start=2):
                letters[letter] = ""
                if usage is not None and letter in usage.values:
                    letters[letter] = word[at:] or (waiting.pop(0) if waiting else "")
                    break
                if (name, letter) in {("sed", "i"), ("date", "I")}:
                    letters[letter] = word[at:]
                    break
                if usage is not None and letter not in usage.flags:
                    unknown = unknown or letter
    return Arguments(
        letters=letters, long=frozenset(long), operands=tuple(operands), unknown=unknown, is_known=usage is not None
    )


def _is_mode(word: str) -> bool:
    """``chmod -x file``: a mode that begins with a minus. ``-R`` and the like are options."""
    return bool(_MODE_WORD.fullmatch(word))
