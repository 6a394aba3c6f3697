"""Finds the imports that a Python file certainly executes, and the first of them that fails.

Only statements at the top level count, up to the first that may end the program, wait, or change the module search
path. Follows files of the application itself, but not installed packages.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.start.interpreters.python_environment import Environment, missing_variable
from weighbridge.domain.start.interpreters.python_home import PythonHome
from weighbridge.domain.start.interpreters.python_modules import Module, ModuleKind, find_module
from weighbridge.domain.start.interpreters.python_names import (
    Names,
    defined_names,
    dotted,
    evaluated,
    lacks_name,
    parse_python,
)
from weighbridge.domain.start.interpreters.python_shadowing import EARLY, MAYBE_EARLY, shadowed_modules
from weighbridge.domain.start.interpreters.python_syntax import (
    failing_annotation,
    failing_syntax,
    postpones_annotations,
)
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
    found: dict[tuple[str, tuple[str, ...]], Module] = field(default_factory=dict)
    settings: str = ""
    """The settings module of Django that a statement has named."""
    environment: Environment = field(default_factory=Environment)
    shadowed: frozenset[str] = frozenset()
    """Names of the standard library that a file of the application takes."""
    running: dict[str, list[ast.stmt]] = field(default_factory=dict)
    """The modules that are being imported, with the statements that have run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Import:
    name: str
    line: int
    members: tuple[str, ...] = ()


def failing_import(view: View, text: str, shown: str, folders: tuple[str, ...], home: PythonHome) -> Reading | None:
    """How an unresolved import ends the program; None if it continues, as far as known."""
    search = _Search(view=view, home=home, folders=folders, shadowed=shadowed_modules(view, folders, home))
    return _read(search, text, shown, depth=0)


def failing_program(
    view: View, text: str, shown: str, folders: tuple[str, ...], home: PythonHome, *, is_script: bool
) -> Reading | None:
    """As `failing_import`, for the file that runs as ``__main__``."""
    shadowed = shadowed_modules(view, folders, home)
    search = _Search(view=view, home=home, folders=folders, main=shown, is_script=is_script, shadowed=shadowed)
    return _read(search, text, shown, depth=0)


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
    match test:
        case ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]):
            return True
    return False


def _read(search: _Search, text: str, shown: str, depth: int, name: str = "__main__") -> Reading | None:
    search.files += 1
    search.read_bytes += len(text)
    tree = parse_python(text)
    failing = failing_syntax(search.view, text, shown, search.home.release, is_parsed=tree is not None)
    if tree is None or failing is not None:
        search.stopped = True
        return failing
    search.environment.read(text)
    ran = search.running[name] = []
    is_postponed = postpones_annotations(tree)
    modules: dict[str, str] = {}
    for statement in _executed(search, tree, shown):
        reading = _statement(search, statement, shown, depth, modules)
        if reading is None and not is_postponed and not search.stopped:
            reading = failing_annotation(search.view, statement, shown, search.home.release)
        if reading is not None or search.stopped:
            return reading
        if _changes_search(statement):
            search.uncertain = search.uncertain or f"{shown}:{statement.lineno} changes the module search path"
        elif _may_not_go_on(statement):
            search.stopped = True
            return None
        ran.append(statement)
    return None


def _statement(search: _Search, statement: ast.stmt, shown: str, depth: int, modules: dict[str, str]) -> Reading | None:
    """How a statement that certainly runs ends the program. `modules` are the imported modules by their names here."""
    if search.is_script and shown == search.main and isinstance(statement, ast.ImportFrom) and statement.level:
        return _relative_import(search, statement, shown)
    if isinstance(statement, ast.Import):
        modules |= {alias.asname or alias.name: alias.name for alias in statement.names}
    for wanted in _imports_of(statement):
        reading = _import(search, wanted, shown, depth)
        if reading is not None or search.stopped:
            return reading
    settings = _django_settings(search, statement)
    if settings:
        return _import(search, _Import(name=settings, line=statement.lineno), shown, depth)
    lacking = missing_variable(search.view, search.environment, statement, shown)
    return lacking or _missing_attribute(search, statement, shown, modules)


