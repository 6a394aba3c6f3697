"""A command-line tool of Python: its options, and the module that they name."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.start.interpreters.python_home import PythonHome
from weighbridge.domain.start.interpreters.python_imports import failing_import
from weighbridge.domain.start.interpreters.python_modules import Module, ModuleKind, find_module
from weighbridge.domain.start.interpreters.python_names import lacks_name
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

APPLICATION = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)((?:\(.*\))?)")
_PATH = re.compile(r"(?!\.)[\w./-]{0,200}/[\w.-]{1,100}:[\w.]{1,100}")
DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


@dataclass(frozen=True, kw_only=True, slots=True)
class PythonTool:
    """One tool's command line, and its Python."""

    view: View
    words: tuple[str, ...]
    folders: tuple[str, ...]
    home: PythonHome
    operands: tuple[str, ...] | None = None
    """The words that are neither options nor their values; None if the tool's options are unknown."""

    def option(self, *names: str) -> str | None:
        """The value of the last of these options: attached with ``=``, or in the next word."""
        found = None
        for position, word in enumerate(self.words):
            for name in names:
                if word == name and position + 1 < len(self.words):
                    found = self.words[position + 1]
                elif word.startswith(f"{name}="):
                    found = word.partition("=")[2]
                elif len(name) == 2 and word.startswith(name) and len(word) > 2 and not word.startswith("--"):
                    found = word[2:]
        return found

    def all_options(self, *names: str) -> list[tuple[str, str]]:
        """Each of these options with its value."""
        found = []
        for position, word in enumerate(self.words):
            value = replace(self, words=self.words[position : position + 2]).option(*names)
            if value is not None and word.startswith(names):
                found.append((word.partition("=")[0], value))
        return found

    def has(self, *names: str) -> bool:
        """True if one of the options is set."""
        return any(word.partition("=")[0] in names for word in self.words)

    def in_folder(self, folder: str) -> PythonTool:
        """The same, with `folder` first in the module search path."""
        return replace(self, folders=(folder, *self.folders))


def application_of(tool: PythonTool) -> tuple[str, str] | None:
    """The module and the attribute that a server serves; None if their position is unknown."""
    words = tool.words if tool.operands is None else tool.operands
    matches = [match for word in words if (match := APPLICATION.fullmatch(word))]
    if len(matches) == 1:
        return matches[0].group(1), "" if matches[0].group(3) else matches[0].group(2)
    if matches or not words:
        return None
    if tool.operands is not None:
        return (words[0], "application") if len(words) == 1 and DOTTED.fullmatch(words[0]) else None
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if DOTTED.fullmatch(last) and (not before.startswith("-") or "=" in before):
        return last, "application"
    return None


def path_of_application(tool: PythonTool) -> str | None:
    """The module of an application that is named by a path, such as ``src/main:app``; None for other names."""
    path = next((word for word in tool.operands or () if _PATH.fullmatch(word)), None)
    return path.rpartition(":")[0] if path is not None else None


def path_refused(tool: PythonTool, path: str, predicts: str) -> Reading:
    """The tool finds no module of that name: importlib takes no slash for a dot."""
    named = path.removesuffix(".py").replace("/", ".")
    return tool.view.fails(
        CheckCode.INTERPRETER_MODULE_MISSING,
        path=tool.view.absolute(path),
        predicts=predicts,
        evidence=(f"{path} is a path, not the name of a module",),
        fix=f"Name the module: {named}:app.",
    )


def find_dotted(tool: PythonTool, name: str) -> tuple[Module, str]:
    """The module of a dotted name, and the resolved part of the name (shorter if a part is missing)."""
    folders = tool.folders
    module = Module(kind=ModuleKind.ABSENT)
    parts = name.split(".")[:16]
    for position, part in enumerate(parts):
        module = find_module(tool.view, part, folders)
        reached = ".".join(parts[: position + 1])
        if module.kind in {ModuleKind.ABSENT, ModuleKind.UNSURE} or not module.is_package:
            return module, reached
        folders = module.folders
    return module, name


def failing_imports(tool: PythonTool, name: str, text_of: Callable[[str], str]) -> Reading | None:
    """How the import of a module ends the tool; `text_of` makes its message for the missing part of the name."""
    module, reached = find_dotted(tool, name)
    if module.kind is ModuleKind.UNSURE:
        return tool.view.unsure(f"whether there is a module {name}: {module.reason}")
    if module.kind is ModuleKind.ABSENT:
        if tool.home.unsure:
            return tool.view.unsure(f"no module {reached} in its folders, but {tool.home.unsure}")
        return tool.view.fails(
            CheckCode.INTERPRETER_MODULE_MISSING,
            path=posixpath.join(tool.folders[0], *reached.split(".")),
            predicts=text_of(reached),
            evidence=(f"no module {reached} in {', '.join(tool.folders[:6])}",),
            fix=f"COPY {reached.replace('.', '/')}.py into {tool.folders[0]}, or correct the name or WORKDIR.",
        )
    if module.kind is ModuleKind.SOURCE and reached != name:
        return tool.view.fails(
            CheckCode.INTERPRETER_MODULE_MISSING,
            path=module.file.path if module.file is not None else reached,
            predicts=text_of(name),
            evidence=(f"{reached} is a module, not a package, so there is no module {name}",),
            fix=f"Name the module without its ending: {reached}.",
        )
    if reached != name or module.file is None:
        return None
    text = tool.view.text(module.file)
    if text is None or not module.file.path.endswith(".py"):
        return None
    return failing_import(tool.view, text, module.file.path, tool.folders, tool.home)


def lacks_attribute(tool: PythonTool, name: str, attribute: str) -> str | None:
    """The file or folder of module `name` if it certainly lacks the attribute; None otherwise."""
    module, reached = find_dotted(tool, name)
    if reached == name and module.file is None and module.is_package and attribute:
        # A folder without __init__.py has no attributes; its modules become attributes when they are imported.
        return module.folders[0]
    if reached != name or not attribute or not lacks_name(tool.view, module, attribute):
        return None
    return module.file.path if module.file is not None else module.folders[0]


def attribute_missing(tool: PythonTool, file: str, attribute: str, predicts: str) -> Reading:
    """The tool finds the module without the object that it is to serve."""
    return tool.view.fails(
        CheckCode.INTERPRETER_MODULE_MISSING,
        path=file,
        predicts=predicts,
        evidence=(f"{file} defines no {attribute}",),
        fix=f"Name the object that {posixpath.basename(file)} defines.",
    )
