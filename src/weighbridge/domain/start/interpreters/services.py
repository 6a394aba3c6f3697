"""Servers that read a configuration file before anything else: nginx and s6-svscan.

Sources: nginx(8), src/core/nginx.c and src/core/ngx_conf_file.c; s6-svscan(8). The messages were recorded from nginx
1.22 and s6 2.11.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from weighbridge.domain.image.rootfs import LookupFailure, Node
from weighbridge.domain.lines import lines_of
from weighbridge.domain.start.attempt import Process, Program
from weighbridge.domain.start.interpreters.options import Grammar, read_options
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_NGINX = Grammar(flags="?hvVtTq", values="scpge")
_SVSCAN = Grammar(values="cCdtX", flags="Ss")
_CONF_PATH = re.compile(rb"--conf-path=([!-~]{1,255}?)[ \0]")
_PREFIX = re.compile(rb"--prefix=([!-~]{1,255}?)[ \0]")
_INCLUDE = re.compile(r"^\s*include\s+([^\s;{}\"'$*?\[]+)\s*;", re.MULTILINE)
_MAX_PROGRAM_BYTES = 16 * 1024 * 1024
_MAX_FILES = 50
_MAX_DEPTH = 8


def read_nginx(process: Process, program: Program) -> Reading | None:
    """The files that ``nginx`` reads before it serves; None for other programs."""
    if posixpath.basename(program.path) != "nginx":
        return None
    view = View(process=process, program=program)
    line = read_options(view.words, _NGINX)
    if line.unknown is not None or line.operands:
        return view.unsure("unsupported options")
    if line.has("-?", "-h", "-v", "-V"):
        return view.looked("prints and ends")
    node = view.file(program.path)
    content = process.rootfs.read(node, limit_bytes=_MAX_PROGRAM_BYTES) if node is not None else b""
    built_in, prefix = _CONF_PATH.search(content), _PREFIX.search(content)
    given = line.values("-c")[-1:]
    root = (*line.values("-p")[-1:], prefix.group(1).decode() if prefix else "")[0]
    path = given[0] if given else built_in.group(1).decode() if built_in else ""
    if not path or (not path.startswith("/") and not root):
        return view.unsure("where its configuration file is")
    path = posixpath.join(view.absolute(root or "/"), path)
    found = view.named_file(path, f'open() "{path}" failed (2: No such file or directory)')
    if isinstance(found, Reading):
        return found
    return _included(view, found, path) or view.looked(f"{path} is found, read for its includes only")


def _included(view: View, first: Node, first_path: str) -> Reading | None:
    """The first ``include`` of a single missing file. Masks (``*``) may match nothing."""
    pending = [(first, 0)]
    read = 0
    while pending and read < _MAX_FILES:
        node, depth = pending.pop(0)
        read += 1
        text = view.text(node)
        if text is None:
            return None
        for target in _includes(text):
            # Relative names are relative to the folder of the first file (ngx_conf_full_name).
            full = posixpath.join(posixpath.dirname(first_path), target)
            found = view.find(full)
            if isinstance(found, Node):
                if found.is_file and depth < _MAX_DEPTH:
                    pending.append((found, depth + 1))
                continue
            return view.absent(found) or view.file_missing(
                full, f'open() "{full}" failed (2: No such file or directory)'
            )
    return None


def _includes(text: str) -> Iterator[str]:
    lines = (line.partition("#")[0] for line in lines_of(text))
    yield from _INCLUDE.findall("\n".join(lines))


def read_svscan(process: Process, program: Program) -> Reading | None:
    """The folder that ``s6-svscan`` watches; None for other programs."""
    if posixpath.basename(program.path) != "s6-svscan":
        return None
    view = View(process=process, program=program)
    line = read_options(view.words, _SVSCAN)
    if line.unknown is not None:
        return view.unknown_option(line)
    if not line.operands:
        return view.looked("watches the working directory")
    folder = line.operands[0]
    node = view.find(folder)
    if isinstance(node, LookupFailure):
        return view.absent(node) or view.file_missing(folder, "s6-svscan: fatal: unable to chdir")
    return view.looked(f"{folder} is found, not read")
