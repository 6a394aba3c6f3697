"""Finds the imports that a Python file certainly executes, and the first of them that fails.

Only statements at the top level count, up to the first that may end the program, wait, or change the module search
path. Follows files of the application itself, but not installed packages.
"""

from __future__ import annotations

import ast
import posixpath
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.start.interpreters.python_home import PythonHome
from weighbridge.domain.start.interpreters.python_modules import Module, ModuleKind, find_module
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_MAX_FILES = 40
_MAX_TOTAL_BYTES = 512 * 1024
_MAX_DEPTH = 12
_QUICK_CALLS = frozenset(
    [
        "load_dotenv",
        "dotenv.load_dotenv",
        "logging.basicConfig",
        "warnings.filterwarnings",
        "warnings.simplefilter",
        "print",
        "monkey.patch_all",
        "eventlet.monkey_patch",
        "nest_asyncio.apply",
        "os.environ.setdefault",
        "os.environ.update",
        "os.makedirs",
        "os.chdir",
        "random.seed",
        "locale.setlocale",
        "faulthandler.enable",
        "multiprocessing.set_start_method",
    ]
)
"""Calls after which the program continues: other calls may run for ever, or end it."""
_LASTING_ERRORS = (
    "SyntaxError: Missing parentheses in call to 'print'",
    "SyntaxError: Missing parentheses in call to 'exec'",
    "TabError: inconsistent use of tabs and spaces in indentation",
)
_ENDS = frozenset({"exit", "quit", "_exit", "abort"})
_CHANGES = frozenset({"path", "meta_path", "path_hooks", "modules", "addsitedir", "__path__", "import_module"})


@dataclass(slots=True, kw_only=True)
class _Search:
    """The state of one search: its remaining budget, and the files seen."""

    view: View
    home: PythonHome
    folders: tuple[str, ...]
    files: int = 0
    read_bytes: int = 0
    seen: set[str] = field(default_factory=set)
    main: str = ""
    """The file that runs as ``__main__``."""
    is_script: bool = False
    uncertain: str = ""
    stopped: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Import:
    name: str
    line: int
    members: tuple[str, ...] = ()


def failing_import(view: View, text: str, shown: str, folders: tuple[str, ...], home: PythonHome) -> Reading | None:
    """How an unresolved import ends the program; None if it continues, as far as known."""
    search = _Search(view=view, home=home, folders=folders)
    return _read(search, text, shown, depth=0)


def failing_program(
    view: View, text: str, shown: str, folders: tuple[str, ...], home: PythonHome, *, is_script: bool
) -> Reading | None:
    """As `failing_import`, for the file that runs as ``__main__``."""
    search = _Search(view=view, home=home, folders=folders, main=shown, is_script=is_script)
    return _read(search, text, shown, depth=0) or _syntax_error(search, text, shown)


def _syntax_error(search: _Search, text: str, shown: str) -> Reading | None:
    """A program of Python 2, or one with mixed indentation, which no Python 3 accepts."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        said = f"{type(error).__name__}: {error.msg}"
        known = next((each for each in _LASTING_ERRORS if said.startswith(each)), None)
        if known is None or not search.home.release.startswith("3"):
            return None
        return search.view.fails(
            CheckCode.SCRIPT_FAILS,
            path=shown,
            predicts=known,
            evidence=(f"{shown}:{error.lineno}: no syntax of Python {search.home.release}",),
            fix="Port the file to Python 3.",
        )
    except (ValueError, RecursionError, MemoryError):
        return None
    return None


def _relative_import(search: _Search, statement: ast.ImportFrom, shown: str) -> Reading:
    return search.view.fails(
        CheckCode.INTERPRETER_MODULE_MISSING,
        path=shown,
        predicts="ImportError: attempted relative import with no known parent package",
        evidence=(f"{shown}:{statement.lineno}: imports relative to its package", f"{shown} runs as a script"),
        fix="Run it as a module (python -m PACKAGE.MODULE from the folder above), or import by the full name.",
    )


def _executed(search: _Search, tree: ast.Module, shown: str) -> Iterator[ast.stmt]:
    """The statements of a file; in the main program, also those behind ``if __name__ == "__main__"``."""
    for statement in tree.body:
        if shown == search.main and isinstance(statement, ast.If) and _is_main_guard(statement.test):
            yield from statement.body
        else:
            yield statement


def _is_main_guard(test: ast.expr) -> bool:
    return ast.unparse(test).replace('"', "'") == "__name__ == '__main__'"


def _read(search: _Search, text: str, shown: str, depth: int) -> Reading | None:
    search.files += 1
    search.read_bytes += len(text)
    tree = _parse(text)
    if tree is None:
        search.stopped = True
        return None
    for statement in _executed(search, tree, shown):
        if search.is_script and shown == search.main and isinstance(statement, ast.ImportFrom) and statement.level:
            return _relative_import(search, statement, shown)
        for wanted in _imports_of(statement):
            reading = _import(search, wanted, shown, depth)
            if reading is not None or search.stopped:
                return reading
        if _changes_search(statement):
            search.uncertain = search.uncertain or f"{shown}:{statement.lineno} changes the module search path"
        elif _may_not_go_on(statement):
            search.stopped = True
            return None
    return None


def _parse(text: str) -> ast.Module | None:
    """The syntax tree; None for text that this release of Python cannot parse, such as that of other releases."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _imports_of(statement: ast.stmt) -> Iterator[_Import]:
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            yield _Import(name=alias.name, line=statement.lineno)
    elif isinstance(statement, ast.ImportFrom) and not statement.level and statement.module != "__future__":
        members = tuple(alias.name for alias in statement.names)
        yield _Import(name=statement.module or "", line=statement.lineno, members=members)