def _django_settings(search: _Search, statement: ast.stmt) -> str:
    """The settings module that the statement loads; empty for other statements."""
    for node in evaluated(statement):
        match node:
            case ast.Call(args=[ast.Constant(value="DJANGO_SETTINGS_MODULE"), ast.Constant(value=str(name))]):
                search.settings = search.settings or name
            case ast.Call() if dotted(node.func).endswith(("get_wsgi_application", "get_asgi_application")):
                given = search.view.process.env.get("DJANGO_SETTINGS_MODULE", "")
                name = given or search.settings
                return name if all(part.isidentifier() for part in name.split(".")) else ""
    return ""


def _missing_attribute(search: _Search, statement: ast.stmt, shown: str, modules: dict[str, str]) -> Reading | None:
    """``collections.Mapping``: an attribute that a module of the standard library no longer has."""
    library = search.home.standard_library
    if library is None:
        return None
    for node in evaluated(statement):
        if not (
            isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and isinstance(node.ctx, ast.Load)
        ):
            continue
        name = modules.get(node.value.id, "")
        module = _find(search, name, (library,)) if name.isidentifier() else None
        if module is not None and name not in search.shadowed and lacks_name(search.view, module, node.attr):
            return _no_name(
                search,
                f"AttributeError: module '{name}' has no attribute '{node.attr}'",
                f"{shown}:{statement.lineno}: uses {name}.{node.attr}",
                f"{module.file.path if module.file else name} defines no {node.attr}",
            )
    return None


def _no_name(search: _Search, predicts: str, where: str, why: str) -> Reading:
    return search.view.fails(
        CheckCode.INTERPRETER_MODULE_MISSING,
        path=where.partition(":")[0],
        predicts=predicts,
        evidence=(where, why),
        fix="Pin the release of the package that has the name, or use the name of the installed one.",
    )


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
    module = Module(kind=ModuleKind.ABSENT)
    for position, part in enumerate(parts[:_MAX_DEPTH]):
        module = _find(search, part, folders)
        if module.kind is ModuleKind.UNSURE:
            search.stopped = True
            return None
        if module.kind is ModuleKind.ABSENT:
            return _absent(search, parts, position, shown, wanted.line)
        if position == 0 and part in search.shadowed & MAYBE_EARLY and _is_own(search, module):
            return search.view.unsure(f"whether {part}.py of the application hides the module {part} of Python")
        name = ".".join(parts[: position + 1])
        reading = _follow(search, module, name, depth)
        if reading is not None or search.stopped:
            return reading
        if position + 1 == len(parts):
            break
        if _is_no_package(search, module):
            return _no_package(search, parts, position, f"{shown}:{wanted.line}", module)
        # An installed package may create its submodules while it is imported.
        if not module.is_package or not _is_own(search, module):
            return None
        folders = module.folders
    return _members(search, wanted, module, shown, depth)


def _members(search: _Search, wanted: _Import, module: Module, shown: str, depth: int) -> Reading | None:
    """The names of ``from … import``: modules of the package, or names that its file defines."""
    for member in wanted.members:
        if member == "*" or not member.isidentifier():
            continue
        inner = _find(search, member, module.folders) if module.folders else None
        if inner is not None and inner.kind is not ModuleKind.ABSENT:
            if not _is_own(search, module):
                continue
            reading = _follow(search, inner, f"{wanted.name}.{member}", depth)
            if reading is not None or search.stopped:
                return reading
            continue
        where = f"{shown}:{wanted.line}: imports {member} from {wanted.name}"
        if lacks_name(search.view, module, member) and not search.uncertain:
            file = module.file.path if module.file is not None else wanted.name
            text = f"ImportError: cannot import name '{member}' from"
            return _no_name(search, text, where, f"{file} defines no {member}")
        ran = search.running.get(wanted.name)
        names = defined_names(ran) if ran is not None else None
        if isinstance(names, Names) and member not in names.names and not names.stars and not member.startswith("__"):
            text = f"ImportError: cannot import name '{member}' from partially initialized module '{wanted.name}'"
            return _no_name(search, text, where, f"{wanted.name} imports it before it defines {member}")
    return None


