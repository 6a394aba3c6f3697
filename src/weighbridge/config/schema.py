"""The JSON Schema of the configuration file, and the table of its keys, both from their declarations."""

from __future__ import annotations

from typing import Any

from weighbridge.config.file import DEFAULT_CONFIG
from weighbridge.config.keys import Key
from weighbridge.config.sections import CONFIG


def config_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the configuration file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Weighbridge configuration ({DEFAULT_CONFIG})",
        **CONFIG.schema,
    }


def key_table() -> list[tuple[str, str]]:
    """The keys with a value, by path (``images.NAME.target``), and their descriptions, in the order of declaration.

    Keys that occur again in other sections, as those of limits do, are listed once.
    """
    listed: list[Key] = []
    rows: list[tuple[str, str]] = []
    for path, key in CONFIG.all_keys():
        if not any(key is one for one in listed):
            listed.append(key)
            if key.description:
                rows.append((path, key.description))
    return rows
