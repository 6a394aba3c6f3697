"""Which names a Python file may define, and which expressions a statement certainly evaluates."""

from __future__ import annotations

import ast

import pytest

from weighbridge.domain.start.interpreters.python_names import defined_names, dotted, evaluated, parse_python
from weighbridge.domain.start.predict import Starts


def _names(text):
    return defined_names(ast.parse(text).body)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x = 1", {"x"}),
        ("x: int", {"x", "int"}),
        ("(x := 1)", {"x"}),
        ("for x in (): pass", {"x"}),
        ("with f() as x: pass", {"f", "x"}),
        ("def f(a): pass", {"f"}),
        ("async def f(): pass", {"f"}),
        ("class A: b = 1", {"A", "b"}),
        ("import a.b", {"a", "b"}),
        ("import a.b as c", {"c", "b"}),
        ("from a import b as c", {"c", "b"}),
        ("def f():\n    global x", {"f", "x"}),
        ("def f():\n    x = 1\n    def g():\n        nonlocal x", {"f", "g", "x"}),
        ("try: pass\nexcept OSError as x: pass", {"OSError", "x"}),
        ("match a:\n    case [*x]: pass\n    case {**y}: pass\n    case z: pass", {"a", "x", "y", "z"}),
        ("match a:\n    case [*_]: pass\n    case {}: pass\n    case _: pass", {"a"}),
        ("'x'\n" + repr("y" * 101), {"x"}),
        ("sys.modules['a'].b", {"sys", "a"}),
        ("def f(self):\n    setattr(self, 'x', 1)", {"f", "self", "setattr", "x"}),
        ("def f():\n    exec(g)", {"f", "exec", "g"}),
        ("def f():\n    return locals()", {"f", "locals"}),
        ("log = getLogger(__name__)", {"log", "getLogger", "__name__"}),
        (
            "def __getattr__(name):\n    raise AttributeError(f'no {name}')",
            {"__getattr__", "AttributeError", "name", "no "},
        ),
        ("class A:\n    def __getattr__(self, name):\n        return name", {"A", "__getattr__", "name"}),
    ],
)
def test_names_that_a_file_mentions_count_as_defined(text, names):
    assert _names(text).names == names


@pytest.mark.parametrize(
    "text",
    [
        "sys.modules[__name__] = x",
        "sys.modules[name].x = 1",
        "import sys as s\ns.modules.update(x)",
        "globals()['x'] = 1",
        "def f():\n    globals().update(x)",
        "locals()['x'] = 1",
        "vars().update(x)",
        "exec('x = 1')",
        "setattr(module, 'x', 1)",
        "setattr(*x)",
        "load(__name__)",
        "load(into=__name__)",
        "IntEnum._convert_('A', __name__, f)",
        "from a import *",
        "from .. import *",
        "from ..a import *",
        "from .a.b import *",
        "from .lazy import __getattr__",
        "import lazy_loader",
        "def __getattr__(name):\n    return load(name)",
        "def __getattr__(name):\n    load(name)\n    raise AttributeError",
        "def __getattr__(name):\n    if name in LAZY:\n        return 1\n    raise AttributeError(name)",
        "def __getattr__():\n    raise AttributeError",
        "if x:\n    def __getattr__(name):\n        return name",
        "__getattr__ = load",
    ],
)
def test_file_that_may_define_names_while_it_runs_defines_all(text):
    assert _names(text) is None


def test_star_of_a_module_beside_the_file_is_followed():
    assert _names("from .a import *\nfrom .b import *").stars == ("a", "b")


@pytest.mark.parametrize(
    ("statement", "certain", "doubtful"),
    [
        ("a = b + c", "bc", "a"),
        ("a: b = c", "c", "b"),
        ("a: b", "", "b"),
        ("a += b", "b", ""),
        ("f(a, b=c)", "fac", ""),
        ("a and b", "a", "b"),
        ("a or b", "a", "b"),
        ("b if a else c", "a", "bc"),
        ("a < b < c", "ab", "c"),
        ("lambda: a", "", "a"),
        ("[a for b in c]", "", "a"),
        ("{a for b in c}", "", "a"),
        ("{a: 1 for b in c}", "", "a"),
        ("f(a for b in c)", "f", "a"),
        ("@a\ndef f(b=c): d", "a", "d"),
        ("@a\nasync def f(): d", "a", "d"),
        ("@a\nclass C(b):\n    c\n    def f(): d\n    x = e", "abce", "d"),
        ("class C:\n    a\n    if b: pass\n    c", "a", "bc"),
        ("class C:\n    a\n    match b:\n        case 1: pass\n    c", "a", "bc"),
        ("class C:\n    try: a\n    finally: b\n    c", "", "abc"),
        ("del a", "", "a"),
        ("if a: b", "", "ab"),
    ],
)
def test_only_what_certainly_runs_is_evaluated(statement, certain, doubtful):
    found = {node.id for node in evaluated(ast.parse(statement).body[0]) if isinstance(node, ast.Name)}
    assert found >= set(certain)
    assert not found & set(doubtful)


@pytest.mark.parametrize(("text", "name"), [("a", "a"), ("a.b.c", "a.b.c"), ("f().b.c", ".b.c"), ("1", "")])
def test_dotted_name_of_an_expression(text, name):
    assert dotted(ast.parse(text, mode="eval").body) == name


@pytest.mark.parametrize("text", ["x = (", "x = '\0'", "(" * 300, "x" + " and x" * 5_001])
def test_text_that_is_not_parsed_has_no_tree(text):
    assert parse_python(text) is None


def test_text_with_byte_order_mark_is_parsed():
    assert parse_python("\ufeffx = 1") is not None


@pytest.mark.parametrize(
    ("files", "starts"),
    [
        pytest.param({"a/b.py": ""}, Starts.YES, id="module-of-a-namespace"),
        pytest.param({"a/c.py": ""}, Starts.NO, id="namespace-without-it"),
        pytest.param({"a/__init__.py": "from .x import *", "a/x.py": "b = 1"}, Starts.YES, id="name-of-a-star"),
        pytest.param({"a/__init__.py": "from .x import *", "a/x.py": "c = 1"}, Starts.NO, id="star-without-it"),
        pytest.param({"a.py": "from .a import *"}, Starts.YES, id="star-of-itself"),
        pytest.param({"a.py": "match {}:\n    case {**b}: pass"}, Starts.YES, id="rest-of-a-mapping"),
        pytest.param({"a.py": "vars().update(b=1)"}, Starts.YES, id="updated-variables"),
        pytest.param({"a.py": "c = 1"}, Starts.NO, id="file-without-it"),
    ],
)
def test_import_of_a_name_ends_the_program_only_if_no_file_defines_it(run, files, starts):
    own = {f"/app/{path}": text.encode() for path, text in files.items()}
    assert run({**own, "/app/main.py": b"from a import b\n"}, "python3", "main.py").starts is starts
