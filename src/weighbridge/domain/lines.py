r"""Splits text into lines, for formats whose lines end at ``\n``.

`str.splitlines` also ends a line at U+2028, U+0085, form feeds and five more. The programs whose files are read here do
not, so Weighbridge would see other lines of a file than docker, git or a loader.
"""

from __future__ import annotations


def lines_of(text: str) -> list[str]:
    r"""The lines of `text` without their ends (``\n`` or ``\r\n``); an end on the last line adds no empty one."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines if lines[-1] else lines[:-1]
