"""Identifies an executable file: a shell, busybox, or a small tool that executes another program.

Identifies it by the file (its resolved path, and markers in its content), because ``/bin/sh`` may be anything.
"""

from __future__ import annotations

import enum
import posixpath

from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.start.wrapper_rules import ALIASES, RULES, UNDECIDED_TOOLS

_MAX_PROGRAM_BYTES = 8 * 1024 * 1024
_BUSYBOX_MARK = b"BusyBox v"
_BASH_MARK = b"GNU bash, version"


class Tool(enum.StrEnum):
    """The kind of a program, as far as it affects what runs next."""

    DASH = "dash"
    BASH = "bash"
    BUSYBOX = "busybox"
    OTHER_SHELL = "another shell"
    ENV = "env"
    WRAPPER = "wrapper"
    OTHER = "program"


WRAPPERS = frozenset(RULES) | frozenset(ALIASES) | UNDECIDED_TOOLS | {"capsh", "su"}
"""Tools that execute the program in their arguments; `wrappers` knows which argument it is."""
_OTHER_SHELLS = frozenset(["zsh", "ksh", "ksh93", "mksh", "oksh", "yash", "fish", "tcsh", "csh", "rbash", "toybox"])


def tool_of(rootfs: Rootfs, node: Node) -> Tool:
    """The kind of program in a file."""
    key = ("tool", node.diff_id, node.stored_path)
    known = rootfs.memo.get(key)
    if isinstance(known, Tool):
        return known
    tool = _tool_of(rootfs, node)
    rootfs.memo[key] = tool
    return tool


def _tool_of(rootfs: Rootfs, node: Node) -> Tool:
    names = {posixpath.basename(node.path), posixpath.basename(node.stored_path)}
    if names & {"dash"}:
        return Tool.DASH
    if names & {"bash"}:
        return Tool.BASH
    if names & _OTHER_SHELLS:
        return Tool.OTHER_SHELL
    content = rootfs.read(node, limit_bytes=_MAX_PROGRAM_BYTES) if _may_be_shell(names, node) else b""
    if _BUSYBOX_MARK in content:
        return Tool.BUSYBOX
    if _BASH_MARK in content:
        return Tool.BASH
    if names & {"sh", "ash"}:
        return Tool.OTHER_SHELL
    if "env" in names:
        return Tool.ENV
    return Tool.WRAPPER if names & WRAPPERS else Tool.OTHER


def _may_be_shell(names: set[str], node: Node) -> bool:
    """Busybox is identified by its content only, because hard links give it any name. It is small."""
    return node.size_bytes <= _MAX_PROGRAM_BYTES and bool(
        names & {"sh", "ash", "busybox", "env"} or names & WRAPPERS or node.size_bytes < 3 * 1024 * 1024
    )
