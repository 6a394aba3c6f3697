"""Parses durations of options and settings."""

from __future__ import annotations

import re

_UNIT_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smh]?)", re.ASCII)


def parse_duration(text: str) -> float:
    """Parse ``90``, ``90s``, ``30m`` or ``1.5h``. Returns seconds. Raises ValueError for other text and for zero."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or float(found.group(1)) <= 0:
        raise ValueError(f"{text!r} is not a duration. Write 90s, 30m or 1h")
    return float(found.group(1)) * _UNIT_SECONDS[found.group(2)]
