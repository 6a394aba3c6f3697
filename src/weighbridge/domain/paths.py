"""Absolute paths of an image as text, without access to files."""

from __future__ import annotations


def is_at_or_below(path: str, folder: str) -> bool:
    """True for `folder` itself and all paths in it."""
    prefix = folder.rstrip("/")
    return path == prefix or path.startswith(prefix + "/")
