"""A part of a large set of cases for each day: a run stays short, and all cases run within some days."""

from __future__ import annotations

import datetime as dt
import os


def part_of_today(variable: str) -> int | None:
    """The number of today's part, or the number that the environment variable names; ``None`` if it is ``all``.

    A failure names the number, so that the run can be repeated on another day.
    """
    named = os.environ.get(variable)
    if named == "all":
        return None
    return int(named) if named else dt.datetime.now(tz=dt.UTC).date().toordinal()
