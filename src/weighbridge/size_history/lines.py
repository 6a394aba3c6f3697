"""Parses and writes a size history: one line of JSON per run.

The lines are hostile input: each is checked and bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from weighbridge.domain.size_history import Figure, Record

HISTORY_VERSION = 1
MAXIMUM_HISTORY_BYTES = 16 * 1024 * 1024
"""Maximum size of a history. Writing drops the oldest lines above three quarters of it."""
_KEPT_BYTES = MAXIMUM_HISTORY_BYTES * 3 // 4
_MAXIMUM_LINES = 50_000
_MAXIMUM_LINE_BYTES = 4 * 1024 * 1024
_MAXIMUM_IMAGES = 20_000
_EARLIEST_SECONDS = 0
_LATEST_SECONDS = 32_503_680_000  # the year 3000

_Sha = Annotated[str, msgspec.Meta(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
_Bytes = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=604_800)]


class _Figure(msgspec.Struct, omit_defaults=True):
    unpacked_bytes: _Bytes
    download_bytes: _Bytes | None = None
    build_seconds: _Seconds | None = None


class _Line(msgspec.Struct):
    v: int
    commit: _Sha
    base: _Sha | None
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    images: Annotated[dict[_Name, _Figure | None], msgspec.Meta(max_length=_MAXIMUM_IMAGES)]


_decoder = msgspec.json.Decoder(_Line)


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryText:
    """The records of a history, and the number of its invalid lines."""

    records: tuple[Record, ...] = ()
    refused: int = 0


def read_lines(data: bytes) -> HistoryText:
    """Parse the records in `data`, oldest line first. Counts and skips invalid lines."""
    lines = [line for line in data[-MAXIMUM_HISTORY_BYTES:].split(b"\n") if line.strip()]
    records = []
    for line in lines[-_MAXIMUM_LINES:]:
        record = _record(line)
        if record is not None:
            records.append(record)
    return HistoryText(records=tuple(records), refused=len(lines) - len(records))


def with_record(data: bytes, record: Record) -> bytes:
    """`data` with a line for `record`. Drops invalid lines, and the oldest lines above the maximum size."""
    lines = [line for line in data[-MAXIMUM_HISTORY_BYTES:].split(b"\n") if _record(line) is not None]
    added = _written(record)
    if added not in lines:
        lines.append(added)
    total = sum(len(line) + 1 for line in lines)
    first = max(0, len(lines) - _MAXIMUM_LINES)
    total -= sum(len(line) + 1 for line in lines[:first])
    while total > _KEPT_BYTES and first < len(lines) - 1:
        total -= len(lines[first]) + 1
        first += 1
    return b"".join(line + b"\n" for line in lines[first:])


def _record(line: bytes) -> Record | None:
    if len(line) > _MAXIMUM_LINE_BYTES:
        return None
    try:
        found = _decoder.decode(line)
        committed_at = int(found.at.timestamp())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError):
        return None
    if found.v != HISTORY_VERSION or not _EARLIEST_SECONDS <= committed_at <= _LATEST_SECONDS:
        return None
    if not all(name.isprintable() for name in found.images):
        return None
    return Record(
        commit=found.commit, base=found.base, committed_at=committed_at, images=dict(_figures(found.images.items()))
    )


def _figures(images: Iterable[tuple[str, _Figure | None]]) -> Iterable[tuple[str, Figure | None]]:
    for name, one in images:
        yield (
            name,
            None
            if one is None
            else Figure(
                unpacked_bytes=one.unpacked_bytes,
                download_bytes=one.download_bytes,
                build_seconds=one.build_seconds,
            ),
        )


def _written(record: Record) -> bytes:
    images: Mapping[str, _Figure | None] = {
        name: None
        if one is None
        else _Figure(
            unpacked_bytes=one.unpacked_bytes, download_bytes=one.download_bytes, build_seconds=one.build_seconds
        )
        for name, one in sorted(record.images.items())
        if name.isprintable()
    }
    line = _Line(
        v=HISTORY_VERSION,
        commit=record.commit,
        base=record.base,
        at=datetime.fromtimestamp(record.committed_at, tz=UTC),
        images=dict(images),
    )
    return msgspec.json.encode(line)
