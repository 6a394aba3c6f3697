"""Values of the domain as text of the report: valid Unicode, and times."""

from __future__ import annotations

from datetime import UTC, datetime


def report_text(value: str) -> str:
    """`value` as valid Unicode: bytes of an image that are not UTF-8 become escapes."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def optional_text(value: str | None) -> str | None:
    """`value` as `report_text` gives it, or ``None``."""
    return None if value is None else report_text(value)


def iso_time(time_seconds: int) -> str:
    """Seconds of Unix time as ISO 8601, UTC."""
    return datetime.fromtimestamp(time_seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def minute_text(time_seconds: int) -> str:
    """Seconds of Unix time as people read them: ``2026-11-28 04:17 UTC``."""
    return datetime.fromtimestamp(time_seconds, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")
