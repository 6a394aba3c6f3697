"""Whether the call of a small program in a script certainly fails, and which calls are expected to succeed."""

from __future__ import annotations

import posixpath

from weighbridge.domain.start.attempt import UNKNOWN, Process, Trace
from weighbridge.domain.start.awk import awk_program, is_plain_awk
from weighbridge.domain.start.busybox_program import Busybox
from weighbridge.domain.start.scripts.conditions import Tester
from weighbridge.domain.start.scripts.programs import grep_status
from weighbridge.domain.start.scripts.state import State
from weighbridge.domain.start.scripts.tools.accounts import ACCOUNT_RULES
from weighbridge.domain.start.scripts.tools.applet_options import refused_option, refused_predicate, unsure_option
from weighbridge.domain.start.scripts.tools.applets import APPLET_RULES
from weighbridge.domain.start.scripts.tools.call import Call, CertainFailure
from weighbridge.domain.start.scripts.tools.files import FILE_RULES
from weighbridge.domain.start.scripts.tools.readers import READER_RULES
from weighbridge.domain.start.scripts.tools.usage import USAGES, Arguments, read_arguments

_TABLES = (FILE_RULES, READER_RULES, ACCOUNT_RULES)
_READS_LONG = frozenset({"tar", "find", "awk", "dd", "expr"})
"""Programs whose rules read their own options."""
_CHANGES_NEED = frozenset({"--reference", "--target-directory", "--help", "--version", "--files0-from"})
"""Long options that change how many operands a program needs."""
_PLAIN_LONG = frozenset(
    {
        "--archive",
        "--force",
        "--interactive",
        "--mode",
        "--no-clobber",
        "--no-dereference",
        "--no-preserve",
        "--parents",
    }
    | {"--preserve", "--quiet", "--recursive", "--silent", "--symbolic", "--update", "--verbose", "--help", "--version"}
)
"""Long options of GNU that change nothing of what is looked at."""
_USUALLY_SUCCEED = frozenset(
    {"awk", "basename", "cat", "chgrp", "chmod", "chown", "cp", "cut", "date", "df", "dirname", "du", "echo", "env"}
    | {"find", "free", "groups", "gzip", "head", "hostname", "id", "install", "ipcs", "ldconfig", "ln", "locale", "ls"}
    | {"lscpu", "md5sum", "mkdir", "mkfifo", "mktemp", "mv", "nl", "nproc", "od", "printf", "ps", "pwd", "realpath"}
    | {"rm", "rmdir", "sed", "seq", "sha1sum", "sha256sum", "sleep", "sort", "stat", "sync", "tail", "tar", "tee"}
    | {"touch", "tr", "true", "truncate", "uname", "uniq", "update-ca-certificates", "wc", "whoami", "envsubst", "dd"}
    | {"base64", "tac", "rev", "paste", "fold", "sha512sum", "uuidgen", "shuf"}
)
"""Programs that succeed where their files are there."""


def certain_failure(
    process: Process, tester: Tester, state: State, fields: tuple[str | None, ...], *, busybox: Busybox | None
) -> CertainFailure | None:
    """How the program certainly fails; None if it may succeed."""
    name = posixpath.basename(fields[0] or "")
    words = tuple(field for field in fields[1:] if field is not None)
    if len(words) < len(fields) - 1:
        return None
    arguments = read_arguments(name, words)
    call = Call(
        process=process,
        tester=tester,
        state=state,
        name=name,
        arguments=arguments,
        words=words,
        busybox=busybox,
    )
    misused = _refused_by_busybox(call) or _misused(call, arguments)
    if misused is not None or (arguments.unknown and arguments.is_known):
        return misused
    if arguments.long & {"--help", "--version"} or not _knows_long(call):
        return None
    for table in (*_TABLES, APPLET_RULES) if busybox is not None else _TABLES:
        rule = table.get(name)
        failure = None if rule is None else next(rule(call), None)
        if failure is not None:
            return failure
    return None