def _import(search: _Search, wanted: _Import, shown: str, depth: int) -> Reading | None:
    """Check one import statement; also reads the application's files that it executes."""
    folders = search.folders
    parts = wanted.name.split(".")
    for position, part in enumerate(parts[:_MAX_DEPTH]):
        module = find_module(search.view, part, folders)
        if module.kind is ModuleKind.UNSURE:
            search.stopped = True
            return None
        if module.kind is ModuleKind.ABSENT:
            return _absent(search, parts, position, shown, wanted.line)
        name = ".".join(parts[: position + 1])
        reading = _follow(search, module, name, depth)
        if reading is not None or search.stopped:
            return reading
        # An installed package may create its submodules while it is imported.
        if not module.is_package or not _is_own(search, module):
            return None
        folders = module.folders
    for member in wanted.members:
        if member.isidentifier() and folders is not search.folders:
            reading = _follow(search, find_module(search.view, member, folders), f"{wanted.name}.{member}", depth)
            if reading is not None or search.stopped:
                return reading
    return None


def _follow(search: _Search, module: Module, name: str, depth: int) -> Reading | None:
    file = module.file
    if file is None or not file.path.endswith(".py") or name in search.seen or not _is_own(search, module):
        return None
    search.seen.add(name)
    if depth >= _MAX_DEPTH or search.files >= _MAX_FILES or search.read_bytes + file.size_bytes > _MAX_TOTAL_BYTES:
        search.stopped = True
        return None
    text = search.view.text(file)
    if text is None:
        search.stopped = True
        return None
    return _read(search, text, file.path, depth + 1)


def _is_own(search: _Search, module: Module) -> bool:
    """True for a module of the application: neither of the standard library nor of an installed package."""
    places = tuple(place for place in (search.home.standard_library, *search.home.packages) if place)
    found = (module.file.path,) if module.file is not None else module.folders
    return all(not path.startswith(f"{place}/") for path in found for place in places)


def _absent(search: _Search, parts: list[str], position: int, shown: str, line: int) -> Reading | None:
    missing = ".".join(parts[: position + 1])
    if parts[0] == "distutils" and find_module(search.view, "setuptools", search.folders).kind is ModuleKind.PACKAGE:
        return None
    why = search.uncertain or search.home.unsure
    if why:
        return search.view.unsure(f"{shown}:{line} imports {missing}, which is in none of its folders, but {why}")
    return search.view.fails(
        CheckCode.INTERPRETER_MODULE_MISSING,
        path=posixpath.join(search.view.program.cwd, *parts[: position + 1]),
        predicts=f"ModuleNotFoundError: No module named '{missing}'",
        evidence=(
            f"{shown}:{line}: imports {'.'.join(parts)}",
            f"no module {missing} in {', '.join(search.folders[:6])}",
        ),
        fix=f"Install {parts[0]} for Python {search.home.release} in the final stage, or copy its folder.",
    )


def _may_not_go_on(statement: ast.stmt) -> bool:
    """True if the statement may end the program, wait, or fail."""
    if isinstance(statement, ast.While | ast.Raise | ast.Assert):
        return True
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return _dotted(statement.value.func) not in _QUICK_CALLS
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Await):
        return True
    return any(_ends(node) for node in _outside_functions(statement))


def _ends(node: ast.AST) -> bool:
    if isinstance(node, ast.Raise | ast.While):
        return True
    if isinstance(node, ast.Call):
        name = _dotted(node.func).rpartition(".")[2]
        return name in _ENDS or name.startswith("exec")
    return False


def _changes_search(statement: ast.stmt) -> bool:
    for node in _outside_functions(statement):
        if isinstance(node, ast.Attribute) and node.attr in _CHANGES and _dotted(node).startswith(("sys.", "site.")):
            return True
        if isinstance(node, ast.Name) and node.id in {"addsitedir", "__path__"}:
            return True
    return False


def _outside_functions(statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes of a statement that are executed with it, without the bodies of functions."""
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield node
        pending.extend(ast.iter_child_nodes(node))


def _dotted(node: ast.expr) -> str:
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        names.append(node.id)
    return ".".join(reversed(names))
