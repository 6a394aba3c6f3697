"""Splits JavaScript into tokens, far enough to find its modules and the errors that every engine reports.

Source: ECMA-262, "Lexical grammar". A ``/`` after ``)`` or ``}`` may divide or begin a regular expression: there the
scan ends, and `is_complete` is false.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field

MAX_CHARACTERS = 256 * 1024
_MAX_TOKENS = 60_000
_MAX_IN_STATEMENT = 4000
_BEGINS = frozenset(["export", "import", "const", "let", "var", "function", "class", "async", "if", "for", "try"])
_SPACE = re.compile(r"(?:\s+|//[^\n]*)+")
_STRING = re.compile(r"'(?:[^'\\\n]|\\[\s\S])*'|\"(?:[^\"\\\n]|\\[\s\S])*\"")
_WORD = re.compile(r"[A-Za-z_$\u00aa-\uffff][\w$]*|\d[\w.]*|\.\d[\w]*")
_SIGN = re.compile(
    r"=>|\.\.\.|[=!]==?|<=|>=|&&=|\|\|=|\?\?=|&&|\|\||\?\?|\?\.(?!\d)|\*\*=?|\+\+|--|<<=?|>>>?=?|[-+*%&|^]="
    r"|[{}()\[\];,<>+\-*%&|^!~?:=.@#]"
)
_REGEX = re.compile(r"/(?![*/])(?:[^/\\\[\n]|\\[^\n]|\[(?:[^\]\\\n]|\\[^\n])*\])+/[a-z]*")
_TEMPLATE = re.compile(r"(?:[^`\\$]|\\[\s\S]|\$(?!\{))*")
_PAIRS = {")": "(", "]": "[", "}": "{"}
_VALUE_END = frozenset({"]", "++", "--"})
_OPERATOR_WORDS = frozenset(
    [
        "return",
        "typeof",
        "case",
        "in",
        "of",
        "delete",
        "void",
        "throw",
        "new",
        "else",
        "do",
        "yield",
        "await",
        "instanceof",
    ]
)
ASSIGNMENTS = frozenset(
    ["=", "+=", "-=", "*=", "%=", "**=", "&=", "|=", "^=", "<<=", ">>=", ">>>=", "&&=", "||=", "??="]
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a sign, or a literal (``'``, `````, ``/`` stand for the kinds of literals).

    `depth` counts the brackets around it, `braces` those that are ``{``. `value` is the text of a string.
    """

    text: str
    line: int
    depth: int
    braces: int
    begins_line: bool
    value: str = ""


@dataclass(slots=True, kw_only=True)
class Source:
    """The tokens of a text. `error` is what V8 prints for the first error of brackets, with its line."""

    tokens: list[Token] = field(default_factory=list)
    is_complete: bool = False
    error: tuple[str, int] | None = None


def scan(text: str) -> Source:
    """The tokens of a script or module, up to the first place that is not certain."""
    source = Source()
    if len(text) > MAX_CHARACTERS:
        return source
    _Scanner(text, source).run()
    return source


