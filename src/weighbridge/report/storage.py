"""Describes changes in the storage of equal content."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.domain.image.storage_changes import StorageCause, StorageChange
from weighbridge.report.units import format_delta


def storage_remarks(changes: Sequence[StorageChange]) -> tuple[str, ...]:
    """A sentence for each change: effect, evidence, cause."""
    return tuple(map(_sentence, changes))


def _sentence(change: StorageChange) -> str:
    size = format_delta(change.delta_bytes)
    files = _count(change.count, "file")
    layers = _count(change.count, "layer")
    match change.cause:
        case StorageCause.LINKS_LOST:
            return f"Hard links lost: {size}. Links in base, copies in head: {files}, such as {change.example}."
        case StorageCause.LINKS_GAINED:
            return f"Hard links gained: {size}. Copies in base, links in head: {files}, such as {change.example}."
        case StorageCause.COMPRESSION_LOST:
            return f"Compression lost in {layers} ({change.example}): {_download(change)}"
        case StorageCause.COMPRESSION_CHANGED:
            return f"Compression changed in {layers} ({change.example}): {_download(change)}"


def _download(change: StorageChange) -> str:
    if change.delta_bytes:
        return f"download {format_delta(change.delta_bytes)} with the same content."
    return "the change of the download is not only a change of content."


def _count(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"
