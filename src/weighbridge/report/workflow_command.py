"""One workflow command of GitHub Actions as a line, with every part escaped.

Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands and the runner's
ActionCommand.cs.
"""

from __future__ import annotations

from collections.abc import Mapping


def escape_data(text: str) -> str:
    """`text` as the message of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """`text` as the value of a property of a command."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")


def command(name: str, message: str = "", properties: Mapping[str, str | int | None] | None = None) -> str:
    """The line for the workflow command `name`; leaves out properties that are ``None``."""
    given = ",".join(
        f"{key}={escape_property(str(value))}" for key, value in (properties or {}).items() if value is not None
    )
    return f"::{name}{' ' if given else ''}{given}::{escape_data(message)}"
