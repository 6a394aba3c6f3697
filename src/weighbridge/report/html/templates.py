"""What a template may print, and how: every text is made visible, then escaped."""

from __future__ import annotations

from typing import Any

import jinja2
from markupsafe import Markup

from weighbridge.report.escape import visible

_TEXT_CHARACTERS = 4_000


class Visible(str):
    """Text out of `visible` or `log_line`: it is still escaped, but its spaces are kept."""

    __slots__ = ()


def _finalize(value: object) -> object:
    """Every text that is printed passes here before it is escaped; what has no text is refused."""
    if isinstance(value, Markup | Visible):
        return value
    if isinstance(value, str):
        return visible(value, maximum=_TEXT_CHARACTERS)
    if isinstance(value, jinja2.Undefined):
        return str(value)  # raises, with the name that is not defined
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise TypeError(f"A template may print text and numbers, not {type(value).__name__}.")


templates = jinja2.Environment(
    loader=jinja2.PackageLoader("weighbridge.report", "templates/html"),
    autoescape=True,
    finalize=_finalize,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
for _name in ("safe", "urlize", "xmlattr", "tojson"):
    del templates.filters[_name]


def prose(value: str) -> list[dict[str, Any]]:
    """A sentence in parts, of which those between backticks are code."""
    parts = visible(value, maximum=_TEXT_CHARACTERS).split("`")
    if len(parts) % 2 == 0:
        parts[-2:] = ["`".join(parts[-2:])]
    return [{"code": bool(number % 2), "text": Visible(part)} for number, part in enumerate(parts[:200]) if part]
