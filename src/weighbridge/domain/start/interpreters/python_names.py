"""Whether the file of a Python module certainly defines no such name, and what a statement needs when it runs.

Source: the Python reference, "The import statement" and "Customizing module attribute access". A name counts as defined
wherever the file mentions it; a file that may define names while it runs defines all.
"""

from __future__ import annotations

import ast
import itertools
import posixpath
import re
import warnings
from collections.abc import Iterator

from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.start.interpreters.python_modules import Module, ModuleKind, find_module
from weighbridge.domain.start.interpreters.view import View

_DYNAMIC = frozenset({"__getattr__", "lazy_loader"})
_TAKES_MODULE_NAME = frozenset({"getLogger", "get_logger", "Flask", "Blueprint", "print", "getLoggerClass"})
_BLOCKS = (ast.If, ast.Try, ast.TryStar, ast.With, ast.For, ast.While, ast.Match)
_MAX_STARS = 40
_JOINS = re.compile(r"\b(?:and|or)\b")
_MAX_JOINS = 5_000


def is_quick_to_parse(text: str) -> bool:
    """False for a file with thousands of ``and`` and ``or``: the parser's time is quadratic in a chain of them."""
    return next(itertools.islice(_JOINS.finditer(text), _MAX_JOINS, None), None) is None


def parse_python(text: str) -> ast.Module | None:
    """The syntax tree; None for text that this release of Python cannot parse, such as that of other releases."""
    if not is_quick_to_parse(text):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def lacks_name(view: View, module: Module, name: str) -> bool:
    """True if the module certainly has no attribute `name` after its import; False in doubt."""
    if name.startswith("__") or not name.isidentifier():
        return False
    if module.file is None:
        absent = module.folders and find_module(view, name, module.folders).kind is ModuleKind.ABSENT
        return module.kind is ModuleKind.NAMESPACE and bool(absent)
    return _lacks(view, module.file, module.folders, name, [_MAX_STARS])


def _lacks(view: View, file: Node, folders: tuple[str, ...], name: str, budget: list[int]) -> bool:
    if folders and find_module(view, name, folders).kind is not ModuleKind.ABSENT:
        return False
    names = names_of(view, file)
    if names is None or name in names.names:
        return False
    for star in names.stars:
        budget[0] -= 1
        inner = find_module(view, star, (posixpath.dirname(file.path),))
        if budget[0] < 0 or inner.file is None or not _lacks(view, inner.file, inner.folders, name, budget):
            return False
    return True


class Names:
    """The names that a file may define, and the modules beside it whose names it takes with ``*``."""

    __slots__ = ("names", "stars")

    def __init__(self, names: frozenset[str], stars: tuple[str, ...]) -> None:
        """Keep both."""
        self.names = names
        self.stars = stars


def names_of(view: View, file: Node) -> Names | None:
    """What a file may define; None if it is unreadable, compiled, or may define any name while it runs."""
    memo = view.process.rootfs.memo
    key = ("python-names", file.diff_id, file.stored_path)
    if key not in memo:
        text = view.text(file) if file.path.endswith(".py") else None
        tree = parse_python(text) if text is not None else None
        memo[key] = defined_names(tree.body) if tree is not None else None
    known = memo[key]
    return known if isinstance(known, Names) else None