class _Scanner:
    def __init__(self, text: str, source: Source) -> None:
        self.text = text
        self.source = source
        self.position = 0
        self.line = 1
        self.open: list[str] = []
        self.braces = 0
        self.begins_line = True

    def run(self) -> None:
        if self.text.startswith("#!"):
            self.position = (self.text.find("\n") + 1) or len(self.text)
            self.line = 2
        while len(self.source.tokens) < _MAX_TOKENS:
            self._skip()
            if self.position >= len(self.text):
                self._end()
                return
            if not self._token():
                return

    def _end(self) -> None:
        self.source.is_complete = True
        if self.open:
            said = "Unexpected end of input" if self.open[-1] == "{" else ""
            self.source.error = (said, self.line)

    def _skip(self) -> None:
        while True:
            match = _SPACE.match(self.text, self.position)
            end = match.end() if match else self.position
            if self.text.startswith("/*", end):
                close = self.text.find("*/", end + 2)
                end = close + 2 if close >= 0 else len(self.text)
            if end == self.position:
                return
            lines = self.text.count("\n", self.position, end)
            self.line += lines
            self.begins_line = self.begins_line or lines > 0
            self.position = end

    def _token(self) -> bool:
        """Read one token; False where the scan ends."""
        character = self.text[self.position]
        if character in "'\"":
            return self._literal(_STRING.match(self.text, self.position), "'")
        if character == "`":
            return self._template()
        if character == "/":
            return self._slash()
        match = _WORD.match(self.text, self.position) or _SIGN.match(self.text, self.position)
        if match is None:
            return False
        sign = match.group()
        if (sign == "<" and self.text.startswith("<!--", self.position)) or (sign == "--" and self.begins_line):
            # A comment of HTML, which scripts may have.
            return False
        if sign in _PAIRS:
            return self._close(sign)
        self._add(sign, match.end())
        if sign in "([{" and len(sign) == 1:
            self._enter(sign)
        return True

    def _add(self, text: str, end: int, value: str = "") -> None:
        token = Token(text, self.line, len(self.open), self.braces, self.begins_line, value)
        self.source.tokens.append(token)
        self.line += self.text.count("\n", self.position, end)
        self.position = end
        self.begins_line = False

    def _literal(self, match: re.Match[str] | None, kind: str) -> bool:
        if match is None:
            return False
        self._add(kind, match.end(), match.group()[1:-1])
        return True

    def _enter(self, sign: str) -> None:
        self.open.append(sign)
        self.braces += sign in "{`"

    def _close(self, sign: str) -> bool:
        if not self.open or self.open[-1] not in {_PAIRS[sign], "`" if sign == "}" else ""}:
            self.source.error = (f"Unexpected token '{sign}'" if not self.open else "", self.line)
            return False
        opener = self.open.pop()
        self.braces -= opener in "{`"
        if opener == "`":
            self.position += 1
            return self._template_rest()
        self._add(sign, self.position + 1)
        return True

    def _template(self) -> bool:
        self._add("`", self.position + 1)
        return self._template_rest()

    def _template_rest(self) -> bool:
        match = _TEMPLATE.match(self.text, self.position)
        end = match.end() if match else self.position
        self.line += self.text.count("\n", self.position, end)
        self.position = end
        if self.text.startswith("${", end):
            self.position = end + 2
            self._enter("`")
            return True
        if not self.text.startswith("`", end):
            return False
        self.position = end + 1
        return True

    def _slash(self) -> bool:
        before = self.source.tokens[-1].text if self.source.tokens else ";"
        is_word = before[0].isalnum() or before[0] in "_$'`/"
        if before in {")", "}"}:
            return False
        if before in _VALUE_END or (is_word and before not in _OPERATOR_WORDS):
            self._add("/", self.position + (2 if self.text.startswith("/=", self.position) else 1))
            return True
        return self._literal(_REGEX.match(self.text, self.position), "/")


def syntax_error(source: Source) -> tuple[str, int] | None:
    """What V8 prints for a text that is no JavaScript, with the line; None if no error is certain.

    An empty text stands for an error whose words differ between releases.
    """
    for token, following in itertools.pairwise(source.tokens):
        if token.text in ASSIGNMENTS and following.text in {";", ")", "]", "}", ","}:
            return f"Unexpected token '{following.text}'", following.line
    for before, token, following in zip(source.tokens, source.tokens[1:], source.tokens[2:], strict=False):
        is_tag = following.text == ">" or following.text[0].isalpha()
        if token.text == "<" and is_tag and before.text in {"(", "=", "return", "=>", "?", "&&", "||"}:
            return "Unexpected token '<'", token.line
    return source.error


