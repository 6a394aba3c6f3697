"""Masks secret values in a report, in all of its texts."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TypeVar

from weighbridge.domain.image.packed_file_map import masked_map
from weighbridge.domain.secret_values import SecretMask

_Value = TypeVar("_Value")


def masked(value: _Value, mask: SecretMask) -> _Value:
    """`value`, a report or a part of one, with ``***`` for each secret in its texts."""
    return _masked(value, mask)  # type: ignore[return-value]


def _masked(value: object, mask: SecretMask) -> object:
    if type(value) is str:  # an enum's text is never secret
        return mask.text(value)
    if isinstance(value, bytes):  # the only bytes of a report are file maps
        return masked_map(value, mask)
    if isinstance(value, tuple) and all(type(one) is str for one in value):
        return mask.words(value)
    if isinstance(value, tuple):
        return tuple(_masked(one, mask) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: _field(one.name, getattr(value, one.name), mask) for one in fields(value)})
    return value


def _field(name: str, value: object, mask: SecretMask) -> object:
    return mask.patch(value) if name == "patch" and isinstance(value, str) else _masked(value, mask)
