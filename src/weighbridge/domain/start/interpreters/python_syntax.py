"""Texts that the Python of an image certainly refuses: those of Python 2, of a newer Python, and of no Python.

Weighbridge's own parser may be of another release, so only errors count that no release accepts: mixed or missing
indentation, brackets and quotes without an end, marks of a merge. What a newer release accepts is asked of the parser
(``feature_version``).
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Iterator

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.lines import lines_of
from weighbridge.domain.start.interpreters.python_names import is_quick_to_parse
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_LASTING_ERRORS = (
    "SyntaxError: Missing parentheses in call to 'print'",
    "SyntaxError: Missing parentheses in call to 'exec'",
    "TabError: inconsistent use of tabs and spaces in indentation",
    "IndentationError: expected an indented block",
    "IndentationError: unexpected indent",
    "IndentationError: unindent does not match any outer indentation level",
)
_BRACKETS = re.compile(r"'[(\[{]' was never closed|unmatched '[)\]}]'|closing parenthesis '.' does not match")
_QUOTES = re.compile(r"unterminated (?:triple-quoted )?string literal")
_FORMATTED = re.compile(r"\b(?:[ft]r?|r[ft])['\"]", re.IGNORECASE)
"""Since Python 3.12 an f-string may have quotes and brackets that end it for older parsers."""
_MERGE = ("<<<<<<< ", ">>>>>>> ", "=======")
_NEWER = re.compile(r"only supported in Python 3\.(\d{1,2}) and greater")
_BUILT_IN_TYPES = frozenset({"int", "str", "float", "bool", "bytes", "list", "dict", "set", "tuple", "frozenset"})


def failing_syntax(view: View, text: str, shown: str, release: str, *, is_parsed: bool) -> Reading | None:
    """How Python refuses a file when it loads it; None if the error is not certain, or there is none.

    `is_parsed`: the parser of this release has accepted the text.
    """
    minor = _minor(release)
    is_older = minor < sys.version_info.minor
    if not release.startswith("3.") or (is_parsed and not is_older) or not is_quick_to_parse(text):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not is_parsed:
                ast.parse(text.removeprefix("\ufeff"))
            if is_older:
                ast.parse(text.removeprefix("\ufeff"), feature_version=(3, minor))
    except SyntaxError as error:
        predicts = _certain(error, text, minor)
        if predicts is None:
            return None
        return view.fails(
            CheckCode.SCRIPT_FAILS,
            path=shown,
            predicts=predicts,
            evidence=(f"{shown}:{error.lineno}: no syntax of Python {release}: {error.msg}",),
            fix="Correct the file: python -m py_compile FILE in the image says the same.",
        )
    except (ValueError, RecursionError, MemoryError):
        return None
    return None


def _minor(release: str) -> int:
    """12 for ``3.12``."""
    return int(re.sub(r"\D.*", "", release[2:]) or 0)


def _certain(error: SyntaxError, text: str, minor: int) -> str | None:
    said = f"{type(error).__name__}: {error.msg}"
    known = next((each for each in _LASTING_ERRORS if said.startswith(each)), None)
    if known is not None:
        return known
    newer = _NEWER.search(error.msg)
    if newer is not None:
        return "SyntaxError: " if int(newer[1]) > minor else None
    line = lines_of(text)[error.lineno - 1 : error.lineno] if error.lineno else []
    if line and line[0].startswith(_MERGE[:2]):
        return "SyntaxError: "
    if _FORMATTED.search(text):
        return None
    return "SyntaxError: " if _BRACKETS.match(error.msg) or _QUOTES.match(error.msg) else None


def failing_annotation(view: View, statement: ast.stmt, shown: str, release: str) -> Reading | None:
    """``int | None`` before Python 3.10 and ``list[int]`` before 3.9, in annotations that are evaluated."""
    minor = _minor(release)
    if minor >= 10 or not release.startswith("3."):
        return None
    for annotation in _annotations(statement):
        for node in ast.walk(annotation):
            text = ""
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and _is_type(node.left, node.right):
                text = "unsupported operand type(s) for |:"
            elif minor < 9 and isinstance(node, ast.Subscript) and _is_built_in(node.value):
                text = "'type' object is not subscriptable"
            if text:
                return view.fails(
                    CheckCode.SCRIPT_FAILS,
                    path=shown,
                    predicts=f"TypeError: {text}",
                    evidence=(f"{shown}:{statement.lineno}: its annotation needs a newer Python",),
                    fix="Use a newer Python, or begin the file with: from __future__ import annotations.",
                )
    return None


def postpones_annotations(tree: ast.Module) -> bool:
    """True if the file begins with ``from __future__ import annotations``."""
    imports = (each for each in tree.body if isinstance(each, ast.ImportFrom) and each.module == "__future__")
    return any(alias.name == "annotations" for each in imports for alias in each.names)


def _annotations(statement: ast.stmt) -> Iterator[ast.expr]:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            arguments = statement.args
            every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
            yield from (each.annotation for each in every if each.annotation is not None)
            if statement.returns is not None:
                yield statement.returns
        case ast.AnnAssign():
            yield statement.annotation
        case ast.ClassDef():
            for inner in statement.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.AnnAssign):
                    yield from _annotations(inner)


def _is_built_in(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in _BUILT_IN_TYPES


def _is_type(left: ast.expr, right: ast.expr) -> bool:
    """True if both are built-in types or None: typing's types have their own ``|``."""
    parts = [left, right]
    return any(_is_built_in(part) for part in parts) and all(
        _is_built_in(part) or (isinstance(part, ast.Constant) and part.value is None) for part in parts
    )
