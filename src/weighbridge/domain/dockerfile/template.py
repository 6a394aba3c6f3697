"""Recognises templates of Dockerfiles."""

from __future__ import annotations

import re

from e2b_dockerfile_utils import ShellLex

from weighbridge.domain.dockerfile.parse import parse_dockerfile
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lines import lines_of
from weighbridge.errors import DockerfileError

_MAXIMUM_LINES = 2_000
_MARKS = ("${", "{{", "{%", "{#", "<%", "@", "%%", "#{", "m4_", "define(", "dnl")
"""Each line with a placeholder contains one of these. Most Dockerfiles have none, and compile no pattern."""
_LINE = late_pattern(r"\s*(\{\{|\{%|\{#|<%|@\w+@|%%\w+%%|@(?:if|for|x|\[|\{|\()|#\{|(?:m4_|define\(|dnl\b))")
_FROM = late_pattern(r"\s*FROM\s.*?(\{\{|\{%|<%|@\w+@|%%[\w.-]+%%|#\{|\$\{\{|(?<=\s)@\w)", re.IGNORECASE)
_PROPERTY = late_pattern(
    r"\s*(?:FROM|COPY|ADD|ENV|ARG|WORKDIR|LABEL|EXPOSE|USER|VOLUME)\s.{0,500}?(\$\{[A-Za-z_]\w{0,60}\.[\w.-]{1,100}\})",
    re.IGNORECASE,
)
"""A property of Maven or Gradle. BuildKit refuses a variable with a dot in its name."""
_EXPANDED = frozenset({"COPY", "ADD", "ENV", "ARG", "WORKDIR", "LABEL", "EXPOSE", "USER", "VOLUME"})
_DOTTED = late_pattern(r"\$\{[A-Za-z_]\w{0,60}\.")
_MAXIMUM_WORD = 4_096
_ENDS = {"{{": "{{ … }}", "{%": "{% … %}", "{#": "{# … #}", "<%": "<% … %>", "#{": "#{ … }", "${{": "${{ … }}"}


def template_syntax(text: str) -> str | None:
    """The placeholder, such as ``{{ … }}``, that marks `text` as a template; ``None`` for a Dockerfile.

    Only a line that begins with a placeholder, or a ``FROM`` that contains one, counts: a ``RUN`` may pass ``{{.ID}}``
    to a program. A property such as ``${pkg.name}`` counts wherever the builder replaces variables. A text that the
    builder accepts as it is written is no template: a here-document may have any line.
    """
    if not any(mark in text for mark in _MARKS):
        return None
    for line in lines_of(text)[:_MAXIMUM_LINES]:
        match = _FROM.match(line) or (None if _is_comment(line) else _LINE.match(line) or _PROPERTY.match(line))
        if match is not None:
            return None if _builder_accepts(text) else _ENDS.get(match[1], match[1])
    return None


def _builder_accepts(text: str) -> bool:
    """True if the builder neither refuses the text, nor the base image or a variable that the last stage uses."""
    try:
        dockerfile = parse_dockerfile(text, path="")
    except DockerfileError:
        return False
    lexer = ShellLex(dockerfile.directives.get("escape", "\\"), env={}, skip_unset_env=True)
    for stage in dockerfile.reachable_stages():
        is_unknown = stage.parent is None and not stage.base
        if is_unknown and "${{" in stage.from_instruction.original:
            return False
        if stage.parent is None and _FROM.match(f"FROM {stage.base}"):
            return False
        words = (word for one in stage.instructions if one.name in _EXPANDED for word in one.args)
        if any(_is_refused(word, lexer) for word in words):
            return False
    return True


def _is_refused(word: str, lexer: ShellLex) -> bool:
    """True if the builder refuses a property in a word: quoted or escaped, it is plain text."""
    if len(word) > _MAXIMUM_WORD or not _DOTTED.search(word):
        return False
    try:
        lexer.process_word(word)
    except (ValueError, RecursionError, re.error):
        return True
    return False


def _is_comment(line: str) -> bool:
    stripped = line.lstrip()
    return stripped.startswith("#") and not stripped.startswith("#{")
