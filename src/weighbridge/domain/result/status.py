"""The status of an image in one word."""

from __future__ import annotations

import enum


class Status(enum.StrEnum):
    """How an image changed between base and head."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    SKIPPED = "skipped"
