"""``python3``: the script, module or archive on its command line, and its own standard library.

Sources: CPython's Python/getopt.c, Modules/main.c (``pymain_run_python``), Lib/runpy.py. The messages were recorded
from Python 3.9 to 3.14.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.image.rootfs import LookupFailure, Node
from weighbridge.domain.start.attempt import Process, Program
from weighbridge.domain.start.interpreters.options import CommandLine, Grammar, read_options
from weighbridge.domain.start.interpreters.python_django import failing_manage
from weighbridge.domain.start.interpreters.python_home import PYTHON, PythonHome, PythonOptions, find_home
from weighbridge.domain.start.interpreters.python_imports import failing_import, failing_program
from weighbridge.domain.start.interpreters.python_modules import Module, ModuleKind, find_module
from weighbridge.domain.start.interpreters.python_tools import read_python_tool
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.tool_files import read_tool_files
from weighbridge.domain.start.interpreters.view import View

_GRAMMAR = Grammar(
    flags="bBdEhiIOPqRsStuvVx?",
    values="WX",
    last="cm",
    long_flags=("--version", "--help", "--help-all", "--help-env", "--help-xoptions"),
    long_values=("--check-hash-based-pycs",),
)
_ENDS_EARLY = ("-V", "--version", "-h", "-?", "--help", "--help-all", "--help-env", "--help-xoptions")
_MODULE_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_MAX_PARTS = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Python:
    """A Python that starts: its module search path (`folders`, in order), and other possible sources of modules."""

    view: View
    home: PythonHome
    folders: tuple[str, ...]

    def module(self, name: str) -> Module:
        """The top-level module with that name."""
        return find_module(self.view, name, self.folders)


def read_python(process: Process, program: Program) -> Reading | None:
    """The script, module or archive that ``python3`` runs; None for other programs."""
    if not PYTHON.match(posixpath.basename(program.path)):
        return None
    view = View(process=process, program=program)
    line = read_options(view.words, _GRAMMAR)
    refused = _refused(view, line)
    if refused is not None:
        return refused
    if line.has(*_ENDS_EARLY):
        return view.looked("prints and ends")
    options = PythonOptions(
        ignores_environment=line.has("-E", "-I"),
        ignores_user_site=line.has("-s", "-I"),
        ignores_site=line.has("-S"),
    )
    home = find_home(view, options)
    if home is None:
        return view.unsure(f"the release of {program.path} is unknown")
    if not home.has_encodings:
        return _without_library(view, home)
    if home.standard_library is None:
        return view.unsure("its standard library is in no known place")
    return _run(view, line, home, options)


def _refused(view: View, line: CommandLine) -> Reading | None:
    """An option that Python does not have, and one without its value."""
    if line.unknown is not None:
        is_long = line.unknown.startswith("--")
        return view.refuses(line.unknown, "unknown option --" if is_long else "Unknown option: -")
    lacking = next((name for name, value in line.options if value is None and name in {"-c", "-m", "-X", "-W"}), None)
    return view.refuses(lacking, f"Argument expected for the {lacking} option") if lacking is not None else None


def _without_library(view: View, home: PythonHome) -> Reading:
    beside_bin = posixpath.normpath(f"{posixpath.dirname(view.program.path)}/../lib/python{home.release}")
    usual = beside_bin if beside_bin in home.searched else home.searched[0]
    place = home.standard_library or usual
    return view.fails(
        CheckCode.INTERPRETER_LIBRARY_MISSING,
        path=f"{place}/encodings",
        predicts="ModuleNotFoundError: No module named 'encodings'",
        evidence=(
            f"{view.program.path} is Python {home.release}",
            f"no encodings/__init__.py in {', '.join(home.searched)}",
        ),
        fix=f"Copy {posixpath.dirname(place)}/python{home.release} with the program, or install Python in the final "
        "stage. Unset PYTHONHOME if it names another place.",
    )


def _run(view: View, line: CommandLine, home: PythonHome, options: PythonOptions) -> Reading:
    env = {} if options.ignores_environment else view.process.env
    given = (
        tuple(part or view.program.cwd for part in env.get("PYTHONPATH", "").split(":"))
        if env.get("PYTHONPATH")
        else ()
    )
    library = home.standard_library or ""
    behind = (*given, library, f"{library}/lib-dynload", *home.packages)
    safe_path = line.has("-I", "-P") or bool(env.get("PYTHONSAFEPATH"))
    modules, commands = line.values("-m"), line.values("-c")
    if modules:
        first = () if safe_path else (view.program.cwd,)
        return _module(Python(view=view, home=home, folders=(*first, *behind)), modules[0], line.operands)
    if commands:
        first = () if safe_path else (view.program.cwd,)
        python = Python(view=view, home=home, folders=(*first, *behind))
        failing = failing_import(view, commands[0], "-c", python.folders, home)
        return failing or view.looked("the text of -c is read for its imports only")
    if not line.operands or line.operands[0] == "-":
        return view.looked("reads its standard input")
    return _script(view, line, home, behind, safe_path=safe_path)


def _script(view: View, line: CommandLine, home: PythonHome, behind: tuple[str, ...], *, safe_path: bool) -> Reading:
    name = line.operands[0]
    node = view.find(name)
    shown = _shown_path(view, name, home)
    if isinstance(node, LookupFailure):
        missing = f"can't open file '{shown}': [Errno 2] No such file or directory"
        return view.absent(node) or view.file_missing(name, missing)
    if node.is_directory:
        return _directory(view, node, name, home)
    if node.is_file and not view.process.credentials.may_read(node.entry):
        return view.fails(
            CheckCode.ENTRYPOINT_NOT_EXECUTABLE,
            path=node.path,
            predicts=f"can't open file '{shown}': [Errno 13] Permission denied",
            evidence=(f"{node.path}: mode {node.mode:04o}, owner {node.uid}:{node.gid}: the user may not read it",),
            fix="COPY --chmod=644, or COPY --chown, for the user that runs the container.",
        )
    found = view.named_file(name, "")
    if isinstance(found, Reading):
        return found
    first = () if safe_path else (posixpath.dirname(found.path),)
    folders = (*first, *behind)
    tool = read_python_tool(view, posixpath.basename(name), line.operands[1:], folders, home)
    if tool is not None:
        return tool
    source = read_source(view, found, folders, home, is_script=True)
    if source.up_to is None:
        return source
    if posixpath.basename(found.path) == "manage.py":
        source = failing_manage(view, found, line.operands[1:], folders, home) or source
    if source.up_to is None:
        return source
    return read_tool_files(view, posixpath.basename(name), line.operands[1:]) or source


def _shown_path(view: View, name: str, home: PythonHome) -> str:
    """A path as Python prints it: since 3.9 behind the working directory and a slash, without resolving ``..``."""
    if _minor(home) < 9 or name.startswith("/"):
        return name
    return f"{view.program.cwd}/{name.removeprefix('./')}"


def read_source(
    view: View, node: Node, folders: tuple[str, ...], home: PythonHome, *, is_script: bool = False
) -> Reading:
    """A Python file that runs as the program: whether its imports can be resolved.

    `is_script` means that it is named by its path, so it is in no package.
    """
    shown = node.path
    head = view.process.rootfs.read(node, limit_bytes=4)
    if b"\0" in head or head.startswith(b"PK"):
        return view.looked(f"{shown} is found, not read")
    text = view.text(node)
    if text is None:
        return view.looked(f"{shown} is found, not read")
    failing = failing_program(view, text, shown, folders, home, is_script=is_script)
    return failing or view.looked(f"{shown} is read for its imports only")


def _directory(view: View, node: Node, name: str, home: PythonHome) -> Reading:
    main = view.file(f"{node.path}/__main__.py") or view.file(f"{node.path}/__main__.pyc")
    if main is not None:
        return view.looked(f"{main.path} is found, not read")
    shown = _shown_path(view, name, home)
    text = f"can't find '__main__' module in '{shown.rstrip('/') if name != '.' else shown}"
    return view.fails(
        CheckCode.INTERPRETER_MODULE_MISSING,
        path=f"{node.path}/__main__.py",
        predicts=text,
        evidence=(f"{node.path} is a directory without __main__.py",),
        fix="Name the file that starts the program, or add a __main__.py.",
    )


def _module(python: Python, name: str, arguments: tuple[str, ...]) -> Reading:
    """``-m``: Lib/runpy.py, ``_get_module_details``."""
    view = python.view
    if not _MODULE_NAME.fullmatch(name) or name.count(".") >= _MAX_PARTS:
        return view.unsure(f"-m {name[:60]} is not a module name")
    folders: tuple[str, ...] = python.folders
    module = Module(kind=ModuleKind.ABSENT)
    parts = name.split(".")
    for position, part in enumerate(parts):
        module = find_module(view, part, folders)
        if module.kind is ModuleKind.UNSURE:
            return view.unsure(module.reason)
        if module.kind is ModuleKind.ABSENT:
            return _absent(python, name, ".".join(parts[: position + 1]), position, len(parts))
        if position + 1 < len(parts) and not module.is_package:
            return _no_package(python, name, ".".join(parts[: position + 1]), module)
        if position + 1 < len(parts) and _moves_its_modules(view, module):
            return view.unsure(f"{'.'.join(parts[: position + 1])} sets its own __path__")
        folders = module.folders or folders
    if module.is_package:
        main = find_module(view, "__main__", module.folders)
        if main.file is None:
            return _no_main(python, name, module)
        module = main
    tool = read_python_tool(view, parts[0], arguments, python.folders, python.home)
    if tool is not None:
        return tool
    if module.file is not None and not _is_installed(python, module.file):
        return read_source(view, module.file, python.folders, python.home)
    return view.looked(f"the module {name} is found, not read")


def _no_package(python: Python, name: str, found: str, module: Module) -> Reading:
    """A dotted name below a module that is no package, such as ``-m app.py``."""
    view = python.view
    if module.file is None or not module.file.path.endswith(".py") or _moves_its_modules(view, module):
        return view.looked(f"the module {found} is found, not read")
    return view.fails(
        CheckCode.INTERPRETER_MODULE_MISSING,
        path=module.file.path,
        predicts=f"Error while finding module specification for '{name}'",
        evidence=(f"{module.file.path} is a module, not a package",),
        fix=f"Name the module: python -m {found}.",
    )


def _is_installed(python: Python, file: Node) -> bool:
    """True for a file of the standard library or of an installed package, whose imports are not checked."""
    places = (python.home.standard_library or "", *python.home.packages)
    return any(place and file.path.startswith(place + "/") for place in places)


def _moves_its_modules(view: View, module: Module) -> bool:
    text = view.text(module.file) if module.file is not None else ""
    return text is None or "__path__" in text


def _absent(python: Python, name: str, missing: str, position: int, count: int) -> Reading:
    view = python.view
    if python.home.unsure:
        return view.unsure(f"no module {missing} in its folders, but {python.home.unsure}")
    if position == count - 1:
        text = f"No module named {name}"
    else:
        text = (
            f"Error while finding module specification for '{name}' (ModuleNotFoundError: No module named '{missing}')"
        )
    top = missing.partition(".")[0]
    return view.fails(
        CheckCode.INTERPRETER_MODULE_MISSING,
        path=posixpath.join(view.program.cwd, *missing.split(".")),
        predicts=text,
        evidence=(
            f"{view.program.path} is Python {python.home.release}",
            f"no module {missing} in {_places(python.folders)}",
        ),
        fix=f"Install {top} for this Python in the final stage, or copy its folder and set WORKDIR or PYTHONPATH.",
    )


def _places(folders: tuple[str, ...]) -> str:
    shown = ", ".join(folders[:6])
    return shown if len(folders) <= 6 else f"{shown} and {len(folders) - 6} more"


def _no_main(python: Python, name: str, module: Module) -> Reading:
    place = module.folders[0] if module.folders else name
    return python.view.fails(
        CheckCode.INTERPRETER_MODULE_MISSING,
        path=f"{place}/__main__.py",
        predicts=f"No module named {name}.__main__; '{name}' is a package and cannot be directly executed",
        evidence=(f"{place} is a package without __main__.py",),
        fix=f"Name the module that starts the program (python -m {name}.MODULE), or add a __main__.py.",
    )


def _minor(home: PythonHome) -> int:
    digits = home.release.rstrip("t").partition(".")[2]
    return int(digits) if digits.isdigit() else 0
