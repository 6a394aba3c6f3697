"""Limits on the growth of an image, and the notation of sizes.

A growth always has a ``+``, because "150 %" alone is ambiguous.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field
from decimal import Decimal

SIZE_UNITS: dict[str, int] = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}
"""Unit, in capitals, to bytes: the SI's powers of ten, and the binary ones with ``i``."""

_MAXIMUM_TEXT = 100
_BYTES_FROM = 100_000
"""A larger number without a unit can only mean bytes."""
_NUMBER = r"([0-9]{1,15}(?:\.[0-9]{1,9})?)"
_SIZE = re.compile(rf"{_NUMBER} ?([A-Za-z]+)")
_PERCENT = re.compile(rf"{_NUMBER} ?%")
_JOINED = re.compile(r" (and|or) ", re.IGNORECASE)


class Combine(enum.StrEnum):
    """Which terms of a limit must be exceeded to exceed the limit: all of them, or any."""

    ALL = "and"
    ANY = "or"


@dataclass(frozen=True, kw_only=True, slots=True)
class GrowthBytes:
    """Growth of at most `maximum_bytes`."""

    maximum_bytes: int

    def broken_by(self, base_bytes: int, head_bytes: int) -> bool:
        """True if head is more than `maximum_bytes` larger than base."""
        return head_bytes - base_bytes > self.maximum_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class GrowthPercent:
    """Growth of at most `maximum_percent` of base."""

    maximum_percent: Decimal

    def broken_by(self, base_bytes: int, head_bytes: int) -> bool:
        """True if head is more than `maximum_percent` larger than base. A percentage of zero bytes is zero bytes."""
        numerator, denominator = self.maximum_percent.as_integer_ratio()
        return (head_bytes - base_bytes) * 100 * denominator > numerator * base_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """A limit on the growth of an image. `written` is its original text, which is shown."""

    terms: tuple[GrowthBytes | GrowthPercent, ...]
    combine: Combine = Combine.ALL
    written: str = field(compare=False)

    def broken_by(self, base_bytes: int | None, head_bytes: int) -> bool:
        """True if head grew beyond the limit. A new image (no base) never exceeds a growth limit."""
        if base_bytes is None:
            return False
        broken = (term.broken_by(base_bytes, head_bytes) for term in self.terms)
        return all(broken) if self.combine is Combine.ALL else any(broken)

    def __str__(self) -> str:
        return self.written


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeLimit:
    """A maximum size. `written` is its original text, which is shown."""

    maximum_bytes: int
    written: str = field(compare=False)

    def __str__(self) -> str:
        return self.written


def parse_size_limit(text: str) -> SizeLimit:
    """Parse ``500MB`` like `parse_size`. Raises ValueError."""
    return SizeLimit(maximum_bytes=parse_size(text), written=_one_line(text))


def parse_limit(text: str) -> Limit:
    """Parse ``+5MB``, ``+10%``, ``+5MB and +10%`` (both exceeded) or ``+5MB or +10%`` (either exceeded).

    Raises ValueError with the right form.
    """
    written = _one_line(text)
    pieces = _JOINED.split(written)
    joins = {join.lower() for join in pieces[1::2]}
    if "," in written:
        raise ValueError(f'"{written}" has a comma: write "+10% and +5MB" or "+10% or +5MB"')
    if len(joins) > 1:
        raise ValueError(f'"{written}" mixes "and" with "or": write one of them')
    return Limit(
        terms=tuple(_parse_term(piece.strip(), written) for piece in pieces[::2]),
        combine=Combine.ANY if "or" in joins else Combine.ALL,
        written=written,
    )


def parse_size(text: str) -> int:
    """Parse ``500MB``, ``1.5 GB``, ``64MiB`` or ``1200B`` to bytes. Raises ValueError."""
    written = _one_line(text)
    match = _SIZE.fullmatch(written)
    if match is None:
        if re.fullmatch(_NUMBER, written):
            units = f"{written}MB, {written}MiB or {written}B" if Decimal(written) < _BYTES_FROM else f"{written}B"
            raise ValueError(f'"{written}" has no unit: write {units}')
        if written.startswith("+"):
            raise ValueError(f'"{written}" is a growth; a size has no "+". Write for example 500MB')
        if written.endswith("%"):
            raise ValueError(f'"{written}" is a percentage, but a size is needed. Write for example 500MB')
        raise ValueError(f'"{written}" is not a size: write a number with a unit, for example 500MB or 64MiB')
    number, unit = match.groups()
    factor = SIZE_UNITS.get(unit.upper())
    if factor is None:
        raise ValueError(f'"{written}" has the unknown unit "{unit}": write B, kB, MB, GB, TB, KiB, MiB, GiB or TiB')
    numerator, denominator = Decimal(number).as_integer_ratio()
    size_bytes, rest = divmod(numerator * factor, denominator)
    if rest:
        raise ValueError(f'"{written}" is not a whole number of bytes')
    return size_bytes


def _parse_term(term: str, written: str) -> GrowthBytes | GrowthPercent:
    if term.startswith(("-", "−")):
        raise ValueError(f'"{written}" is negative: a limit is a maximum growth, for example +10% or +5MB')
    if not term.startswith("+"):
        if _PERCENT.fullmatch(term):
            raise ValueError(
                f'"{written}" is ambiguous: write "+{term}" for a growth of {term}'
                " (for a maximum size use max-size: 500MB)"
            )
        if _SIZE.fullmatch(term):
            raise ValueError(f'"{written}" has no "+": write "+{term}" for a growth; for a maximum size use max-size')
        raise ValueError(f'"{written}" is not a limit: write +10%, +5MB, "+5MB and +10%" or "+5MB or +10%"')
    amount = term[1:].lstrip(" ")
    percent = _PERCENT.fullmatch(amount)
    if percent is not None:
        return GrowthPercent(maximum_percent=Decimal(percent.group(1)))
    if re.fullmatch(_NUMBER, amount):
        units = f"+{amount}MB or +{amount}%" if Decimal(amount) < _BYTES_FROM else f"+{amount}B"
        raise ValueError(f'"{written}" has no unit: write {units}')
    if "%" in amount:
        raise ValueError(f'"{written}" is not a limit: write +10%, +5MB, "+5MB and +10%" or "+5MB or +10%"')
    return GrowthBytes(maximum_bytes=parse_size(amount))


def _one_line(text: str) -> str:
    if len(text) > _MAXIMUM_TEXT:
        raise ValueError(f"a limit of {len(text)} characters is too long")
    return " ".join(text.split())
