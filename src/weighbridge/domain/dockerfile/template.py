"""Recognises templates of Dockerfiles."""

from __future__ import annotations

import re

from weighbridge.domain.lines import lines_of

_MAXIMUM_LINES = 2_000
_LINE = re.compile(r"\s*(\{\{|\{%|\{#|<%|@\w+@|%%\w+%%|@(?:if|for|x|\[|\{|\()|#\{|(?:m4_|define\(|dnl\b))")
_FROM = re.compile(r"\s*FROM\s.*?(\{\{|\{%|<%|@\w+@|%%[\w.-]+%%|#\{|\$\{\{|(?<=\s)@\w)", re.IGNORECASE)
_PROPERTY = re.compile(
    r"\s*(?:FROM|COPY|ADD|ENV|ARG|WORKDIR|LABEL|EXPOSE|USER|VOLUME)\s.{0,500}?(\$\{[A-Za-z_]\w{0,60}\.[\w.-]{1,100}\})",
    re.IGNORECASE,
)
"""A property of Maven or Gradle. BuildKit refuses a variable with a dot in its name."""
_ENDS = {"{{": "{{ … }}", "{%": "{% … %}", "{#": "{# … #}", "<%": "<% … %>", "#{": "#{ … }", "${{": "${{ … }}"}


def template_syntax(text: str) -> str | None:
    """The placeholder, such as ``{{ … }}``, that marks `text` as a template; ``None`` for a Dockerfile.

    Only a line that begins with a placeholder, or a ``FROM`` that contains one, counts: a ``RUN`` may pass ``{{.ID}}``
    to a program. A property such as ``${pkg.name}`` counts wherever the builder replaces variables.
    """
    for line in lines_of(text)[:_MAXIMUM_LINES]:
        match = _FROM.match(line) or (None if _is_comment(line) else _LINE.match(line) or _PROPERTY.match(line))
        if match is not None:
            return _ENDS.get(match[1], match[1])
    return None


def _is_comment(line: str) -> bool:
    stripped = line.lstrip()
    return stripped.startswith("#") and not stripped.startswith("#{")
