"""The release of a node, read from its program, and what this release loads.

Sources: Node's changelogs: ``require`` of ES modules since 20.19 and 22.12, detection of ES modules since 20.19 and
22.7, types removed from TypeScript since 22.18 and 23.6, ``import … assert`` until 21.
"""

from __future__ import annotations

import posixpath
import re

from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.start.interpreters.view import View

Release = tuple[int, int]
_IN_PROGRAM = re.compile(rb"nodejs\.org/download/release/v(\d{1,3})\.(\d{1,3})\.\d{1,3}/")
_IN_HEADER = re.compile(r"#define NODE_(MAJOR|MINOR)_VERSION (\d{1,3})\b")
_MAX_PROGRAM_BYTES = 256 * 1024 * 1024
_CHUNK_BYTES = 8 * 1024 * 1024
_OVERLAP_BYTES = 64


def release_of(view: View) -> Release | None:
    """Major and minor of the node that runs; None if neither its program nor its header says so."""
    rootfs = view.process.rootfs
    for path in (view.program.path, *(path for path in view.program.libraries if "libnode" in path)):
        node = view.file(path)
        if node is None or node.size_bytes > _MAX_PROGRAM_BYTES:
            continue
        key = ("node-release", node.diff_id, node.stored_path)
        if key not in rootfs.memo:
            rootfs.memo[key] = _in_program(view, node)
        found = rootfs.memo[key]
        if isinstance(found, tuple):
            return found
    header = view.file(posixpath.normpath(f"{posixpath.dirname(view.program.path)}/../include/node/node_version.h"))
    numbers = dict(_IN_HEADER.findall(view.text(header) or "")) if header is not None else {}
    return (int(numbers["MAJOR"]), int(numbers["MINOR"])) if len(numbers) == 2 else None


def _in_program(view: View, node: Node) -> Release | None:
    for start in range(0, node.size_bytes, _CHUNK_BYTES):
        content = view.process.rootfs.read_at(node, start, _CHUNK_BYTES + _OVERLAP_BYTES)
        match = _IN_PROGRAM.search(content)
        if match is not None:
            return int(match[1]), int(match[2])
    return None


def requires_modules(release: Release) -> bool:
    """Whether ``require`` loads ES modules."""
    return release >= (22, 12) or (20, 19) <= release < (21, 0)


def detects_modules(release: Release) -> bool:
    """Whether a file without ``type`` is loaded as an ES module if it is written as one."""
    return release >= (22, 7) or (20, 19) <= release < (21, 0)


def strips_types(release: Release) -> bool:
    """Whether node runs TypeScript without an option."""
    return release >= (23, 6) or (22, 18) <= release < (23, 0)


def has_assertions(release: Release) -> bool:
    """Whether ``import … assert {…}`` is accepted."""
    return (16, 14) <= release < (22, 0)
