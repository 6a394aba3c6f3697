"""Parses and validates `.github/weighbridge.yml`."""

from __future__ import annotations

from typing import Any

from weighbridge.config.file import DEFAULT_CONFIG, load_config, misplaced_config, parse_config
from weighbridge.config.grammar import MAXIMUM_CONFIG_BYTES, OPTIONAL_TIPS, PLATFORM, parse_branch
from weighbridge.config.settings import VERIFY_TIPS, Config, Discover, ImageSettings, Tips, VerifyTips

__all__ = [
    "DEFAULT_CONFIG",
    "MAXIMUM_CONFIG_BYTES",
    "OPTIONAL_TIPS",
    "PLATFORM",
    "VERIFY_TIPS",
    "Config",
    "Discover",
    "ImageSettings",
    "Tips",
    "VerifyTips",
    "config_schema",
    "load_config",
    "misplaced_config",
    "parse_branch",
    "parse_config",
]


def config_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the configuration file, for editors."""
    from weighbridge.config import schema  # noqa: PLC0415 - only one command needs it

    return schema.config_schema()
