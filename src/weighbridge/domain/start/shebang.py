"""The ``#!`` line of a script, as the kernel reads it.

Source: fs/binfmt_script.c of Linux 5.1 and later (older kernels read 128 bytes of the line instead of 256).
"""

from __future__ import annotations

from dataclasses import dataclass

SHEBANG_BYTES = 256
"""``BINPRM_BUF_SIZE``."""
_SPACE_OR_TAB = b" \t"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shebang:
    """A ``#!`` line as the kernel splits it: the interpreter and at most one argument."""

    interpreter: str
    argument: str | None


def parse_shebang(head: bytes) -> Shebang | None:
    """The ``#!`` line in the first bytes of a file, or None if the kernel finds none (load_script)."""
    buffer = head[:SHEBANG_BYTES].ljust(SHEBANG_BYTES, b"\0")
    if not buffer.startswith(b"#!"):
        return None
    # strnchr stops at a NUL.
    line, newline, _ = buffer.partition(b"\0")[0].partition(b"\n")
    if newline:
        text = line[2:]
    else:
        # Without any byte after the name in the buffer, the name may be truncated.
        stripped = buffer[2:].lstrip(_SPACE_OR_TAB)
        if not stripped or not any(byte in b" \t\0" for byte in stripped):
            return None
        text = buffer[2 : SHEBANG_BYTES - 1]
    text = text.rstrip(_SPACE_OR_TAB).lstrip(_SPACE_OR_TAB)
    end = next((index for index, byte in enumerate(text) if byte in b" \t\0"), len(text))
    interpreter = text[:end]
    if not interpreter:
        return None
    argument = b""
    if end < len(text) and text[end] != 0:
        argument = text[end:].lstrip(_SPACE_OR_TAB).partition(b"\0")[0]
    return Shebang(interpreter=_text(interpreter), argument=_text(argument) if argument else None)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
