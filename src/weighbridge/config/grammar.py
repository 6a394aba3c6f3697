"""What may stand in the file, where its parser and its JSON Schema say the same: each written here once."""

from __future__ import annotations

import re

CONFIG_VERSION = 1
OPTIONAL_TIPS = ("locale-doc-man",)
"""Tips that are only given where the configuration asks for them."""

MAXIMUM_COUNT = 1_000
PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(/[a-z0-9._]+)?")
ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
BAKE_TARGET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+@-]{0,199}")
