"""Recognises templates of Dockerfiles."""

from __future__ import annotations

import re

from weighbridge.domain.lines import lines_of

_MAXIMUM_LINES = 2_000
_LINE = re.compile(r"\s*(\{\{|\{%|\{#|<%|@\w+@|%%\w+%%|@(?:if|for|x|\[|\{|\()|#\{|(?:m4_|define\(|dnl\b))")
_FROM = re.compile(r"\s*FROM\s.*?(\{\{|\{%|<%|@\w+@|%%[\w.-]+%%|#\{|\$\{\{|(?<=\s)@\w)", re.IGNORECASE)
_ENDS = {"{{": "{{ … }}", "{%": "{% … %}", "{#": "{# … #}", "<%": "<% … %>", "#{": "#{ … }", "${{": "${{ … }}"}


def template_syntax(text: str) -> str | None:
    """The placeholder, such as ``{{ … }}``, that marks `text` as a template; ``None`` for a Dockerfile.

    Only a line that begins with a placeholder, or a ``FROM`` that contains one, counts: a ``RUN`` may pass ``{{.ID}}``
    to a program.
    """
    for line in lines_of(text)[:_MAXIMUM_LINES]:
        match = _FROM.match(line) or (None if _is_comment(line) else _LINE.match(line))
        if match is not None:
            return _ENDS.get(match[1], match[1])
    return None


def _is_comment(line: str) -> bool:
    stripped = line.lstrip()
    return stripped.startswith("#") and not stripped.startswith("#{")
