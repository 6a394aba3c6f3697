"""Unified diffs of small text files that differ between two images.

The files are hostile, and may hold secrets: sizes, numbers and lines have limits, and lines that look like secrets are
masked.
"""

from __future__ import annotations

import difflib
import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weighbridge.domain.image.files import FileDelta
from weighbridge.domain.image.metadata import looks_secret
from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.secret_values import HIDDEN
from weighbridge.errors import ImageError

MAX_TEXT_BYTES = 20_000
"""A file with more bytes on a side has no diff."""
MAX_TEXT_FILES = 50
MAX_DIFF_LINES = 400
_MAX_LINE_CHARACTERS = 500
_PRIVATE = re.compile(r"(?:g?shadow-?|id_[a-z0-9]+|\.netrc|\.pgpass|\.htpasswd|.*\.(?:pem|key|p12|pfx|jks))\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class TextChange:
    """The unified diff of one text file. `omitted_lines` are the lines of the diff beyond `MAX_DIFF_LINES`."""

    path: str
    diff: str
    omitted_lines: int = 0


def text_changes(base: Rootfs, head: Rootfs, files: Iterable[FileDelta]) -> tuple[TextChange, ...]:
    """The diffs of the first `MAX_TEXT_FILES` files of `files` that both sides have as small text, in that order."""
    found: list[TextChange] = []
    for one in files:
        if len(found) == MAX_TEXT_FILES:
            break
        if one.base is None or one.head is None or _PRIVATE.match(posixpath.basename(one.path)):
            continue
        before, after = _text(base, one.base), _text(head, one.head)
        if before is None or after is None or before == after:
            continue
        lines = list(difflib.unified_diff(_masked(before), _masked(after), one.base.path, one.head.path, lineterm=""))
        found.append(
            TextChange(
                path=one.path,
                diff="\n".join(lines[:MAX_DIFF_LINES]),
                omitted_lines=max(0, len(lines) - MAX_DIFF_LINES),
            )
        )
    return tuple(found)


def _text(root: Rootfs, node: Node) -> str | None:
    """The text of a small file; ``None`` for another file, and for a private key."""
    if not node.is_file or not 0 < node.size_bytes <= MAX_TEXT_BYTES:
        return None
    try:
        content = root.read(node, limit_bytes=MAX_TEXT_BYTES)
        text = content.decode("utf-8")
    except (ImageError, UnicodeDecodeError):
        return None
    return None if "\0" in text or "-----BEGIN " in text else text


def _masked(text: str) -> Sequence[str]:
    """The lines of `text`; of a line that looks like a secret only its name is left."""
    return [_shown(line[:_MAX_LINE_CHARACTERS]) for line in text.split("\n")]


def _shown(line: str) -> str:
    if not looks_secret(line):
        return line
    name = re.match(r"[\s\w.\"'-]{0,80}[=:]", line)
    return f"{name[0] if name is not None else ''} {HIDDEN}".strip()
