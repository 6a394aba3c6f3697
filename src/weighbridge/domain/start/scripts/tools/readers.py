"""Programs that read files, and how they certainly fail: mostly on a missing file.

The messages were recorded from GNU coreutils 9.1, grep 3.8, sed 4.9, tar 1.34, mawk 1.3 and busybox 1.35.
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Callable, Iterator

from weighbridge.domain.start.scripts.tools.call import DENIED, MISSING, Call, CertainFailure, Rule, may_create

_GNU_OPEN = {
    "head": "cannot open '{0}' for reading: " + MISSING,
    "tail": "cannot open '{0}' for reading: " + MISSING,
    "split": "cannot open '{0}' for reading: " + MISSING,
    "tac": "failed to open '{0}' for reading: " + MISSING,
    "sort": "cannot read: {0}: " + MISSING,
    "rev": "cannot open {0}: " + MISSING,
    "ls": "cannot access '{0}': " + MISSING,
    "du": "cannot access '{0}': " + MISSING,
}
_BUSYBOX_OPEN = {
    **dict.fromkeys(("cat", "tail", "uniq", "less", "more"), "can't open '{0}': " + MISSING),
    **dict.fromkeys(("md5sum", "sha1sum", "sha256sum", "sha512sum", "dos2unix"), "can't open '{0}': " + MISSING),
    "diff": "can't stat '{0}': " + MISSING,
}
_GNU_STATUS = {"ls": 2, "sort": 2, "cmp": 2, "diff": 2}
_BUSYBOX_STATUS = {"sort": 2, "cmp": 2, "diff": 2}
_NUMBER = re.compile(r"-?[0-9]{1,15}")
_COMPRESSED = frozenset("zjJ")
_MAX_PROGRAM_CHARACTERS = 4096
_SUBSTITUTION_FLAGS = "gpPiImMew0123456789;} \t\n#"


def _read(call: Call) -> Rule:
    """A program that opens each of its operands. ``uniq`` writes its second one."""
    waits = call.name == "tail" and call.has("F", "--retry")
    if waits or call.has("", "--files0-from", "--from-file", "--to-file"):
        return
    for path in call.operands[:1] if call.name == "uniq" else call.operands:
        if path != "-" and call.missing(path):
            yield _absent(call, path)
        elif call.name == "cat" and call.is_directory(path):
            why = "Is a directory"
            yield call.fails(gnu=f"{path}: {why}", busybox=f"read error: {why}", path=path, why=why)


def _absent(call: Call, path: str) -> CertainFailure:
    plain = "{0}: " + MISSING
    status = (_BUSYBOX_STATUS if call.is_busybox else _GNU_STATUS).get(call.name, 1)
    gnu, busybox = _GNU_OPEN.get(call.name, plain), _BUSYBOX_OPEN.get(call.name, plain)
    failure = call.fails(gnu=gnu.replace("{0}", path), busybox=busybox.replace("{0}", path), path=path, status=status)
    if call.name == "gunzip" and not call.is_busybox:
        return CertainFailure(status=1, text=f"gzip: {path}: {MISSING}", path=path, why=MISSING)
    return failure


def _gunzip(call: Call) -> Rule:
    """``gzip`` also looks for the name with its suffix."""
    for path in call.operands:
        compresses = call.name == "gzip" and not call.has("d", "--decompress", "--uncompress")
        if call.missing(path) and (compresses or path.endswith((".gz", ".tgz"))):
            yield _absent(call, path)


def _pattern(call: Call) -> Rule:
    """``grep``: a file that is not there gives status 2, also where another file has the text."""
    if call.has("fseL", "--file", "--regexp", "--no-messages") or len(call.operands) < 2:
        return
    for path in call.operands[1:]:
        if path != "-" and call.missing(path):
            # With -q, a text that an earlier file has ends it with 0.
            if call.has("q", "--quiet", "--silent") and len(call.operands) > 2:
                return
            yield call.fails(gnu=f"{path}: {MISSING}", busybox=f"{path}: {MISSING}", path=path, status=2)


def _sed(call: Call) -> Rule:
    """``sed -i`` writes a new file in the folder of the edited file."""
    if call.has("f"):
        script = call.arguments.letters["f"]
        if script not in {"", "-", "/dev/stdin"} and call.missing(script):
            status = 1 if call.is_busybox else 4
            gnu = f"couldn't open file {script}: {MISSING}"
            yield call.fails(gnu=gnu, busybox=f"{script}: {MISSING}", path=script, status=status)
        return
    program = call.arguments.letters["e"] if call.has("e") else (*call.operands, "")[0]
    yield from _substitution(call, program)
    paths = call.operands if call.has("e") else call.operands[1:]
    edits = call.has("i")
    for path in paths:
        if path == "-":
            return
        if call.missing(path):
            status = 1 if call.is_busybox else 2
            yield call.fails(
                gnu=f"can't read {path}: {MISSING}", busybox=f"{path}: {MISSING}", path=path, status=status
            )
            return
        beside = f"{posixpath.dirname(path).rstrip('/')}/.sed-temporary"
        if edits and path.startswith("/") and may_create(call.process, call.tester, call.state, beside) is False:
            yield call.fails(
                gnu="couldn't open temporary file",
                busybox="can't create temp file",
                path=path,
                why=DENIED,
                status=1 if call.is_busybox else 4,
            )


def _substitution(call: Call, program: str) -> Rule:
    """A ``s`` command whose parts do not fit: often a value with a slash between slashes."""
    if program[:1] != "s" or len(program) < 2 or program[1] in "\\\n" or len(program) > _MAX_PROGRAM_CHARACTERS:
        return
    ends = _separators(program)
    if ends is None:
        return
    if len(ends) < 3:
        gnu, busybox = "-e expression #1, char ", f"unmatched '{program[1]}'"
        yield call.fails(gnu=gnu, busybox=busybox, why="the s command is not closed")
    elif program[ends[2] + 1 : ends[2] + 2].strip(_SUBSTITUTION_FLAGS):
        why = "the s command has words after its third separator"
        yield call.fails(gnu="-e expression #1, char ", busybox="bad option in substitution expression", why=why)


def _separators(program: str) -> list[int] | None:
    """Where the parts of a ``s`` command end; None if a bracket expression is not closed."""
    ends: list[int] = [1]
    at = 2
    while at < len(program) and len(ends) < 3:
        if program[at] == "\\":
            at += 2
            continue
        if program[at] == "[" and len(ends) == 1:
            closing = program.find("]", at + 2 + (program[at + 1 : at + 2] == "^"))
            if closing < 0:
                return None
            at = closing
        elif program[at] == program[1]:
            ends.append(at)
        at += 1
    return ends


def _find(call: Call) -> Rule:
    """A starting point that the image does not have."""
    if call.is_busybox and "-delete" in call.words:
        return
    for path in itertools.takewhile(lambda word: word[:1] not in {"-", "(", "!"}, call.words):
        if path and call.missing(path):
            gnu = call.quoted("", path).strip()
            yield call.fails(gnu=f"{gnu}: {MISSING}" if gnu else "", busybox=f"{path}: {MISSING}", path=path)


def _stat(call: Call) -> Rule:
    """The verb of the message depends on the release."""
    if call.has("f"):
        return
    for path in call.operands:
        if call.missing(path):
            yield CertainFailure(status=1, text=f"'{path}': {MISSING}", path=path, why=MISSING)


def _real_path(call: Call) -> Rule:
    """``readlink`` prints nothing where there is no link; ``-f`` needs all but the last part of the path."""
    if call.name == "readlink" and not call.has("ef"):
        return
    if call.name == "realpath" and call.has("ms"):
        return
    for path in call.operands:
        if call.missing(path) if call.has("e") else call.lacks_parent(path):
            is_silent = call.name == "readlink"
            failure = call.fails(gnu=f"{path}: {MISSING}", busybox=f"{path}: {MISSING}", path=path)
            yield CertainFailure(status=1, text="", path=path, why=MISSING) if is_silent else failure


def _tar(call: Call) -> Rule:
    """An archive to be read, a directory to be entered, or a file to be packed, that is missing."""
    mode, archive, directories, names = _tar_words(call.words)
    if mode is None:
        return
    if not set("cxt") & set(mode):
        text, why = "You must specify one of the ", "is not told what to do"
        usage = CertainFailure(status=1, text="Usage: tar ", path="tar", why=why)
        yield usage if call.is_busybox else call.fails(gnu=text, busybox="", why=why, status=2)
    if archive and archive != "-" and "c" not in mode and ":" not in archive and call.missing(archive):
        child = "tar (child): " if _COMPRESSED & set(mode) else ""
        text = f"{child}{archive}: Cannot open: {MISSING}"
        failure = call.fails(gnu=text, busybox=f"can't open '{archive}': {MISSING}", path=archive, status=2)
        yield (
            CertainFailure(status=2, text=text, path=archive, why=MISSING) if child and not call.is_busybox else failure
        )
    for directory in directories:
        if call.missing(directory):
            text = f"{directory}: Cannot open: {MISSING}"
            yield call.fails(
                gnu=text, busybox=f"can't change directory to '{directory}': {MISSING}", path=directory, status=2
            )
    if "c" in mode and not directories:
        for name in names:
            if call.missing(name):
                text = f"{name}: Cannot stat: {MISSING}"
                yield call.fails(gnu=text, busybox=f"{name}: {MISSING}", path=name, status=2)


def _tar_words(words: tuple[str, ...]) -> tuple[str | None, str, list[str], list[str]]:
    """The letters, the archive, the directories of ``-C`` and the names; no letters for options that are not known."""
    letters, archive = "", ""
    directories: list[str] = []
    names: list[str] = []
    waiting = list(words)
    if waiting and not waiting[0].startswith("-"):
        waiting[0] = f"-{waiting[0]}"
    while waiting:
        word = waiting.pop(0)
        if word.startswith("--"):
            if not word.startswith(("--strip-components=", "--no-same-", "--same-", "--numeric-owner", "--overwrite")):
                return None, "", [], []
        elif word.startswith("-") and len(word) > 1:
            for at, letter in enumerate(word[1:], start=2):
                letters += letter
                if letter in "fC":
                    value = word[at:] or (waiting.pop(0) if waiting else "")
                    if letter == "f":
                        archive = value
                    else:
                        directories.append(value)
                    break
                if letter not in "cxtzjJvpkmoa":
                    return None, "", [], []
        else:
            names.append(word)
    return letters, archive, directories, names


def _awk(call: Call) -> Rule:
    """A missing program of ``-f``, or a missing first file. Each awk prints its own message."""
    waiting, has_program = list(call.words), False
    while waiting and waiting[0].startswith("-") and len(waiting[0]) > 1:
        word = waiting.pop(0)
        if word == "--":
            break
        if word[:2] not in {"-f", "-F", "-v"}:
            return
        value = word[2:] or (waiting.pop(0) if waiting else "")
        if word.startswith("-f"):
            has_program = True
            if value not in {"", "-"} and call.missing(value):
                status = 1 if call.is_busybox else 2
                yield call.fails(gnu="", busybox=f"can't open '{value}': {MISSING}", path=value, status=status)
    # A program of -f may consist of BEGIN, which reads no file.
    if waiting and not has_program and "BEGIN" not in waiting[0]:
        for path in waiting[1:2]:
            if "=" not in path and path != "-" and call.missing(path):
                yield call.fails(gnu="", busybox=f"{path}: {MISSING}", path=path, status=2)


def _copy_blocks(call: Call) -> Rule:
    for word in call.words:
        key, _, path = word.partition("=")
        if key == "if" and path and call.missing(path):
            yield call.fails(
                gnu=f"failed to open '{path}': {MISSING}", busybox=f"can't open '{path}': {MISSING}", path=path
            )


def _write(call: Call) -> Rule:
    """``tee`` and ``truncate`` into a missing directory."""
    if call.name == "truncate" and call.has("cr"):
        return
    for path in call.operands:
        if call.lacks_parent(path):
            gnu, busybox = f"{path}: {MISSING}", f"{path}: {MISSING}"
            if call.name == "truncate":
                gnu, busybox = f"cannot open '{path}' for writing: {MISSING}", f"{path}: open: {MISSING}"
            yield call.fails(gnu=gnu, busybox=busybox, path=path)


def _sleep(call: Call) -> Iterator[CertainFailure]:
    for word in call.operands:
        if not word[:1].isdecimal() and word[:1] != "." and word not in {"infinity", "inf"}:
            gnu = call.quoted("invalid time interval", word)
            yield call.fails(gnu=gnu, busybox=f"invalid number '{word}'", why="is no time")


def _expression(call: Call) -> Rule:
    """``expr`` ends with 1 where the result is 0 or empty, without a message."""
    words = call.words
    if not words:
        yield call.fails(gnu="missing operand", busybox="too few arguments", why="is given nothing", status=2)
        return
    if words in {("0",), ("",)} or _result_is_zero(words):
        yield CertainFailure(status=1, text="", path="expr", why="the result is 0 or empty, so it ends with 1")
    elif len(words) == 3 and words[1] in {"+", "-", "*", "/", "%"}:
        if not all(map(_NUMBER.fullmatch, (words[0], words[2]))):
            yield call.fails(gnu="non-integer argument", busybox="non-numeric argument", why="is no number", status=2)
        elif words[1] in {"/", "%"} and not int(words[2]):
            yield call.fails(gnu="division by zero", busybox="division by zero", why="divides by 0", status=2)


def _result_is_zero(words: tuple[str, ...]) -> bool:
    """Whether ``A OPERATOR B`` is 0; False if that is not known."""
    if len(words) != 3:
        return False
    left, operator, right = words
    if not _NUMBER.fullmatch(left) or not _NUMBER.fullmatch(right):
        # Other words are compared in the order of the locale.
        return (operator in {"=", "=="} and left != right) or (operator == "!=" and left == right)
    a, b = int(left), int(right)
    results = {"+": a + b, "-": a - b, "*": a * b, "=": a == b, "==": a == b, "!=": a != b}
    results |= {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}
    if operator in {"/", "%"} and b:
        # The sign does not matter for whether it is 0.
        return not (abs(a) // abs(b) if operator == "/" else abs(a) % abs(b))
    return operator in results and not results[operator]


def _print_variable(call: Call) -> Rule:
    """``printenv NAME`` prints nothing for a variable that is not set."""
    if call.process.is_open or call.state.is_open:
        return
    for name in call.operands:
        if name not in call.process.env:
            yield CertainFailure(status=1, text="", path=name, why="is not set")


READER_RULES: dict[str, Callable[[Call], Rule]] = {
    **dict.fromkeys(("cat", "ls", "head", "tail", "wc", "sort", "uniq", "cut", "base64", "tac", "nl", "rev"), _read),
    **dict.fromkeys(("md5sum", "sha1sum", "sha256sum", "sha512sum", "cmp", "diff", "comm", "du"), _read),
    **dict.fromkeys(("paste", "fold", "od", "shuf", "strings", "xxd", "less", "dos2unix"), _read),
    **dict.fromkeys(("gzip", "gunzip"), _gunzip),
    "grep": _pattern,
    "sed": _sed,
    "find": _find,
    "stat": _stat,
    "readlink": _real_path,
    "realpath": _real_path,
    "tar": _tar,
    "awk": _awk,
    "expr": _expression,
    "dd": _copy_blocks,
    "tee": _write,
    "truncate": _write,
    "sleep": _sleep,
    "printenv": _print_variable,
}
