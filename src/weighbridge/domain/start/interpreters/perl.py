"""The modules that a perl program loads first: ``use`` and ``require`` at its beginning.

Source: perldoc -f require. The texts were recorded from perl 5.36; the predicted part is the same since perl 5.6.
"""

from __future__ import annotations

import posixpath
import re

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.image.rootfs import LookupFailure, Node
from weighbridge.domain.lines import lines_of
from weighbridge.domain.start.interpreters.loaded_files import may_have
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_MAX_LINES = 300
_NAME = r"(?P<name>[A-Za-z_]\w{0,99}(?:::\w{1,99}){0,9})"
_LIST = r"(?:qw)?[ \t]{0,9}[(/'\"][\w\s:$@%&*.,'\"=>+!-]{0,500}[)/'\"]"
_USE = re.compile(rf"(?:use|no)[ \t]{{1,9}}{_NAME}(?:[ \t]{{1,9}}[\d._]{{1,20}})?(?:[ \t]{{0,9}}{_LIST})?[ \t]{{0,9}};")
_RELEASE = re.compile(r"use[ \t]{1,9}v?[\d._]{1,20}[ \t]{0,9};")
_REQUIRE = re.compile(
    rf"require[ \t]{{1,9}}(?:{_NAME}|'(?P<single>[^'\\]{{1,300}})'|\"(?P<double>[^\"\\$@]{{1,300}})\")[ \t]{{0,9}};"
)
_PLAIN = re.compile(
    r"package[ \t]{1,9}[\w:]{1,200};|\$\|(?:\+\+|[ \t]{0,9}=[ \t]{0,9}1);|#.*|[ \t]+"
    r"|(?:my|our)[ \t]{1,9}\$\w{1,99}[ \t]{0,9}=[ \t]{0,9}(?:'[^'\\]{0,300}'|\"[^\"\\$@]{0,300}\"|\d{1,20});"
)
_MAX_STATEMENTS_IN_LINE = 20
_CHANGES_SEARCH = re.compile(r"lib|local::lib|PAR|if|autodie|Inline|Module::.*|App::FatPacker|rlib|lib::.*")
"""Modules that change where perl looks, or load others under a condition."""


def failing_perl(view: View, program: Node) -> Reading | None:
    """How a module that the program loads first ends it; None if it goes on, as far as known."""
    text = view.text(program)
    # Perl's own library must be in the image, or the load path is none that is known.
    if text is None or not may_have(view, "strict.pm", "perl"):
        return None
    in_manual = False
    for number, line in enumerate(lines_of(text)[:_MAX_LINES], start=1):
        if line.startswith("="):
            in_manual = not line.startswith("=cut")
            continue
        if not in_manual:
            failing, goes_on = _line(view, program, number, line.strip())
            if failing is not None or not goes_on:
                return failing
    return None


def _line(view: View, program: Node, number: int, line: str) -> tuple[Reading | None, bool]:
    """How a line ends the program, and whether the next line is certainly reached."""
    position = 0
    for _ in range(_MAX_STATEMENTS_IN_LINE):
        if position >= len(line):
            return None, True
        plain = _RELEASE.match(line, position) or _PLAIN.match(line, position)
        match = plain or _USE.match(line, position) or _REQUIRE.match(line, position)
        if match is None:
            break
        failing = _load(view, program, number, match) if plain is None else None
        if failing is not None:
            return failing, False
        if plain is None and _CHANGES_SEARCH.fullmatch(match["name"] or ""):
            break
        position = match.end()
    return None, False


def _load(view: View, program: Node, number: int, match: re.Match[str]) -> Reading | None:
    groups = match.groupdict()
    path = groups.get("single") or groups.get("double")
    if path is not None and path.startswith(("./", "../", "/")):
        failure = view.find(path)
        if not isinstance(failure, LookupFailure):
            return None
        undecided = view.absent(failure)
        if undecided is not None:
            return undecided
        code, where, fix = CheckCode.INTERPRETER_FILE_MISSING, view.absolute(path), f"COPY the file to {path}."
    else:
        if groups["name"] == "lib":
            return None
        path = path or f"{groups['name'].replace('::', '/')}.pm"
        if may_have(view, path, "perl"):
            return None
        code, where = CheckCode.INTERPRETER_MODULE_MISSING, posixpath.join(view.program.cwd, path)
        fix = f"Install {groups['name'] or path} in the final stage (Debian: lib…-perl packages, or cpanm)."
    return view.fails(
        code,
        path=where,
        predicts=f"Can't locate {path}",
        evidence=(f"{program.path}:{number}: loads {path}", f"{path}: in no folder of the image"),
        fix=fix,
    )
