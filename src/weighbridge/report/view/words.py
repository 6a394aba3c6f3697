"""Common words: plural nouns, enumerations, and placeholders for missing values."""

from __future__ import annotations

from collections.abc import Iterable

from weighbridge.report.model import ImageReport
from weighbridge.report.units import format_bytes

ABSENT = "–"
"""Shown for a missing value: a side that an image does not have, a package without a version."""


def plural(count: int, noun: str) -> str:
    """The noun in singular or plural, according to `count`."""
    return noun if count == 1 else noun + "s"


def enumerate_words(words: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    listed = list(words)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}" if listed else ""


def layer_name(instruction: str | None) -> str:
    """The instruction, or a placeholder for an image without history."""
    return instruction or "(no instruction recorded)"


def where(image: ImageReport, line: int | None) -> str | None:
    """``services/api/Dockerfile:7``; None if either is unknown."""
    if image.dockerfile is None:
        return None if line is None else f"line {line}"
    return image.dockerfile if line is None else f"{image.dockerfile}:{line}"


def short_sha(sha: str | None) -> str | None:
    """The first seven digits of a commit hash; None for any other text."""
    return sha[:7] if sha and 7 <= len(sha) <= 64 and all(digit in "0123456789abcdef" for digit in sha) else None


def more_text(count: int, noun: str) -> str:
    """``and 3 more layers`` for a table that does not show all rows; empty if it does."""
    return f"and {count} more {plural(count, noun)}" if count > 0 else ""


def bytes_text(value: int | None) -> str:
    """The size of something that may be missing."""
    return ABSENT if value is None else format_bytes(value)
