"""The template environment: makes every printed text visible, then escapes it."""

from __future__ import annotations

from typing import Any

import jinja2
from markupsafe import Markup

from weighbridge.report.escape import visible

_TEXT_CHARACTERS = 4_000


class Visible(str):
    """Text from `visible` or `log_line`: it is still escaped, but keeps its spaces."""

    __slots__ = ()


def _finalize(value: object) -> object:
    """Called for every printed value before escaping; rejects values other than text and numbers."""
    if isinstance(value, Markup | Visible):
        return value
    if isinstance(value, str):
        return visible(value, maximum=_TEXT_CHARACTERS)
    if isinstance(value, jinja2.Undefined):
        return str(value)  # raises an error with the undefined name
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
    auto_reload=False,  # the templates of a package do not change; asking costs a stat for each use
)
for _name in ("safe", "urlize", "xmlattr", "tojson"):
    del templates.filters[_name]


def prose(value: str) -> list[dict[str, Any]]:
    """A sentence split into parts; parts between backticks are code."""
    parts = visible(value, maximum=_TEXT_CHARACTERS).split("`")
    if len(parts) % 2 == 0:
        parts[-2:] = ["`".join(parts[-2:])]
    return [{"code": bool(number % 2), "text": Visible(part)} for number, part in enumerate(parts[:200]) if part]
