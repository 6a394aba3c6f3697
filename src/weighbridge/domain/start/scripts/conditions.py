"""``test``, ``[`` and ``[[``: decides conditions on files, texts and numbers before the container runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from weighbridge.domain.image.layer import EntryKind
from weighbridge.domain.image.rootfs import LookupFailure, Node, provided_at_run_time
from weighbridge.domain.paths import is_at_or_below
from weighbridge.domain.start.attempt import Process
from weighbridge.domain.start.scripts.state import State

UNKNOWN_PLACES = ("/run", "/var/run")
"""Where engines put secrets and sockets."""
FILE_TESTS = frozenset("abcdefghknprstuwxGLNOS")
MAX_OPERANDS = 4
_NUMBER = re.compile(r"\s*[+-]?[0-9]+\s*")
BINARY = frozenset({"=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Tester:
    """Decides tests in a state. True and False are certain; None means that only the running container knows."""

    process: Process
    has_double_equals: bool = True
    ignores_run_time: bool = False
    """Take the places that only a running container fills as they are in the image."""

    def words(self, state: State, fields: tuple[str | None, ...]) -> bool | None:
        """The arguments of ``test`` (POSIX XCU, "test"), which are interpreted by their number."""
        match fields:
            case ():
                return False
            case (one,):
                return None if one is None else bool(one)
            case ("!", *rest):
                return negated(self.words(state, tuple(rest)))
            case (str(operator), operand) if is_unary(operator):
                return self.unary(state, operator, operand)
            case (left, str(operator), right) if operator in BINARY:
                return self.binary(operator, left, right)
            case ("(", *rest, ")"):
                return self.words(state, tuple(rest))
        return self._joined(state, fields)

    def _joined(self, state: State, fields: tuple[str | None, ...]) -> bool | None:
        """``-o`` binds weaker than ``-a`` (both obsolescent, both common)."""
        for operator, combine in (("-o", either), ("-a", both)):
            if operator in fields[1:-1]:
                at = fields.index(operator, 1)
                return combine(self.words(state, fields[:at]), self.words(state, fields[at + 1 :]))
        # More operands than any test has: the shell prints an error, and the test fails.
        is_error = len(fields) > MAX_OPERANDS and None not in fields and not set(fields) & {"!", "("}
        return False if is_error else None

    def unary(self, state: State, operator: str, operand: str | None) -> bool | None:
        """``-f path`` and similar."""
        if operator == "-n":
            return None if operand is None else bool(operand)
        if operator == "-z":
            return None if operand is None else not operand
        if operand is None:
            return None
        if operator == "-t":
            return None
        if operator == "-v":
            return None if state.is_open or "[" in operand else operand in state.variables
        if operator == "-o":
            return None
        return self._file(state, operator[1], operand)

    def _file(self, state: State, letter: str, path: str) -> bool | None:
        if state.directory is None and not path.startswith("/"):
            return None
        if not path:
            return False
        follow = letter not in "hL"
        directory = state.directory or "/"
        credentials = self.process.credentials
        node = self.process.rootfs.lookup(path, cwd=directory, follow=follow, may_search=credentials.may_search)
        where = node.at if isinstance(node, LookupFailure) else node.path
        if self.is_uncertain(state, where, is_there=isinstance(node, Node)):
            return None
        if isinstance(node, LookupFailure):
            return False
        kinds = {"f": node.is_file, "d": node.is_directory, "e": True, "a": True}
        if letter in kinds:
            return kinds[letter]
        if letter in "hL":
            return node.kind is EntryKind.SYMLINK
        if letter == "s":
            return node.is_directory or node.size_bytes > 0
        if letter == "x":
            return credentials.may_search(node.entry) if node.is_directory else credentials.may_execute(node.entry)
        if letter == "r":
            return credentials.may_read(node.entry)
        if letter == "w":
            return credentials.may_write(node.entry)
        return {"p": node.kind is EntryKind.FIFO, "S": False, "u": bool(node.mode & 0o4000)}.get(letter)

    def is_uncertain(self, state: State, path: str, *, is_there: bool) -> bool:
        """True if the running container may have a different file at `path` than the image."""
        if provided_at_run_time(path):
            return True
        if any(is_at_or_below(path, volume) for volume in self.process.volumes):
            return True
        for touched in state.touched:
            if is_at_or_below(path, touched) or is_at_or_below(touched, path):
                # Files of the image are assumed to stay; only paths that the script names may disappear.
                return not is_there or touched != "/"
        return (
            not is_there and not self.ignores_run_time and any(is_at_or_below(path, place) for place in UNKNOWN_PLACES)
        )

    def binary(self, operator: str, left: str | None, right: str | None) -> bool | None:
        """A test with two operands."""
        if operator in {"-nt", "-ot"}:
            return None
        if operator == "-ef":
            return True if left is not None and left == right else None
        if left is None or right is None:
            return None
        if operator == "==" and not self.has_double_equals:
            # dash prints "unexpected operator": the test fails, for any operands.
            return False
        if operator in {"=", "=="}:
            return left == right
        if operator == "!=":
            return left != right
        if operator in {"<", ">"}:
            return None
        if not _NUMBER.fullmatch(left) or not _NUMBER.fullmatch(right) or len(left) + len(right) > 40:
            return False
        comparisons: dict[str, Callable[[int, int], bool]] = {
            "-eq": int.__eq__,
            "-ne": int.__ne__,
            "-lt": int.__lt__,
            "-le": int.__le__,
            "-gt": int.__gt__,
            "-ge": int.__ge__,
        }
        return comparisons[operator](int(left), int(right))


def is_unary(operator: str) -> bool:
    """True for an operator with one operand."""
    return len(operator) == 2 and operator[0] == "-" and (operator[1] in FILE_TESTS or operator[1] in "nztvo")


def negated(value: bool | None) -> bool | None:
    """Logical not."""
    return None if value is None else not value


def both(first: bool | None, second: bool | None) -> bool | None:
    """Logical and, with unknown operands."""
    if first is False or second is False:
        return False
    return None if first is None or second is None else True


def either(first: bool | None, second: bool | None) -> bool | None:
    """Logical or, with unknown operands."""
    if first or second:
        return True
    return None if first is None or second is None else False
