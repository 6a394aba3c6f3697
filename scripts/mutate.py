"""Mutation testing of the domain: small changes of the code that some test must notice.

    python scripts/mutate.py [--sample N] [--seed N] [MODULE…]

For each module of `SUBJECTS`, N mutants are drawn. Each runs the module's own tests in a child process, in which an
import hook gives the changed module. A mutant that no test notices survives, and is printed as a diff. Equivalent
mutants (no input tells them from the original) cannot be noticed: look at each survivor.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.abc
import importlib.machinery
import importlib.util
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import docker  # noqa: F401 - loaded once, before the children are made
import jinja2  # noqa: F401
import msgspec  # noqa: F401
import pytest
import requests  # noqa: F401
import yaml  # noqa: F401
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]
_SHELL = (
    "shell/test_structure.py",
    "shell/test_acceptance.py::test_reader_accepts_exactly_what_the_shell_accepts",
)
SUBJECTS = {
    "domain.gate.verdict": ("gate",),
    "domain.gate.checked": ("gate",),
    "domain.gate.limits": ("gate/test_limits.py", "gate/test_checked.py"),
    "domain.gate.ignores": ("gate/test_ignores.py",),
    "domain.image.align": ("image/test_align.py",),
    "domain.image.diff": ("image/test_align.py",),
    "domain.image.waste": ("image/test_waste.py",),
    "domain.packages.diff": ("packages/test_packages.py",),
    "domain.start.accounts": ("start/test_accounts.py", "start/test_predict.py"),
    "domain.start.capabilities": ("start/test_capabilities.py", "start/test_kernel.py"),
    "domain.start.kernel": (
        "start/test_kernel.py",
        "start/test_predict.py",
        "start/test_capabilities.py",
        "start/test_loader_glibc.py",
    ),
    "domain.start.shebang": ("start/test_kernel.py",),
    "domain.start.predict": ("start/test_predict.py",),
    "domain.start.loader.ldcache": ("start/test_ldcache.py", "start/test_loader_glibc.py"),
    "domain.start.loader.glibc": ("start/test_loader_glibc.py",),
    "domain.start.loader.glibc_binding": ("start/test_loader_glibc.py",),
    "domain.start.loader.glibc_search": ("start/test_loader_glibc.py",),
    "domain.start.loader.musl": ("start/test_loader_musl.py",),
    "domain.start.interpreters.python_names": ("start/interpreters/test_python_names.py",),
    "domain.start.interpreters.javascript_flow": ("start/interpreters/test_javascript.py",),
    "domain.shell.conditional": _SHELL,
    "domain.shell.parse": _SHELL,
    "domain.shell.simple": _SHELL,
    "domain.shell.words": _SHELL,
}
"""Module below ``weighbridge``, and the tests below tests/unit/domain that are asked."""
_QUIET = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
"""Hypothesis is imported before pytest could rewrite it."""
_LONGEST_SECONDS = 180
_COMPARED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
_COMPARED |= {ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}
_COMPUTED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult}
_COMPUTED |= {ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift}


@dataclass(frozen=True)
class Mutant:
    """A changed module: its source text, and the change in words."""

    source: str
    change: str


def mutants(source: str) -> Iterator[Mutant]:
    """All mutants of a module, one change each. Docstrings, annotations and decorators stay."""
    tree = ast.parse(source)
    for index, node in enumerate(_nodes(tree)):
        for number in range(len(_changes(node))):
            changed = copy.deepcopy(tree)
            target = _nodes(changed)[index]
            before = ast.unparse(target)
            _changes(target)[number]()
            after = ast.unparse(target)
            if before != after:
                change = f"line {getattr(node, 'lineno', 0)}: {before} -> {after}"
                yield Mutant(source=ast.unparse(ast.fix_missing_locations(changed)), change=change)


def _nodes(tree: ast.Module) -> list[ast.AST]:
    """The nodes of functions that may be changed, in the order of the source."""
    found: list[ast.AST] = []
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for statement in function.body:
                if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
                    found += [node for node in ast.walk(statement) if not isinstance(node, ast.arg | ast.FunctionDef)]
    return list(dict.fromkeys(found))


def _changes(node: ast.AST) -> list[Callable[[], None]]:
    """What may be changed about one node."""
    changes: list[Callable[[], None]] = []

    def put(name: str, value: object) -> None:
        changes.append(lambda: setattr(node, name, value))

    match node:
        case ast.Compare(ops=[operator]) if type(operator) in _COMPARED:
            put("ops", [_COMPARED[type(operator)]()])
        case ast.BoolOp(op=operator):
            put("op", ast.Or() if isinstance(operator, ast.And) else ast.And())
            put("values", node.values[:-1] if len(node.values) > 2 else [node.values[0], node.values[0]])
        case ast.BinOp(op=operator) if type(operator) in _COMPUTED:
            put("op", _COMPUTED[type(operator)]())
        case ast.UnaryOp(op=ast.Not()):
            put("operand", ast.UnaryOp(op=ast.Not(), operand=node.operand))
        case ast.Constant(value=bool() as value):
            put("value", not value)
        case ast.Constant(value=int() as value):
            put("value", value + 1)
        case ast.If(test=test) | ast.IfExp(test=test):
            put("test", ast.UnaryOp(op=ast.Not(), operand=test))
        case ast.Return(value=value) if value is not None and not _is_none(value):
            put("value", ast.Constant(value=None))
        case ast.Continue():
            changes.append(lambda: setattr(node, "__class__", ast.Break))
    return changes


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module with another source."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        self._name, self._path, self._source = name, path, source

    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        del path, target
        if name != self._name:
            return None
        return importlib.util.spec_from_file_location(name, self._path, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._source, str(self._path), "exec"), module.__dict__)


def is_noticed(module: str, path: Path, source: str, tests: Sequence[str]) -> bool:
    """True if a test fails with the changed module, or does not end."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        sys.meta_path.insert(0, _Changed(module, path, source))
        # A busy machine is no failure.
        settings.register_profile("mutation", deadline=None, suppress_health_check=list(HealthCheck))
        settings.load_profile("mutation")
        asked = [str(ROOT / "tests/unit/domain" / one) for one in tests]
        os._exit(int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *_QUIET, *asked])))
    ends_at = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < ends_at:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) != 0
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def main() -> int:
    """Run, and print a line per module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="modules of SUBJECTS; without any: all")
    parser.add_argument("--sample", type=int, default=20, help="mutants per module (default 20; 0: all)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    noticed_in_all = drawn_in_all = 0
    for name in options.modules or SUBJECTS:
        module, path = f"weighbridge.{name}", ROOT / "src/weighbridge" / f"{name.replace('.', '/')}.py"
        source = path.read_text(encoding="utf-8")
        if is_noticed(module, path, ast.unparse(ast.parse(source)), SUBJECTS[name]):
            sys.exit(f"{name}: its tests fail without a change")
        every = list(mutants(source))
        count = min(options.sample or len(every), len(every))
        drawn = random.Random(options.seed).sample(every, count)
        survivors = [one for one in drawn if not is_noticed(module, path, one.source, SUBJECTS[name])]
        noticed_in_all += len(drawn) - len(survivors)
        drawn_in_all += len(drawn)
        print(
            f"{name}: {len(drawn) - len(survivors)} of {len(drawn)} noticed ({len(every)} mutants in all)", flush=True
        )
        for one in survivors:
            print(f"  survived: {one.change[:300]}", flush=True)
    print(f"{noticed_in_all} of {drawn_in_all} noticed: {100 * noticed_in_all / max(1, drawn_in_all):.0f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