def module_statement(source: Source) -> Token | None:
    """The first ``import`` or ``export`` declaration: only a module may have one."""
    tokens = source.tokens
    for position, token in enumerate(tokens[:-1]):
        if token.depth or token.text not in {"import", "export"}:
            continue
        following = tokens[position + 1].text
        if position and tokens[position - 1].text in {".", "?."}:
            continue
        if token.text == "import" and following not in {"(", ".", ":", "="}:
            return token
        if token.text == "export" and following in {*_EXPORTED, "{", "*"}:
            return token
    return None


_EXPORTED = ("default", "const", "let", "var", "function", "class", "async")


def waiting_statement(source: Source) -> Token | None:
    """The first ``await`` outside of a function that is a statement, or the value of a declaration."""
    tokens = source.tokens
    for position, token in enumerate(tokens[:-1]):
        if token.depth or token.text != "await" or not (tokens[position + 1].text[0].isalpha()):
            continue
        before = [each.text for each in tokens[max(0, position - 3) : position]]
        is_statement = not before or before[-1] in {";", "}"}
        is_value = len(before) == 3 and before[0] in {"const", "let", "var"} and before[2] == "="
        if is_statement or is_value:
            return token
    return None


def type_syntax(source: Source) -> Token | None:
    """The first token of TypeScript that no JavaScript has."""
    tokens = source.tokens
    for first, second, third in zip(tokens, tokens[1:], tokens[2:], strict=False):
        is_name = second.text[0].isalpha() or second.text[0] in "_$"
        if first.text in {"const", "let", "var"} and is_name and third.text == ":":
            return first
        if not is_name or first.depth or not first.begins_line:
            continue
        if (first.text in {"interface", "enum"} and third.text == "{") or (first.text == "type" and third.text == "="):
            return first
    return None


def exported_names(source: Source) -> frozenset[str] | None:
    """The names that a module exports; None if they are not certain (``export *``, patterns)."""
    if not source.is_complete or source.error is not None:
        return None
    names: set[str] = set()
    tokens = source.tokens
    for position, token in enumerate(tokens):
        if token.text != "export" or token.depth:
            continue
        rest = [each.text for each in tokens[position + 1 : position + 5]]
        rest = rest[1:] if rest[:1] == ["async"] else rest
        if rest[:1] == ["default"]:
            names.add("default")
        elif rest[:1] and rest[0] in {"function", "class"}:
            names.update(rest[2:3] if rest[1:2] == ["*"] else rest[1:2])
        elif rest[:1] and rest[0] in {"const", "let", "var"}:
            declared = _declared(tokens, position + 2)
            if declared is None:
                return None
            names |= declared
        elif rest[:1] == ["{"]:
            names |= _listed(tokens, position + 2)
        else:
            return None
    return frozenset(names)


def _declared(tokens: list[Token], start: int) -> set[str] | None:
    """The names of a declaration; None for patterns, and for a declaration without an end."""
    names: set[str] = set()
    expects_name = True
    for token in (tokens[position] for position in range(start, min(start + _MAX_IN_STATEMENT, len(tokens)))):
        if (
            token.depth == 0
            and not expects_name
            and (token.text == ";" or (token.begins_line and token.text in _BEGINS))
        ):
            return names
        if token.text in {"export", "import"}:
            return None
        if token.depth and not expects_name:
            continue
        if expects_name:
            if not (token.text[0].isalpha() or token.text[0] in "_$"):
                return None
            names.add(token.text)
            expects_name = False
        elif token.text == ",":
            expects_name = True
    return names if start + _MAX_IN_STATEMENT >= len(tokens) else None


def _listed(tokens: list[Token], start: int) -> set[str]:
    names: set[str] = set()
    last = ""
    for token in (tokens[position] for position in range(start, min(start + _MAX_IN_STATEMENT, len(tokens)))):
        if token.text in {",", "}"}:
            names.add(last)
        if token.text == "}":
            break
        last = token.text if token.text != "'" else token.value
    return names
