"""The options of busybox's applets: those that the usage text of the image's own busybox does not list do not exist.

An applet takes some letters that no usage text has. They are from the ``getopt32`` calls of busybox 1.36's source, and
from trying each letter on each applet of Debian's busybox 1.35.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from weighbridge.domain.start.busybox_program import Busybox
from weighbridge.domain.start.scripts.tools.usage import USAGES

_ALL_LISTED = (
    "addgroup adduser basename chgrp chown chpasswd cmp cpio crond cut dos2unix du env fallocate flock getty hexdump "
    "httpd id ionice klogd ln logger mkfifo mknod mktemp nc netstat paste pidof rev run-parts sed setsid shuf stat "
    "sync tac taskset tee telnetd time truncate uname uniq watchdog wc which who"
)
_UNLISTED: Mapping[str, str] = {
    **dict.fromkeys(_ALL_LISTED.split(), ""),
    **dict.fromkeys(("md5sum", "sha1sum", "sha256sum", "sha512sum"), "abt"),
    **dict.fromkeys(("cp", "hostname", "mkdir", "mv", "rm", "rmdir", "udhcpc", "unzip"), "v"),
    **dict.fromkeys(("gunzip", "bunzip2"), "dnqv"),
    **dict.fromkeys(("head", "tail"), "0123456789"),
    "base64": "io",
    "bzip2": "qsvz",
    "cat": "u",
    "crontab": "d",
    "date": "Rr",
    "df": "H",
    "diff": "Epu",
    "grep": "Iay",
    "gzip": "123456789nqv",
    "ls": "QTgk",
    "nl": "ipsvw",
    "od": "BDHOX",
    "pgrep": "e",
    "ping": "nv",
    "pkill": "a",
    "pwd": "LP",
    "readlink": "qs",
    "setpriv": "fx",
    "sort": "STVm",
    "strings": "a",
    "syslogd": "CDKbflmst",
    "timeout": "p",
    "touch": "f",
    "tr": "C",
    "umount": "cinv",
    "vi": "Ch",
    "watch": "d",
    "wget": "T",
    "xargs": "i",
    "xxd": "a",
}
"""The letters that an applet takes although no usage text has them."""
_LONG: Mapping[str, str] = {
    "addgroup": "gid system",
    "adduser": "disabled-password empty-password gecos home ingroup no-create-home shell skel system uid",
    "chown": "changes dereference no-dereference quiet recursive silent verbose",
    "chpasswd": "crypt-method encrypted md5 root",
    "cp": "archive dereference force interactive link no-clobber no-dereference no-target-directory parents recursive "
    "reflink remove-destination symbolic-link target-directory update verbose",
    "date": "date reference rfc-2822 rfc-822 set universal utc",
    "diff": "brief label minimal new-file recursive text unified ignore-all-space ignore-case",
    "env": "ignore-environment null unset",
    "flock": "exclusive nonblock shared unlock",
    "grep": "color",
    "gunzip": "force no-name stdout test to-stdout",
    "gzip": "best decompress fast force no-name quiet stdout test to-stdout uncompress verbose",
    "hostname": "domain file fqdn ip-address long short verbose",
    "ls": "color full-time group-directories-first",
    "mkdir": "context mode parents verbose",
    "mktemp": "directory dry-run quiet tmpdir",
    "mv": "force interactive no-clobber no-target-directory target-directory verbose",
    "rmdir": "ignore-fail-on-non-empty parents verbose",
    "run-parts": "arg exit-on-error list reverse test umask verbose",
    "sed": "expression file in-place quiet regexp-extended silent",
    "setpriv": "ambient-caps dump inh-caps nnp no-new-privs",
    "tar": "auto-compress compress create dereference directory exclude exclude-from extract file files-from gzip "
    "keep-old list lzma no-recursion no-same-owner no-same-permissions numeric-owner overwrite same-permissions "
    "strip-components to-command to-stdout touch verbose xz",
    "touch": "date no-create no-dereference reference",
    "uname": "all kernel-name kernel-release kernel-version machine nodename operating-system processor release",
    "wget": "continue directory-prefix header no-cache no-check-certificate no-clobber no-verbose output-document "
    "output-file post-data post-file proxy quiet server-response spider timeout tries user-agent",
    "xargs": "no-run-if-empty",
}
"""The long options of applets, where a busybox is built with them. They have their names in the program."""
_NO_OTHERS = frozenset(
    {"crond", "cut", "df", "du", "grep", "head", "httpd", "id", "ln", "nc", "readlink", "rm", "sort", "stat", "tail"}
    | {"tee", "timeout", "tr", "uniq", "wc"}
)
"""Applets that have no long options in any build, other than those of `_LONG`."""
_RUN_OTHERS = frozenset({"env", "timeout", "setpriv", "ionice", "setsid", "taskset", "time", "watch", "xargs", "flock"})
"""Applets whose options end at the first word that is none: the command that they execute follows."""
_VALUE = re.compile(r"-([A-Za-z0-9])(?= ?[A-Z\[{<(])")
_LETTERS = re.compile(r"(?<!\w)-([A-Za-z0-9]+)|\|([A-Za-z0-9])\b")
_PREDICATE = re.compile(r"-[a-z][a-z0-9]+")
_RELATIVE_TIME = re.compile(r"(?i)[a-z .+-]*|.*\b(?:ago|(?:day|week|month|year|hour|minute|second|min|sec)s?)\b.*")


@dataclass(frozen=True, kw_only=True, slots=True)
class AppletOption:
    """An option of a call: a letter, or ``--name`` with its value. `is_refused` is False where that is not sure."""

    shown: str
    is_refused: bool


def refused_option(busybox: Busybox, applet: str, words: Sequence[str]) -> str:
    """The first option that the applet certainly does not have; empty if there is none."""
    first = next(_foreign_options(busybox, applet, words), None)
    return first.shown if first is not None and first.is_refused else ""


def unsure_option(busybox: Busybox, applet: str, words: Sequence[str]) -> str:
    """The first option that the applet may lack; empty if there is none."""
    return next((one.shown for one in _foreign_options(busybox, applet, words) if not one.is_refused), "")


def _foreign_options(busybox: Busybox, applet: str, words: Sequence[str]) -> Iterator[AppletOption]:
    """The options that the usage text of the applet does not have, in their order."""
    usage = busybox.usages.get(applet)
    if usage is None or not (applet in _UNLISTED or applet in _LONG):
        return
    letters = {letter for one, other in _LETTERS.findall(usage) for letter in one + other}
    letters |= set(_UNLISTED.get(applet, ""))
    known = USAGES.get(applet)
    with_value = set(_VALUE.findall(usage)) | set(known.values if known is not None else "")
    is_value = False
    for word in words:
        if is_value:
            is_value = False
        elif word == "--" or (applet in _RUN_OTHERS and not word.startswith("-")):
            return
        elif word.startswith("--"):
            name = word[2:].partition("=")[0]
            if f"--{name}" not in usage:
                is_own = any(each.startswith(name) for each in _LONG.get(applet, "").split())
                has_name = any(each.startswith(name) for each in busybox.long_options)
                if not has_name or not is_own:
                    is_refused = not has_name or (applet in _NO_OTHERS and not is_own)
                    yield AppletOption(shown=word[:60], is_refused=is_refused)
        elif word.startswith("-") and applet in _UNLISTED:
            for at, letter in enumerate(word[1:], start=2):
                if letter not in letters:
                    yield AppletOption(shown=letter, is_refused=True)
                    return
                if letter in with_value:
                    is_value = at == len(word)
                    break


def refused_predicate(busybox: Busybox, words: Sequence[str]) -> str:
    """The first word of an expression of ``find`` that this busybox does not have; empty if there is none."""
    if "-name" not in busybox.predicates:
        return ""
    is_value = is_command = False
    for word in words:
        if is_value:
            is_value = False
        elif is_command:
            is_command = word not in {";", "+"}
        elif _PREDICATE.fullmatch(word):
            if word not in busybox.predicates:
                return word
            is_value, is_command = word in _WITH_VALUE, word in {"-exec", "-ok", "-execdir"}
    return ""


_TESTS = (
    "name iname path ipath regex type perm mtime atime ctime mmin amin cmin newer inum samefile user group size links "
    "maxdepth mindepth context"
)
_WITH_VALUE = frozenset(f"-{name}" for name in _TESTS.split())
"""Tests of ``find`` with a value, which may begin with a hyphen."""


def is_relative_time(text: str) -> bool:
    """True for a time in words, such as ``yesterday`` or ``1 day ago``, which no busybox reads."""
    return bool(text.strip()) and len(text) < 100 and _RELATIVE_TIME.fullmatch(text) is not None
