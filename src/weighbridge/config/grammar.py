"""Rules of the configuration file that its parser and its JSON Schema share."""

from __future__ import annotations

import re

CONFIG_VERSION = 1
OPTIONAL_TIPS = ("locale-doc-man",)
"""Tips that the configuration must enable."""

MAXIMUM_COUNT = 1_000
PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(/[a-z0-9._]+)?")
ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
BAKE_TARGET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+@-]{0,199}")
