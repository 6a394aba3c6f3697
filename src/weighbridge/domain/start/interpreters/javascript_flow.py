"""The names of CommonJS that an ES module certainly uses when it runs, and what it imports by name."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from weighbridge.domain.start.interpreters.javascript import Source, Token

_COMMONJS = frozenset({"require", "module", "exports", "__dirname", "__filename"})
_BRANCHES = frozenset(
    [
        "=>",
        "function",
        "class",
        "if",
        "else",
        "for",
        "while",
        "do",
        "switch",
        "try",
        "catch",
        "?",
        "&&",
        "||",
        "??",
        "?.",
        "&&=",
        "||=",
        "??=",
        "async",
    ],
)
_ENDS = frozenset({"exit", "abort", "kill", "reallyExit", "throw", "uncaughtException", "globalThis", "global", "eval"})
_DECLARES = frozenset({"const", "let", "var", "function", "class", ",", "{", "as", "import", "*"})
_STOPS = frozenset({";", "import", "export", "="})
_MAX_IN_IMPORT = 400
_BEGINS = frozenset({"const", "let", "import", "export"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """One ``import`` declaration: its request, the names that it takes (``default`` too), and its line.

    `attributes` is the word before ``{ type: … }``: ``with`` or ``assert``.
    """

    request: str
    names: tuple[str, ...]
    line: int
    attributes: str = ""


def imports_of(source: Source) -> Iterator[Imported]:
    """The ``import`` declarations of a module."""
    tokens = source.tokens
    for position, token in enumerate(tokens):
        if token.depth or token.text != "import" or (position and tokens[position - 1].text in {".", "?."}):
            continue
        last = min(position + _MAX_IN_IMPORT, len(tokens))
        end = next(
            (each for each in range(position + 1, last) if tokens[each].value or tokens[each].text in _STOPS), None
        )
        if end is None or not tokens[end].value:
            continue
        words = [each.text for each in tokens[position + 1 : end]]
        if words and words[-1] != "from":
            continue
        following = tokens[end + 1].text if end + 1 < len(tokens) and not tokens[end + 1].begins_line else ""
        yield Imported(
            request=tokens[end].value,
            names=tuple(_names(words[:-1])),
            line=token.line,
            attributes=following if following in {"with", "assert"} else "",
        )


def _names(words: list[str]) -> Iterator[str]:
    """The names in an import clause: ``d, { a as b }`` takes ``default`` and ``a``."""
    if words and words[0] not in {"{", "*"}:
        yield "default"
    if "{" not in words:
        return
    expects = True
    for word in words[words.index("{") + 1 :]:
        if word == "}":
            return
        if expects:
            yield word
        expects = word == ","


def undefined_name(source: Source) -> Token | None:
    """The first name of CommonJS that the module certainly uses before it may end; None if there is none."""
    tokens = source.tokens
    unknown = _COMMONJS - _declared(tokens)
    functions = {after.text for before, after in itertools.pairwise(tokens) if before.text == "function"}
    ends_somewhere = any(token.text in _ENDS for token in tokens)
    branch = False
    for position, token in enumerate(tokens):
        before = tokens[position - 1] if position else None
        following = tokens[position + 1].text if position + 1 < len(tokens) else ""
        if before is None or (
            token.depth == 0 and (before.text == ";" or (token.begins_line and token.text in _BEGINS))
        ):
            branch = False
        if token.text in _ENDS and (branch or not token.braces):
            return None
        if token.braces:
            continue
        if token.text in {"await", "while"} or (token.text in functions and following == "(" and ends_somewhere):
            return None
        branch = branch or token.text in _BRANCHES
        is_member = before is not None and before.text in {".", "?.", "typeof"}
        if token.text in unknown and not branch and not is_member and _is_use(token.text, following):
            return token
    return None


def _is_use(name: str, following: str) -> bool:
    if name == "require":
        return following == "("
    return following == "." if name in {"module", "exports"} else following != ":"


def _declared(tokens: list[Token]) -> set[str]:
    """The names that the module declares or sets, or may do so."""
    found: set[str] = set()
    for position, token in enumerate(tokens):
        if token.text not in _COMMONJS:
            continue
        before = tokens[position - 1].text if position else ""
        following = tokens[position + 1].text if position + 1 < len(tokens) else ""
        if before in _DECLARES or following == "=":
            found.add(token.text)
    return found
