"""Rules of the configuration file that its parser and its JSON Schema share."""

from __future__ import annotations

import re

CONFIG_VERSION = 1
OPTIONAL_TIPS = ("locale-doc-man",)
"""Tips that the configuration must enable."""

MAXIMUM_COUNT = 1_000
MAXIMUM_CONFIG_BYTES = 262_144
MAXIMUM_SHOWN = 80
PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(/[a-z0-9._]+)?")
ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
BAKE_TARGET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+@-]{0,199}")
_BRANCH_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")


def parse_branch(text: str) -> str:
    """A branch name that git allows and no shell or ref syntax interprets. Raises ValueError."""
    parts = text.split("/")
    if len(text) > 200 or not all(_BRANCH_PART.fullmatch(part) and not part.endswith((".lock", ".")) for part in parts):
        raise ValueError(f"{short(text)!r} is not a branch name such as weighbridge-data")
    if ".." in text or text.startswith("refs/"):
        raise ValueError(f"{short(text)!r} is not a branch name: write it without refs/heads/")
    return text


def short(text: str) -> str:
    """Text of the file, as one printable line for a message."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text[: MAXIMUM_SHOWN + 1])
    return shown if len(shown) <= MAXIMUM_SHOWN else f"{shown[:MAXIMUM_SHOWN]}…"
