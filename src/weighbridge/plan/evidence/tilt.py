"""Finds builds in a Tiltfile: the calls of ``docker_build`` and of ``docker_build_with_restart``.

Source: Tilt's API reference, ``docker_build(ref, context, build_args, dockerfile, dockerfile_contents, …)``, and its
extension ``restart_process``. Reads calls and assignments of text; runs nothing. A value that depends on anything else
is a hole.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from weighbridge.plan.evidence.model import HOLE, BuildCommand, EvidenceKind
from weighbridge.plan.tree import ROOT

_MAXIMUM_CALLS = 500
_MAXIMUM_ARGUMENT_TOKENS = 5_000
_CALL = re.compile(r"(?<![\w.])(?:\w+\.)?docker_build(?:_with_restart|_sub)?\s*\(")
_TOKEN = re.compile(
    r"(?P<skip>\s+|#[^\n]*)|(?P<text>[rf]?(?:\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'))"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<sign>[^\s])"
)
_ASSIGNED = re.compile(r"^([A-Za-z_]\w*)\s*=\s*(['\"])([^'\"\n\\]*)\2\s*(?:#.*)?$", re.MULTILINE)
_FIELD = re.compile(r"\{(\w*)\}")
_OPENS, _CLOSES = frozenset("([{"), frozenset(")]}")


def tilt_commands(text: str, path: str) -> Iterator[BuildCommand]:
    """The builds of a Tiltfile. Their paths are relative to its folder."""
    folder = posixpath.dirname(path) or ROOT
    assigned: dict[str, str | None] = {}
    for match in _ASSIGNED.finditer(text):
        assigned[match[1]] = match[3] if assigned.get(match[1], match[3]) == match[3] else None
    known = {name: value for name, value in assigned.items() if value is not None}
    for number, match in enumerate(_CALL.finditer(text)):
        if number >= _MAXIMUM_CALLS:
            return
        line = text.count("\n", 0, match.start()) + 1
        start_of_line = text.rfind("\n", 0, match.start()) + 1
        if "#" in text[start_of_line : match.start()] or text[start_of_line : match.start()].strip() == "def":
            continue
        arguments = _arguments(text, match.end())
        if arguments is None or "dockerfile_contents" in arguments:
            continue
        context = arguments.get("context", arguments.get("1"))
        dockerfile = arguments.get("dockerfile", arguments.get("3") if "_with_restart" not in match[0] else None)
        if context is None:
            continue
        yield BuildCommand(
            kind=EvidenceKind.PIPELINE,
            dockerfile=None if dockerfile is None else _value(dockerfile, known),
            context=_value(context, known),
            folders=(folder,),
            file=path,
            line=line,
        )


def _arguments(text: str, start: int) -> dict[str, list[str]] | None:
    """The tokens of each argument of the call that opens before `start`, by name or by number from ``"0"``.

    ``None`` for a call without an end.
    """
    found: dict[str, list[str]] = {}
    tokens: list[str] = []
    depth = position = 0
    for count, match in enumerate(_TOKEN.finditer(text, start)):
        token = match[0]
        if count > _MAXIMUM_ARGUMENT_TOKENS:
            return None
        if match["skip"]:
            continue
        if token in _OPENS:
            depth += 1
        elif token in _CLOSES:
            depth -= 1
        if depth < 0 or (token == "," and depth == 0):  # noqa: S105 - a sign of a language
            if len(tokens) > 2 and tokens[1] == "=" and tokens[2] != "=":
                found[tokens[0]] = tokens[2:]
            elif tokens:
                found[str(position)] = tokens
                position += 1
            if depth < 0:
                return found
            tokens = []
        else:
            tokens.append(token)
    return None


def _value(tokens: list[str], known: Mapping[str, str]) -> str:
    """The text of ``'a' + b``, of ``'a/{}'.format(b)`` and of ``'a/%s' % b``, with a hole for each unknown part."""
    if len(tokens) > 2 and tokens[1] in {".", "%"} and tokens[0][-1] in "\"'":
        names = [one for one in tokens[2:] if one.isidentifier() and one != "format"]
        return _formatted(_text(tokens[0], known), names, known)
    if any(one not in {"+", "(", ")"} and not one.isidentifier() and one[-1] not in "\"'" for one in tokens):
        return f"{HOLE}value{HOLE}"
    parts = [one for one in tokens if one not in {"+", "(", ")"}]
    return "".join(_text(one, known) if one[-1] in "\"'" else _named(one, known) for one in parts)


def _formatted(text: str, names: list[str], known: Mapping[str, str]) -> str:
    waiting = iter(names)

    def fill(match: re.Match[str]) -> str:
        return _named(match[1] if match.re is _FIELD and match[1] else next(waiting, "value"), known)

    return re.sub(r"%[sr]", fill, _FIELD.sub(fill, text))


def _text(literal: str, known: Mapping[str, str]) -> str:
    is_formatted = literal[0] == "f"
    text = literal.lstrip("rf")[1:-1]
    return _FIELD.sub(lambda match: _named(match[1] or "value", known), text) if is_formatted else text


def _named(name: str, known: Mapping[str, str]) -> str:
    return known.get(name, f"{HOLE}{name}{HOLE}")
