"""Applets of busybox that fail on a folder or a value, where the full program has other rules.

Sources: networking/httpd.c, miscutils/crond.c and libbb/time.c of busybox 1.36; the messages were recorded from 1.35.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from weighbridge.domain.start.scripts.tools.applet_options import is_relative_time
from weighbridge.domain.start.scripts.tools.call import MISSING, Call, CertainFailure, Rule

_DEFAULT_FOLDER = re.compile(r"\t-c DIR\t[^\n]*Default:(/\S+)")


def _httpd(call: Call) -> Rule:
    """``httpd`` reads the file of ``-c`` and changes to its folder before it listens."""
    file = _value(call, "-c")
    if file.startswith("/") and call.missing(file):
        yield CertainFailure(status=1, text=f"httpd: {file}: {MISSING}", path=file, why="not in the image")
    folder = _value(call, "-h")
    if folder and call.missing(folder):
        text = f"httpd: can't change directory to '{folder}': {MISSING}"
        yield CertainFailure(status=1, text=text, path=folder, why=MISSING, fix="Create the folder in the final stage.")


def _crond(call: Call) -> Rule:
    """``crond -f`` changes to the folder of its tables. It says so to syslog, unless it logs to its output."""
    if not any(re.fullmatch(r"-[fbS]*f[fbSldLc]*[0-9]*", word) for word in call.words):
        # In the background, the process that starts it has ended by then.
        return
    usage = call.busybox.usages.get("crond", "") if call.busybox is not None else ""
    default = _DEFAULT_FOLDER.search(usage)
    folder = _value(call, "-c") or (default[1] if default else "")
    is_heard = bool(_value(call, "-d")) or _value(call, "-L") in {"/dev/stdout", "/dev/stderr"}
    if folder and call.missing(folder):
        text = f"crond: can't change directory to '{folder}': {MISSING}" if is_heard else ""
        why = "not in the image" + ("" if is_heard else ", and crond says so to syslog only")
        yield CertainFailure(status=1, text=text, path=folder, why=why, fix=f"RUN mkdir -p {folder}")


def _date(call: Call) -> Rule:
    """``date -d``: busybox reads numbers only."""
    given = call.arguments.letters.get("d", "")
    if not call.has("D") and is_relative_time(given):
        text = f"date: invalid date '{given}'"
        fix = "Install coreutils in the final stage, or compute the time in seconds: date -d @SECONDS."
        yield CertainFailure(status=1, text=text, path="date", why="date of busybox reads no time in words", fix=fix)


def _value(call: Call, option: str) -> str:
    """The value of an option that stands in a word of its own, attached or as the next word; empty without it."""
    found = ""
    for word, following in zip(call.words, (*call.words[1:], ""), strict=True):
        if word == option:
            found = following
        elif word.startswith(option):
            found = word[len(option) :]
    return found


APPLET_RULES: Mapping[str, Callable[[Call], Rule]] = {"httpd": _httpd, "crond": _crond, "date": _date}
"""The rule of each applet that has one."""
