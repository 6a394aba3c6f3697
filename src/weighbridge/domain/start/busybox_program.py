"""What the program of a busybox contains: its applets, their usage texts, and its long options.

A busybox is built with any choice of applets and options. Its usage texts are compressed with bzip2, without the
first two bytes (applets/usage_compressed and libbb/appletlib.c of busybox 1.30 to 1.37).
"""

from __future__ import annotations

import bz2
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.start.elf import ElfError
from weighbridge.domain.start.loader.objects import elf_of

MAX_BUSYBOX_BYTES = 8 * 1024 * 1024
_MAX_USAGE_BYTES = 1024 * 1024
_MAX_STREAMS = 8
_MAX_NAMES = 20_000
_APPLETS = re.compile(rb"\[\0\[\[\0(?:[a-z0-9._+-]{1,32}\0){20,}")
_USAGES = re.compile(rb"h[1-9]1AY&SY")
"""The beginning of a bzip2 stream behind its two first bytes."""
_LONG_OPTION = re.compile(rb"(?:(?<![a-z0-9-])|(?<=\0[\0\1\2][\1-\xff]))([a-z][a-z0-9-]{1,40}+)\0[\0\1\2][\1-\xff]")
"""An entry of a table for ``getopt32long``: the name, whether it takes a value, and its letter.

The name follows the letter of the entry before, or another table.
"""
_PREDICATE = re.compile(rb"(-[a-z][a-z0-9]{1,15})\0")


@dataclass(frozen=True, kw_only=True, slots=True)
class Busybox:
    """One build of busybox. `usages` is empty if the program does not have them in a known form.

    `long_options` are those of all applets together, without their hyphens. `predicates` has the names of ``find``,
    and maybe other words with a hyphen. `is_musl` decides the messages of ``getopt``.
    """

    applets: frozenset[str] = frozenset()
    usages: Mapping[str, str]
    long_options: frozenset[str] = frozenset()
    predicates: frozenset[str] = frozenset()
    is_musl: bool = False

    def unknown_option(self, applet: str, option: str) -> str:
        """The message of an applet for an option that it does not have: a letter, or ``--name`` with its value."""
        if self.is_musl:
            return f"{applet}: unrecognized option: {option.removeprefix('--')}"
        if option.startswith("--"):
            return f"{applet}: unrecognized option '{option}'"
        return f"{applet}: invalid option -- '{option}'"


def busybox_of(rootfs: Rootfs, node: Node) -> Busybox:
    """What the file of a busybox contains. Reads at most 8 MiB of it, once."""
    key = ("busybox", node.diff_id, node.stored_path)
    known = rootfs.memo.get(key)
    if isinstance(known, Busybox):
        return known
    content = rootfs.read(node, limit_bytes=MAX_BUSYBOX_BYTES)
    match = _APPLETS.search(content)
    names = [part.decode() for part in match.group().split(b"\0", _MAX_NAMES)[:-1] if part] if match else []
    found = Busybox(
        applets=frozenset(names),
        usages=_usages(content, names),
        long_options=_names(_LONG_OPTION, content),
        predicates=_names(_PREDICATE, content),
        is_musl=_is_musl(rootfs, node, content),
    )
    rootfs.memo[key] = found
    return found


def _names(pattern: re.Pattern[bytes], content: bytes) -> frozenset[str]:
    return frozenset(match[1].decode() for match in itertools.islice(pattern.finditer(content), _MAX_NAMES))


def _usages(content: bytes, names: list[str]) -> dict[str, str]:
    """The usage text of each applet that has one. The texts are in the order of the applets."""
    for count, match in enumerate(_USAGES.finditer(content)):
        if count >= _MAX_STREAMS or not names:
            break
        try:
            unpacked = bz2.BZ2Decompressor().decompress(
                b"BZ" + content[match.start() : match.start() + _MAX_USAGE_BYTES], max_length=_MAX_USAGE_BYTES
            )
        except (OSError, ValueError):
            continue
        texts = unpacked.decode("utf-8", "replace").split("\0")
        if len(names) <= len(texts) <= len(names) + 1:
            # An applet without a usage text has a backspace.
            return {name: text for name, text in zip(names, texts, strict=False) if len(text) > 1}
    return {}


def _is_musl(rootfs: Rootfs, node: Node, content: bytes) -> bool:
    if b"unrecognized option: %" in content:
        return True
    try:
        loader = elf_of(rootfs, node).interpreter
    except ElfError:
        return False
    return "musl" in loader if loader else b"invalid option -- " not in content
