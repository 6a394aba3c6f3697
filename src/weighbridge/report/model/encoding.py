"""The report as JSON: encode, decode with validation, and the JSON Schema."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from weighbridge.errors import ReportError
from weighbridge.report.model.run import Report

SCHEMA_VERSION = 1


MAXIMUM_REPORT_BYTES = 32 * 1024 * 1024
"""Maximum size of a report file: reports come from pull requests, which may be hostile."""


def encode_report(report: Report) -> str:
    """The report as JSON text, indented, ending in a newline."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"


class _Versioned(msgspec.Struct):
    schema_version: int


def _schema_version(data: bytes) -> int | None:
    """The version that a report names; ``None`` if it names none."""
    try:
        return msgspec.json.decode(data, type=_Versioned).schema_version
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def decode_report(data: bytes, *, name: str) -> Report:
    """Decode the report in `data`, and validate it against the schema; `name` is the file's name for error texts.

    Raises ReportError for input that is too large, not JSON, of another version, or invalid.
    """
    if len(data) > MAXIMUM_REPORT_BYTES:
        raise ReportError(f"{name}: {len(data)} bytes exceed the limit for a report ({MAXIMUM_REPORT_BYTES}).")
    try:
        return msgspec.json.decode(data, type=Report)
    except msgspec.ValidationError as error:
        version = _schema_version(data)
        if version is not None and version != SCHEMA_VERSION:
            raise ReportError(
                f"{name}: a report of version {version}; this program reads version {SCHEMA_VERSION}."
                " Use the version of Weighbridge that wrote it."
            ) from error
        raise ReportError(
            f"{name}: not a report of version {SCHEMA_VERSION}: {_problem(error)}. Write one with --format json."
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReportError(f"{name}: not JSON{_where(error)}. Write a report with --format json.") from error


_MISSING = re.compile(r"Object missing required field `(\w+)`(?: - at `\$\.?(.*)`)?")
_WRONG = re.compile(r"Expected `([^`]+)`, got `([^`]+)`(?: - at `\$\.?(.*)`)?")
_BYTE = re.compile(r"\(byte (\d+)\)")
_WORDS = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false", "array": "a list"}


def _problem(error: msgspec.ValidationError) -> str:
    """The decoder's message in the words of the other messages: which field, and what is wrong."""
    if found := _MISSING.fullmatch(str(error)):
        return f"{found[2] or 'it'} has no field `{found[1]}`"
    if found := _WRONG.fullmatch(str(error)):
        wanted, got = (" or ".join(_WORDS.get(kind, kind) for kind in one.split(" | ")) for one in (found[1], found[2]))
        return f"{f'`{found[3]}`' if found[3] else 'it'} is {got}, not {wanted}"
    return str(error)


def _where(error: Exception) -> str:
    """Where JSON text is damaged, as far as the decoder knows."""
    if found := _BYTE.search(str(error)):
        return f" (wrong at byte {found[1]})"
    return ": the file ends too early" if "truncated" in str(error) else ""


def report_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a report."""
    schema = msgspec.json.schema(Report)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Weighbridge report, version {SCHEMA_VERSION}",
        **schema,
    }
