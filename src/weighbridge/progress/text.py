"""Texts that are safe to print: without control characters, on one line, of bounded length."""

from __future__ import annotations

from weighbridge.domain.late_pattern import late_pattern

_CONTROL = late_pattern(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def without_controls(text: str) -> str:
    """`text` without escape sequences, control and direction characters. Escapes bytes that are not UTF-8."""
    return _CONTROL.sub("", text).encode("utf-8", "backslashreplace").decode()


def one_line(text: str) -> str:
    """`text` without controls, its lines joined by spaces: names of hostile images begin no line of their own."""
    return " ".join(without_controls(text).split())


ERROR_LINE_CHARACTERS = 290
"""The longest error that is shown: names of hostile images can have any length."""


def error_line(error: BaseException) -> str:
    """The text of an error as one line of at most `ERROR_LINE_CHARACTERS`, its middle left out where it is longer.

    The beginning says what failed. The end is kept because it says what to do.
    """
    from weighbridge.domain.secret_values import ANY_SECRET  # noqa: PLC0415 - a run without errors starts without it

    text = ANY_SECRET.text(one_line(str(error)))
    if len(text) <= ERROR_LINE_CHARACTERS:
        return text
    end = ERROR_LINE_CHARACTERS // 3
    return f"{text[: ERROR_LINE_CHARACTERS - end - 1]}…{text[-end:]}"
