"""Tar archives for tests."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from typing import Any, cast


def tar_of(files: Mapping[str, bytes], mode: str = "w", *, permissions: int = 0o644) -> bytes:
    """A tar archive of regular files, by name; with a mode such as ``w:gz`` compressed."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=cast("Any", mode)) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), permissions
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
