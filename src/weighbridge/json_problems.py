"""Says in plain words what is wrong with JSON: where it is damaged, or which field does not fit."""

from __future__ import annotations

import re

import msgspec

_MISSING = re.compile(r"Object missing required field `(\w+)`(?: - at `\$\.?(.*)`)?")
_WRONG = re.compile(r"Expected `([^`]+)`, got `([^`]+)`(?: - at `\$\.?(.*)`)?")
_BYTE = re.compile(r"\(byte (\d+)\)")
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def json_problem(error: Exception) -> str:
    """The decoder's message as a clause: ``it has no field `action` ``, ``the JSON ends too early``.

    `error` is what msgspec raises, a UnicodeDecodeError, or a RecursionError.
    """
    if isinstance(error, msgspec.ValidationError):
        return _field_problem(str(error))
    if isinstance(error, RecursionError):
        return "the JSON is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"the JSON is not UTF-8 (wrong at byte {error.start})"
    if found := _BYTE.search(str(error)):
        return f"the JSON is damaged (wrong at byte {found[1]})"
    return "the JSON ends too early" if "truncated" in str(error) else "the JSON is damaged"


def _field_problem(message: str) -> str:
    if found := _MISSING.fullmatch(message):
        return f"{f'`{found[2]}`' if found[2] else 'it'} has no field `{found[1]}`"
    if found := _WRONG.fullmatch(message):
        wanted, got = (" or ".join(_WORDS.get(kind, kind) for kind in one.split(" | ")) for one in (found[1], found[2]))
        return f"{f'`{found[3]}`' if found[3] else 'it'} is {got}, not {wanted}"
    return message