def _is_no_package(search: _Search, module: Module) -> bool:
    """True for a file of the application that certainly has no modules of its own."""
    if module.kind is not ModuleKind.SOURCE or module.file is None or not _is_own(search, module):
        return False
    text = search.view.text(module.file)
    return text is not None and "__path__" not in text and "sys.modules" not in text


def _no_package(search: _Search, parts: list[str], position: int, where: str, module: Module) -> Reading:
    name, wanted = ".".join(parts[: position + 1]), ".".join(parts[: position + 2])
    file = module.file.path if module.file is not None else name
    return search.view.fails(
        CheckCode.INTERPRETER_MODULE_MISSING,
        path=file,
        predicts=f"ModuleNotFoundError: No module named '{wanted}'; '{name}' is not a package",
        evidence=(f"{where}: imports {'.'.join(parts)}", f"{file} is found first, a module without modules"),
        fix=f"Rename {file}: it hides the package {name}.",
    )


def _follow(search: _Search, module: Module, name: str, depth: int) -> Reading | None:
    file = module.file
    if file is None or not file.path.endswith(".py") or name in search.seen:
        return None
    is_library = bool(search.shadowed) and name.partition(".")[0] not in EARLY and _is_in_library(search, file.path)
    if not is_library and not _is_own(search, module):
        return None
    search.seen.add(name)
    if depth >= _MAX_DEPTH or search.files >= _MAX_FILES or search.read_bytes + file.size_bytes > _MAX_TOTAL_BYTES:
        search.stopped = not is_library
        return None
    text = search.view.text(file)
    if text is None:
        search.stopped = not is_library
        return None
    reading = _read(search, text, file.path, depth + 1, name)
    search.running.pop(name, None)
    if is_library:
        # A module of the standard library always goes on.
        search.stopped = False
    return reading


def _is_in_library(search: _Search, path: str) -> bool:
    library = search.home.standard_library
    return library is not None and path.startswith(f"{library}/") and "-packages/" not in path


def _find(search: _Search, name: str, folders: tuple[str, ...]) -> Module:
    key = (name, folders)
    if key not in search.found:
        search.found[key] = find_module(search.view, name, folders)
    return search.found[key]


def _is_own(search: _Search, module: Module) -> bool:
    """True for a module of the application: neither of the standard library nor of an installed package."""
    places = tuple(place for place in (search.home.standard_library, *search.home.packages) if place)
    found = (module.file.path,) if module.file is not None else module.folders
    return all(not path.startswith(f"{place}/") for path in found for place in places)


def _absent(search: _Search, parts: list[str], position: int, shown: str, line: int) -> Reading | None:
    missing = ".".join(parts[: position + 1])
    if parts[0] == "distutils" and _find(search, "setuptools", search.folders).kind is ModuleKind.PACKAGE:
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
        return dotted(statement.value.func) not in _QUICK_CALLS
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Await):
        return True
    return any(_ends(node) for node in _outside_functions(statement))


def _ends(node: ast.AST) -> bool:
    if isinstance(node, ast.Raise | ast.While):
        return True
    if isinstance(node, ast.Call):
        name = dotted(node.func).rpartition(".")[2]
        return name in _ENDS or name.startswith("exec")
    return False


def _changes_search(statement: ast.stmt) -> bool:
    for node in _outside_functions(statement):
        if isinstance(node, ast.Attribute) and node.attr in _CHANGES and dotted(node).startswith(("sys.", "site.")):
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
