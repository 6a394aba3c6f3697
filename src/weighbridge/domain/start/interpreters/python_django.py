"""Django: ``manage.py`` and the functions that load the settings module.

Sources: django/core/management/__init__.py (``fetch_command``) and django/conf/__init__.py. The texts were recorded
from Django 5.2.
"""

from __future__ import annotations

import ast
import re

from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.start.interpreters.python_home import PythonHome
from weighbridge.domain.start.interpreters.python_imports import failing_import
from weighbridge.domain.start.interpreters.python_names import dotted, parse_python
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_VARIABLE = "DJANGO_SETTINGS_MODULE"
_NEEDS_SETTINGS = re.compile(
    r"runserver|runserver_plus|migrate|collectstatic|check|createsuperuser|shell|makemigrations|flush|loaddata|dumpdata"
    r"|dbshell|showmigrations|createcachetable|clearsessions"
)
_NAME = re.compile(r"[A-Za-z_]\w{0,99}(?:\.[A-Za-z_]\w{0,99}){0,9}")
_MOVES = re.compile(r"sys\.path|dotenv|read_env|decouple|chdir|importlib")


def failing_manage(
    view: View, program: Node, words: tuple[str, ...], folders: tuple[str, ...], home: PythonHome
) -> Reading | None:
    """How ``manage.py`` ends, because its settings module cannot be imported; None in doubt."""
    text = view.text(program)
    settings = _settings(view, text) if text is not None else None
    is_moved = any(word.startswith(("--settings", "--pythonpath")) for word in words)
    if settings is None or is_moved or not words or not _NEEDS_SETTINGS.fullmatch(words[0]):
        return None
    return failing_import(view, f"import django\nimport {settings}\n", program.path, folders, home)


def _settings(view: View, text: str) -> str | None:
    """The module of the variable, or of the only ``setdefault`` of the file."""
    tree = parse_python(text)
    if tree is None or _MOVES.search(text):
        return None
    found: list[str] = []
    runs = False
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        runs = runs or dotted(node.func).endswith("execute_from_command_line")
        match node.args:
            case [ast.Constant(value=variable), ast.Constant(value=str(name))] if variable == _VARIABLE:
                found.append(name)
    given = view.process.env.get(_VARIABLE, "")
    name = given or (found[0] if len(found) == 1 else "")
    return name if runs and not view.process.is_open and _NAME.fullmatch(name) else None