def failure_of_program(process: Process, argv: tuple[str, ...], *, busybox: Busybox | None) -> CertainFailure | None:
    """How a small program fails that no shell runs; None if it may succeed. ``test`` prints nothing."""
    tester = Tester(process=process)
    state = State(
        variables=dict(process.env),
        exported=set(process.env),
        arguments=(),
        directory=process.cwd,
        touched=process.touched,
        trace=Trace(),
    )
    name = posixpath.basename(argv[0])
    fields: tuple[str | None, ...] = tuple(None if word == UNKNOWN else word for word in argv)
    is_test = name == "test" or (name == "[" and argv[-1] == "]")
    operands = fields[1:-1] if name == "[" else fields[1:]
    fails = name == "false" or (is_test and tester.words(state, operands) is False)
    if fails or (name == "grep" and grep_status(process, tester, state, fields) == 1):
        return CertainFailure(status=1, text="", path=argv[0], why="ends with status 1")
    return certain_failure(process, tester, state, fields, busybox=busybox)


def _knows_long(call: Call) -> bool:
    """Whether the program takes the long options: a busybox may be built without them."""
    if call.name in _READS_LONG or not call.arguments.long:
        return True
    return not call.is_busybox and call.arguments.long <= _PLAIN_LONG


def _refused_by_busybox(call: Call) -> CertainFailure | None:
    """An option that the busybox of the image does not have."""
    if call.busybox is None or call.words[:1] == ("--help",):
        return None
    option = refused_option(call.busybox, call.name, call.words)
    text = call.busybox.unknown_option(call.name, option)
    if call.name == "find" and not option:
        option = refused_predicate(call.busybox, call.words)
        text = f"find: unrecognized: {option}"
    if not option:
        return None
    shown = option if option.startswith("-") else f"-{option}"
    fix = f"Leave out {shown}, or install the full {call.name} in the final stage."
    return CertainFailure(status=1, text=text, path=call.name, why=f"the busybox of the image has no {shown}", fix=fix)


def _misused(call: Call, arguments: Arguments) -> CertainFailure | None:
    """A letter that the program does not have, or too few operands."""
    usage = USAGES.get(call.name)
    if usage is None or arguments.long & _CHANGES_NEED:
        return None
    if arguments.unknown:
        text = f"invalid option -- '{arguments.unknown}'"
        why = f"has no option -{arguments.unknown}"
        # The options of a busybox depend on its build.
        return None if call.is_busybox else call.fails(gnu=text, busybox="", why=why, status=usage.status)
    least, given = usage.least, arguments.operands
    if call.name in {"cp", "mv", "ln", "install"} and "t" in arguments.letters:
        least = 1
    if call.name == "install" and "d" in arguments.letters:
        least = 1
    if call.name == "rm" and "f" in arguments.letters:
        least = 0
    if call.name == "cut" and not arguments.long and not set("bcf") & arguments.letters.keys():
        what = "a list of bytes, characters, or fields"
        return call.fails(gnu=f"you must specify {what}", busybox=f"expected {what}", why="is given no list")
    if call.name == "sed" and not arguments.long and not set("ef") & arguments.letters.keys() and not given:
        return CertainFailure(status=1, text="Usage: sed [", path="sed", why="is given no program")
    if call.name == "tr" and not arguments.long and not set("ds") & arguments.letters.keys() and not call.is_busybox:
        least = 2
    if len(given) >= least:
        return None
    if call.is_busybox:
        # The line follows the version.
        text = f"Usage: {call.name} "
        return CertainFailure(status=1, text=text, path=call.name, why="is given too few arguments")
    text = usage.missing if not given or not usage.after else usage.after.replace("{0}", given[-1])
    return call.fails(gnu=text, busybox="", why="is given too few arguments", status=usage.status)


def is_expected_to_succeed(fields: tuple[str | None, ...], *, busybox: Busybox | None) -> bool:
    """True for a program that fails only on files or operands, where no failure was found."""
    name = posixpath.basename(fields[0] or "")
    if name == "awk":
        program = awk_program(tuple(field or "" for field in fields[1:]))
        return program is None or is_plain_awk(program)
    if name not in _USUALLY_SUCCEED:
        return False
    words = [field for field in fields[1:] if field is not None]
    arguments = read_arguments(name, words)
    if name in _READS_LONG:
        return True
    if busybox is not None and arguments.long:
        # A busybox may be built without long options.
        return name in busybox.usages and not unsure_option(busybox, name, words)
    return not (arguments.unknown and arguments.is_known) and arguments.long <= _PLAIN_LONG
