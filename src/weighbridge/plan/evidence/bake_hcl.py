"""What a bake file in HCL says about contexts, where no buildx reads it: the plain text of its targets.

Source: the bake file reference (``target``: ``context``, ``dockerfile``, ``inherits``; ``variable``: ``default``). It
reads blocks, text, and lists of text. A value that depends on anything else is a hole: functions, conditions.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from weighbridge.plan.evidence.model import HOLE, BuildCommand, EvidenceKind
from weighbridge.plan.tree import ROOT

_MAXIMUM_TOKENS = 50_000
_MAXIMUM_TARGETS = 500
_MAXIMUM_PARENTS = 20
_TOKEN = re.compile(
    r"(?P<skip>[ \t\r]+|(?:#|//)[^\n]*)|(?P<newline>\n)|(?P<comment>/\*)|(?P<heredoc><<-?[ \t]*(?P<end>\w+)[ \t]*\r?\n)"
    r"|(?P<text>\"(?:[^\"\\\n]|\\.)*\")|(?P<name>[A-Za-z_][\w-]*)|(?P<sign>[^\s])"
)
_VARIABLE = re.compile(r"\$\{\s*([A-Za-z_]\w*)\s*\}")
_OTHER = re.compile(r"[$%]\{[^{}]*\}")
_OPENS, _CLOSES = frozenset("{[("), frozenset("}])")


@dataclass(kw_only=True, slots=True)
class _Block:
    """A block with its labels, the line where it begins, and the tokens of its attributes by name."""

    kind: str
    labels: list[str]
    line: int
    attributes: dict[str, list[str]] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)


def bake_commands(text: str, path: str) -> Iterator[BuildCommand]:
    """The builds that the targets of a bake file describe. Paths are relative to the root, or to the file's folder."""
    blocks = list(_blocks(text))
    variables = {
        block.labels[0]: value
        for block in blocks
        if block.kind == "variable" and block.labels and (value := _plain(block.attributes.get("default"))) is not None
    }
    targets = {block.labels[0]: block for block in blocks if block.kind == "target" and block.labels}
    folders = tuple(dict.fromkeys((ROOT, posixpath.dirname(path) or ROOT)))
    for name, block in list(targets.items())[:_MAXIMUM_TARGETS]:
        if any(_inherited(name, attribute, targets) is not None for attribute in ("dockerfile-inline", "matrix")):
            continue
        context = _filled(_inherited(name, "context", targets), variables, ROOT)
        dockerfile = _filled(_inherited(name, "dockerfile", targets), variables, None)
        if context is None or "://" in context or context.startswith("target:"):
            continue
        line = block.lines.get("context") or block.lines.get("dockerfile") or block.line
        yield BuildCommand(
            kind=EvidenceKind.BAKE,
            dockerfile=dockerfile,
            context=context,
            folders=folders,
            file=path,
            line=line,
            # Unlike docker build, bake looks for the Dockerfile in the context.
            dockerfile_is_in_context=True,
        )


def _inherited(name: str, attribute: str, targets: Mapping[str, _Block]) -> list[str] | None:
    """The tokens of an attribute, its own or inherited; the last inherited target has precedence."""
    waiting, seen = [name], set[str]()
    while waiting and len(seen) < _MAXIMUM_PARENTS:
        one = waiting.pop()
        block = targets.get(one)
        if block is None or one in seen:
            continue
        seen.add(one)
        if attribute in block.attributes:
            return block.attributes[attribute]
        waiting += [token[1:-1] for token in block.attributes.get("inherits", ()) if token.startswith('"')]
    return None


def _filled(tokens: list[str] | None, variables: Mapping[str, str], default: str | None) -> str | None:
    """The text of an attribute with its variables; a hole for what is unknown."""
    if tokens is None:
        return default
    text = _plain(tokens)
    if text is None and len(tokens) == 1:
        text = "${" + tokens[0] + "}"
    if text is None:
        return f"{HOLE}value{HOLE}"
    text = _VARIABLE.sub(lambda match: variables.get(match[1], f"{HOLE}{match[1]}{HOLE}"), text)
    return _OTHER.sub(f"{HOLE}expression{HOLE}", text)


def _plain(tokens: list[str] | None) -> str | None:
    """The text of an attribute that is one text."""
    if tokens is None or len(tokens) != 1 or not tokens[0].startswith('"'):
        return None
    return re.sub(r"\\(.)", r"\1", tokens[0][1:-1])


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """The tokens with their lines. Ends at a comment or a here-document that has no end."""
    position, line = 0, 1
    for _ in range(_MAXIMUM_TOKENS):
        match = _TOKEN.match(text, position)
        if match is None:
            return
        begin, position = position, match.end()
        if match["comment"]:
            end = text.find("*/", position)
            position = end + 2
        elif match["heredoc"]:
            closing = re.compile(rf"^[ \t]*{match['end']}[ \t]*\r?$", re.MULTILINE).search(text, position)
            end = -1 if closing is None else closing.end()
            position = end
        elif not match["skip"]:
            yield match.group(), line
            end = position
        else:
            end = position
        if end < 0:
            return
        line += text.count("\n", begin, position)


def _blocks(text: str) -> Iterator[_Block]:
    """The top-level blocks. Nested blocks and values of several lines are read over."""
    block: _Block | None = None
    words: list[str] = []
    attribute: str | None = None
    depth = 0
    for word, line in _tokens(text):
        if word == "\n":
            if depth < 2:
                words, attribute = [], None
        elif word in _CLOSES:
            depth = max(depth - 1, 0)
            if depth == 0 and block is not None:
                yield block
                block = None
        elif word in _OPENS:
            depth += 1
            if depth == 1 and words:
                block = _Block(kind=words[0], labels=[one.strip('"') for one in words[1:]], line=line)
                words = []
        elif depth == 0:
            words.append(word)
        elif block is not None and depth == 1 and attribute is None:
            if word == "=" and words:
                attribute = words[-1].strip('"')
                block.attributes[attribute] = []
                block.lines[attribute] = line
            else:
                words = [word]
        elif block is not None and attribute is not None and word != ",":
            block.attributes[attribute].append(word)
