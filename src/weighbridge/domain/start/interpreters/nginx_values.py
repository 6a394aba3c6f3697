"""The values that nginx checks while it reads a directive: switches, numbers, times, sizes and patterns.

Sources: src/core/ngx_conf_file.c, ngx_parse.c and ngx_regex.c; the messages were recorded from nginx 1.22 with PCRE 2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from weighbridge.domain.start.interpreters.nginx_directives import directive_rules
from weighbridge.domain.start.interpreters.nginx_syntax import Directive

_MAX_PATTERN_CHARACTERS = 4096
_VALUES: Mapping[str, re.Pattern[str]] = {
    "number": re.compile(r"[0-9]+"),
    "time": re.compile(r"[0-9]+(?:[0-9]|ms|[yMwdhms ])*"),
    "size": re.compile(r"[0-9]+[kKmM]?"),
    "offset": re.compile(r"[0-9]+[kKmMgG]?"),
}
_UNREAD_PATTERN = re.compile(r"\\Q|\(\?[a-zA-Z-]*x|\(\*")
"""Parts of PCRE after which brackets may mean something else."""


def shape_error(directive: Directive, place: str) -> str | None:
    """The message for a directive with a wrong number of arguments: often a ``;`` is missing before it."""
    name, count = directive.name, len(directive.words) - 1
    rules = [rule for rule in directive_rules(name) if place in rule.places]
    if not rules or any(
        rule.least <= count <= rule.most and (rule.kind == "block") is directive.opens for rule in rules
    ):
        return None
    if all(rule.kind == "block" for rule in rules) and not directive.opens:
        return f'directive "{name}" has no opening "{{"'
    if all(rule.kind != "block" for rule in rules) and directive.opens:
        return f'directive "{name}" is not terminated by ";"'
    return f'invalid number of arguments in "{name}" directive'


def is_pattern_location(directive: Directive) -> bool:
    """True for a location of a pattern or with a name, not of a path."""
    first = directive.words[1] if directive.words[1:] else ""
    return first.startswith(("~", "@"))


def is_misplaced(name: str, place: str) -> bool:
    """Whether nginx does not allow a directive of its own modules there."""
    rules = directive_rules(name)
    return bool(rules) and not any(place in rule.places for rule in rules)


def value_error(directive: Directive, place: str, *, has_pcre2: bool) -> str | None:
    """The message for a value that nginx refuses; None where it takes it, or where other rules decide.

    The library for patterns decides their messages: those of the older PCRE are not known in full.
    """
    name = directive.name
    kinds = {rule.kind for rule in directive_rules(name) if place in rule.places}
    kind = kinds.pop() if len(kinds) == 1 else ""
    value = directive.words[1] if directive.words[1:] else ""
    if kind == "flag" and value.lower() not in {"on", "off"}:
        return f'invalid value "{value}" in "{name}" directive, it must be "on" or "off"'
    if kind in _VALUES and not _VALUES[kind].fullmatch(value):
        return f'"{name}" directive invalid {"number" if kind == "number" else "value"}'
    for pattern in _patterns(directive):
        wrong = pattern_error(pattern)
        if wrong:
            return f'pcre2_compile() failed: {wrong} in "{pattern}"' if has_pcre2 else "pcre_compile() failed: "
    return None


def _patterns(directive: Directive) -> tuple[str, ...]:
    words = directive.words[1:]
    match directive.name:
        case "rewrite":
            return words[:1]
        case "location" if len(words) == 2 and words[0] in {"~", "~*"}:
            return words[1:]
        case "server_name":
            return tuple(word[1:] for word in words if word.startswith("~"))
    return ()


def pattern_error(pattern: str) -> str:
    """PCRE's message for brackets that do not fit; empty for a pattern that may be right."""
    if _UNREAD_PATTERN.search(pattern) or len(pattern) > _MAX_PATTERN_CHARACTERS:
        return ""
    depth, at = 0, 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == "\\":
            at += 2
            continue
        if letter == "[":
            end = _end_of_class(pattern, at)
            if end < 0:
                return "missing terminating ] for character class"
            at = end
        elif pattern.startswith("(?#", at):
            at = pattern.find(")", at)
            if at < 0:
                return ""
        elif letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
            if depth < 0:
                return "unmatched closing parenthesis"
        at += 1
    return "missing closing parenthesis" if depth else ""


def _end_of_class(pattern: str, start: int) -> int:
    """The place of the ``]`` of a character class; -1 without it. A ``]`` at its beginning is a character."""
    at = start + 1 + pattern.startswith("^", start + 1)
    first = at
    while at < len(pattern):
        if pattern[at] == "\\":
            at += 1
        elif pattern.startswith("[:", at) and (end := pattern.find(":]", at + 2)) > 0:
            at = end + 1
        elif pattern[at] == "]" and at > first:
            return at
        at += 1
    return -1