def defined_names(body: list[ast.stmt]) -> Names | None:
    """The names that statements may define; None if they may define any."""
    names: set[str] = set()
    stars: list[str] = []
    constant_keys = set()
    module = ast.Module(body=body, type_ignores=[])
    if not all(_is_plain_getattr(function) for function in _module_getattrs(body)):
        return None
    at_top = {id(node) for node in _at_top(body)}
    for node in ast.walk(module):
        match node:
            case ast.Subscript(value=ast.Attribute(attr="modules"), slice=ast.Constant()):
                constant_keys.add(id(node.value))
            case ast.Attribute(attr="modules") if id(node) not in constant_keys:
                return None
            case ast.Call(func=ast.Name(id="setattr"), args=[ast.Name(id="self" | "cls"), *_]):
                constant_keys.add(id(node.func))
            case ast.Call(func=ast.Name(id="globals")) | ast.Attribute(attr="_convert_" | "_convert"):
                # The second adds the members of an enumeration to its module, as ssl and socket do.
                return None
            case ast.Call() if _is_given_the_module(node):
                return None
            case ast.Call(func=ast.Name(id="exec" | "locals" | "vars")) if id(node) in at_top:
                return None
            case ast.Name(id=name):
                if name in _DYNAMIC or (name == "setattr" and id(node) not in constant_keys):
                    return None
                names.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                if node.level != 1 or not node.module or "." in node.module:
                    return None
                stars.append(node.module)
            case ast.alias() if (node.asname or node.name) in _DYNAMIC:
                return None
            case ast.alias():
                names.update((node.asname or node.name.partition(".")[0], node.name.rpartition(".")[2]))
            case ast.Global() | ast.Nonlocal():
                names.update(node.names)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.ExceptHandler(name=str(name)):
                names.add(name)
            case ast.MatchMapping(rest=str(name)):
                names.add(name)
            case ast.Constant(value=str(text)) if len(text) <= 100:
                # In a __getattr__, or in a list of names that are loaded later.
                names.add(text)
    return Names(frozenset(names), tuple(stars))


def _is_given_the_module(call: ast.Call) -> bool:
    """True if a function gets the module's name, and may add names to the module."""
    given = (*call.args, *(keyword.value for keyword in call.keywords))
    is_named = any(isinstance(each, ast.Name) and each.id == "__name__" for each in given)
    return is_named and dotted(call.func).rpartition(".")[2] not in _TAKES_MODULE_NAME


def _module_getattrs(body: list[ast.stmt]) -> Iterator[ast.FunctionDef]:
    """The functions ``__getattr__`` of the module, not those of its classes."""
    for node in _at_top(body):
        if isinstance(node, ast.FunctionDef) and node.name == "__getattr__":
            yield node


def _at_top(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """The nodes outside of functions and classes, and those themselves."""
    pending: list[ast.AST] = list(body)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            pending.extend(ast.iter_child_nodes(node))


def _is_plain_getattr(function: ast.FunctionDef) -> bool:
    """True if it only compares the name with texts, and raises ``AttributeError`` at its end."""
    if not function.args.args or not isinstance(function.body[-1], ast.Raise):
        return False
    parameter = function.args.args[0].arg
    allowed: set[int] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Compare) and all(isinstance(each, ast.Constant) for each in node.comparators):
            allowed.add(id(node.left))
        elif isinstance(node, ast.Raise | ast.JoinedStr):
            allowed.update(id(each) for each in ast.walk(node))
    uses = (node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == parameter)
    return all(id(node) in allowed for node in uses)


def evaluated(statement: ast.stmt) -> Iterator[ast.expr]:
    """The expressions that a statement certainly evaluates, also in the body of a class."""
    pending: list[ast.AST] = []
    match statement:
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign() | ast.Expr():
            pending = [statement.value] if statement.value is not None else []
        case ast.ClassDef():
            pending = [*statement.bases, *statement.decorator_list]
            for inner in statement.body:
                if isinstance(inner, _BLOCKS):
                    break
                yield from evaluated(inner)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            pending = list(statement.decorator_list)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.expr):
            yield node
        match node:
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                continue
            case ast.IfExp():
                pending.append(node.test)
            case ast.BoolOp():
                pending.append(node.values[0])
            case ast.Compare():
                # A chain of comparisons ends at the first that is false.
                pending.extend((node.left, node.comparators[0]))
            case _:
                pending.extend(ast.iter_child_nodes(node))


def dotted(node: ast.expr) -> str:
    """``a.b.c`` of attributes of a name; ``.b.c`` of another expression's attributes."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    names.append(node.id if isinstance(node, ast.Name) else "")
    return ".".join(reversed(names))
