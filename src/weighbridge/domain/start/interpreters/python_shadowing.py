"""Files of an application that hide a module of Python's standard library, such as ``random.py`` beside the program.

Source: Python's documentation of ``sys.path``: the folder of the script comes first.
"""

from __future__ import annotations

import itertools
import posixpath

from weighbridge.domain.paths import is_at_or_below
from weighbridge.domain.start.interpreters.python_home import PythonHome
from weighbridge.domain.start.interpreters.view import View

EARLY = frozenset(
    [
        "os",
        "sys",
        "io",
        "abc",
        "codecs",
        "encodings",
        "site",
        "stat",
        "posixpath",
        "genericpath",
        "_collections_abc",
        "builtins",
        "zipimport",
    ]
)
"""Modules that Python has loaded before the program: a file of that name does not replace them."""
MAYBE_EARLY = frozenset(
    [
        "types",
        "importlib",
        "warnings",
        "functools",
        "collections",
        "keyword",
        "operator",
        "reprlib",
        "re",
        "enum",
        "contextlib",
        "copyreg",
        "sre_compile",
        "sre_parse",
        "sre_constants",
        "sysconfig",
        "runpy",
        "pkgutil",
        "linecache",
        "tokenize",
        "token",
        "traceback",
    ]
)
"""Modules that Python may have loaded before, for ``-m`` or a ``.pth`` file."""
_MAX_SHADOWING = 200
_MAX_FILES = 2000


def shadowed_modules(view: View, folders: tuple[str, ...], home: PythonHome) -> frozenset[str]:
    """The modules of the standard library that the first folder of the search path replaces."""
    first = view.directory(folders[0]) if folders else None
    library = home.standard_library
    if first is None or library is None or is_at_or_below(first.path, library):
        return frozenset()
    children = list(itertools.islice(view.process.rootfs.children(first), _MAX_FILES))
    names = [posixpath.basename(each.path).removesuffix(".py") for each in children if each.path.endswith(".py")]
    found = (name for name in names if name.isidentifier() and name not in EARLY)
    return frozenset(
        itertools.islice((name for name in found if view.file(f"{library}/{name}.py") is not None), _MAX_SHADOWING)
    )
