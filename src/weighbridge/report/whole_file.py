"""Writes report files completely or not at all: to a temporary file, which is then renamed."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from weighbridge.errors import MachineError, machine_message


def write_whole(file: Path, text: str) -> None:
    """Write `text` in UTF-8 to `file`. Raises MachineError on failure; `file` is then unchanged.

    Writes special files (a pipe, ``/dev/stdout``) and files in a read-only folder in place.
    """
    data = text.encode("utf-8")
    try:
        target = file.resolve()
        if target.exists() and not (target.is_file() and os.access(target.parent, os.W_OK)):
            file.write_bytes(data)
        else:
            _replace(target, data)
    except OSError as error:
        error.filename = str(file)
        raise MachineError(f"cannot write the report: {machine_message(error)}") from error


def _replace(target: Path, data: bytes) -> None:
    beside = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        with beside.open("xb") as stream:
            stream.write(data)
        if target.exists():
            beside.chmod(target.stat().st_mode & 0o7777)
        beside.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
