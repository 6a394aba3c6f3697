"""Resolves Python modules as the import system does (Lib/importlib/_bootstrap_external.py, ``FileFinder``)."""

from __future__ import annotations

import enum
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.start.interpreters.view import View

_COMPILED_IN = frozenset(
    [
        "array",
        "atexit",
        "audioop",
        "binascii",
        "builtins",
        "cmath",
        "crypt",
        "errno",
        "faulthandler",
        "fcntl",
        "gc",
        "grp",
        "itertools",
        "marshal",
        "math",
        "mmap",
        "nis",
        "ossaudiodev",
        "parser",
        "posix",
        "pwd",
        "pyexpat",
        "readline",
        "resource",
        "select",
        "spwd",
        "sys",
        "syslog",
        "termios",
        "time",
        "unicodedata",
        "xxlimited",
        "xxsubtype",
        "zlib",
        "zipimport",
    ]
)
"""Modules without a source file. A build may have them in the program itself, so a missing file proves nothing."""


class ModuleKind(enum.Enum):
    """The result of an import."""

    PACKAGE = "package"
    NAMESPACE = "namespace package"
    SOURCE = "source file"
    OTHER = "compiled module"
    ABSENT = "absent"
    UNSURE = "unsure"


@dataclass(frozen=True, kw_only=True, slots=True)
class Module:
    """A resolved module: its file (none for namespaces), and for packages the folders of their submodules."""

    kind: ModuleKind
    file: Node | None = None
    folders: tuple[str, ...] = ()
    reason: str = ""

    @property
    def is_package(self) -> bool:
        """True if it may have submodules."""
        return self.kind in {ModuleKind.PACKAGE, ModuleKind.NAMESPACE}


def find_module(view: View, name: str, folders: Sequence[str]) -> Module:
    """The module or package `name` (without dots) in the first of `folders` that contains it."""
    namespaces: list[str] = []
    unsure = ""
    if not name.isidentifier():
        return Module(kind=ModuleKind.UNSURE, reason=f"{name[:60]!r} is not a module name")
    for folder in folders:
        node = view.find(folder)
        if isinstance(node, Node) and node.is_file:
            unsure = unsure or f"{folder} is an archive"
            continue
        if not isinstance(node, Node):
            if node.at_run_time:
                unsure = unsure or f"the content of {node.at} depends on the running container"
            continue
        found = _in_folder(view, node.path, name)
        if found is None:
            continue
        if found.kind is not ModuleKind.NAMESPACE:
            return found
        namespaces += found.folders
    if namespaces:
        return Module(kind=ModuleKind.NAMESPACE, folders=tuple(namespaces))
    if name in _COMPILED_IN or name.startswith("_"):
        return Module(kind=ModuleKind.OTHER)
    return Module(kind=ModuleKind.UNSURE, reason=unsure) if unsure else Module(kind=ModuleKind.ABSENT)


def _in_folder(view: View, folder: str, name: str) -> Module | None:
    base = f"{folder.rstrip('/')}/{name}"
    package = view.directory(base)
    if package is not None:
        for ending in (".py", ".pyc"):
            init = view.file(f"{base}/__init__{ending}")
            if init is not None:
                return Module(kind=ModuleKind.PACKAGE, file=init, folders=(package.path,))
        if _compiled(view, package.path, "__init__"):
            return Module(kind=ModuleKind.PACKAGE, folders=(package.path,))
    for ending, kind in ((".py", ModuleKind.SOURCE), (".pyc", ModuleKind.OTHER)):
        file = view.file(base + ending)
        if file is not None:
            return Module(kind=kind, file=file)
    if _compiled(view, folder, name):
        return Module(kind=ModuleKind.OTHER)
    return Module(kind=ModuleKind.NAMESPACE, folders=(package.path,)) if package is not None else None


def _compiled(view: View, folder: str, name: str) -> bool:
    """True if a folder has the extension module `name`, for any release."""
    if view.file(f"{folder}/{name}.so") is not None:
        return True
    node = view.directory(folder)
    return node is not None and any(
        child.path.endswith(".so") and posixpath.basename(child.path).startswith(f"{name}.")
        for child in view.process.rootfs.children(node)
    )
