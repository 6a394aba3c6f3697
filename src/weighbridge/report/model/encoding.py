"""The report as JSON: encode, decode with validation, and the JSON Schema."""

from __future__ import annotations

from typing import Any

import msgspec

from weighbridge.errors import ReportError
from weighbridge.json_problems import json_problem
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
            f"{name}: not a report of version {SCHEMA_VERSION}: {json_problem(error)}. Write one with --format json."
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReportError(f"{name}: not a report: {json_problem(error)}. Write one with --format json.") from error


def report_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a report."""
    schema = msgspec.json.schema(Report)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Weighbridge report, version {SCHEMA_VERSION}",
        **schema,
    }
