"""Names, variables and texts by which a Python program ends at once. The matrix of commands has really run the same."""

from __future__ import annotations

import pytest
from linear_time import assert_linear

from weighbridge.domain.start.predict import Starts

MODULE, REFUSED, VARIABLE = "interpreter-module-missing", "script-fails", "runtime-variable-missing"
PYTHON = "/usr/local/lib/python3.12"
SITE = f"{PYTHON}/site-packages"
LIBRARY = {
    f"{PYTHON}/os.py": b"from posix import *\n",
    f"{PYTHON}/collections/__init__.py": b"from _collections import deque\nclass Counter(dict): pass\n",
    f"{PYTHON}/tempfile.py": b"from random import Random as _Random\n",
    f"{PYTHON}/random.py": b"class Random: pass\n",
    f"{PYTHON}/email/__init__.py": b"",
    f"{PYTHON}/email/utils.py": b"",
    f"{PYTHON}/types.py": b"",
    f"{SITE}/flask/__init__.py": b"from .app import Flask as Flask\ndef __getattr__(name):\n"
    b"    if name == '__version__':\n        return 1\n    raise AttributeError(name)\n",
    f"{SITE}/lazy/__init__.py": b"def __getattr__(name):\n    return load(name)\n",
    f"{SITE}/stars/__init__.py": b"from .one import *\n",
    f"{SITE}/stars/one.py": b"def first(): pass\n",
}


def own(files):
    return {**LIBRARY, **{f"/app/{name}": text.encode() for name, text in files.items()}}


@pytest.mark.parametrize(
    ("code", "text", "files"),
    [
        (MODULE, "ImportError: cannot import name 'Markup' from", {"main.py": "from flask import Flask, Markup\n"}),
        (MODULE, "ImportError: cannot import name 'Mapping' from", {"main.py": "from collections import Mapping\n"}),
        (MODULE, "ImportError: cannot import name 'gone' from", {"main.py": "from stars import first, gone\n"}),
        (
            MODULE,
            "ImportError: cannot import name 'gone' from",
            {"main.py": "from a import gone\n", "a.py": "log = getLogger(__name__)\n"},
        ),
        (
            MODULE,
            "AttributeError: module 'collections' has no attribute 'Mapping'",
            {"main.py": "import collections\nclass A(collections.Mapping):\n    pass\n"},
        ),
        (
            MODULE,
            "ImportError: cannot import name 'x' from partially initialized module 'a'",
            {"main.py": "import a\n", "a.py": "from b import y\nx = 1\n", "b.py": "from a import x\ny = 2\n"},
        ),
        (
            MODULE,
            "ImportError: cannot import name 'Random' from",
            {"main.py": "import tempfile\n", "random.py": "print(1)\n"},
        ),
        (
            MODULE,
            "ModuleNotFoundError: No module named 'email.utils'; 'email' is not a package",
            {"main.py": "import email.utils\n", "email.py": "x = 1\n"},
        ),
        (VARIABLE, "KeyError: 'TOKEN'", {"main.py": "import os\nT = os.environ['TOKEN']\n"}),
        (VARIABLE, "KeyError: 'PORT'", {"main.py": "from os import environ\nP = int(environ['PORT'])\n"}),
        (
            VARIABLE,
            "KeyError: 'KEY'",
            {"main.py": "import a\n", "a.py": "import os\nclass C:\n  K = os.environ['KEY']\n"},
        ),
        (REFUSED, "IndentationError: expected an indented block", {"main.py": "def f():\nprint(1)\n"}),
        (REFUSED, "IndentationError: unexpected indent", {"main.py": "\ufeffx = 1\n  y = 2\n"}),
        (REFUSED, "SyntaxError: ", {"main.py": "print((1)\n"}),
        (REFUSED, "SyntaxError: ", {"main.py": "x = 'abc\n"}),
        (REFUSED, "SyntaxError: ", {"main.py": "import a\n", "a.py": "x = 1)\n"}),
        (REFUSED, "SyntaxError: ", {"main.py": "x = 1\n<<<<<<< HEAD\ny = 2\n"}),
    ],
)
def test_python_program_that_ends_at_once_dies_with_its_text(dies, code, text, files):
    dies(code, text, own(files), "python3", "main.py")


@pytest.mark.parametrize(
    "files",
    [
        {"main.py": "from lazy import anything\nfrom stars import first\nfrom collections import deque, Counter\n"},
        {"main.py": "from a import b, c, D\n", "a.py": "b, (c, *D) = 1, (2, 3)\n"},
        {"main.py": "from a import b\n", "a.py": "globals()['b'] = 1\n"},
        {"main.py": "from a import b\n", "a.py": "IntEnum._convert_('B', __name__, str.isupper)\n"},
        {"main.py": "from a import b\n", "a.py": "import lazy\nattach(__name__, ['b'])\n"},
        {"main.py": "from a import b\n", "a.py": "__all__ = ['b']\nfrom c import *\n", "c.py": ""},
        {"main.py": "from a import b\n", "a/__init__.py": "", "a/b.py": ""},
        {"main.py": "import a\n", "a.py": "x = 1\nfrom b import y\n", "b.py": "from a import x\ny = 2\n"},
        {"main.py": "import os\nos.environ.setdefault('A', '1')\nB = os.environ['A'] + os.environ['HOSTNAME']\n"},
        {"main.py": "import os\nA = os.environ['B'] if 'B' in os.environ else 1\nC = lambda: os.environ['B']\n"},
        {"main.py": "from dotenv import load_dotenv\n", "dotenv.py": "def load_dotenv(): pass\n"},
        {"main.py": "import json\n", "calendar.py": "x = 1\n"},
        {"main.py": "print(f'{x['a']}')\n"},
        {"main.py": "def f(a: int | None) -> list[int]: ...\n"},
    ],
)
def test_python_program_whose_names_are_there_or_uncertain_starts(run, files):
    assert run(own(files), "python3", "main.py").starts is Starts.YES


def test_python_variable_of_the_image_is_set(run):
    files = own({"main.py": "import os\nT = os.environ['TOKEN']\n"})
    assert run(files, "python3", "main.py", env={"TOKEN": "x", "PATH": "/usr/local/bin"}).starts is Starts.YES


def test_python_file_that_may_hide_a_loaded_module_is_not_checked(run):
    files = own({"main.py": "import tempfile\nimport types\n", "types.py": "x = 1\n"})
    prediction = run(files, "python3", "main.py")
    assert prediction.starts is Starts.NOT_CHECKED
    assert "types.py of the application hides the module types" in prediction.not_checked[0]


def old_python(release):
    place = f"/usr/lib/python{release}"
    return {f"/usr/bin/python{release}": b"", f"{place}/os.py": b"", f"{place}/encodings/__init__.py": b""}


@pytest.mark.parametrize(
    ("release", "source", "text"),
    [
        ("3.9", "def f(a: int | None): ...\n", "TypeError: unsupported operand type(s) for |:"),
        ("3.9", "match 1:\n    case 1: pass\n", "SyntaxError: "),
        ("3.8", "class A:\n    x: list[int] = []\n", "TypeError: 'type' object is not subscriptable"),
    ],
)
def test_python_older_than_the_source_dies(dies, program, release, source, text):
    files = {**old_python(release), f"/usr/bin/python{release}": program, "/app/main.py": source.encode()}
    dies(REFUSED, text, files, f"/usr/bin/python{release}", "main.py")


@pytest.mark.parametrize(
    "source",
    [
        "from __future__ import annotations\ndef f(a: int | None): ...\n",
        "def f(a: 'int | None'): ...\n",
        "x: T | None = 1\n",
    ],
)
def test_python_annotation_that_is_not_evaluated_starts(run, program, source):
    files = {**old_python("3.9"), "/usr/bin/python3.9": program, "/app/main.py": source.encode()}
    assert run(files, "/usr/bin/python3.9", "main.py").starts is Starts.YES


DEPTHS = (100, 400, 20_000)
"""Above about 330 the library's own functions on trees raise RecursionError, above 3,000 the parser does."""


@pytest.mark.parametrize("depth", DEPTHS[1:])
@pytest.mark.parametrize("piece", ["if {}a:\n    pass\n", "x = {}a\n", "assert {}a\n", "def f(a: {}a): ...\n"])
@pytest.mark.parametrize("part", ["a + ", "not ", "a.b(c)[d] or "])
def test_deep_expression_is_no_failure(run, program, depth, piece, part):
    source = piece.format(part * depth).encode()
    files = {**old_python("3.9"), "/usr/bin/python3.9": program, "/app/main.py": source}
    assert run(files, "/usr/bin/python3.9", "main.py").starts is not Starts.NO


@pytest.mark.parametrize("depth", DEPTHS[:2])
def test_deep_annotation_of_newer_python_dies(dies, program, depth):
    source = f"def f(a: {'int | ' * depth}None): ...\n".encode()
    files = {**old_python("3.9"), "/usr/bin/python3.9": program, "/app/main.py": source}
    dies(REFUSED, "TypeError: unsupported operand type(s) for |:", files, "/usr/bin/python3.9", "main.py")


@pytest.mark.parametrize("source", ["f().environ['X']\n", "a[0].environ['X']\n", "y = g(1).os.environ['X']\n"])
def test_variables_of_another_object_are_not_those_of_process(run, source):
    assert run(own({"main.py": source}), "python3", "main.py").starts is not Starts.NO


MANAGE = (
    "import os, sys\ndef main():\n    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site1.settings')\n"
    "    from django.core.management import execute_from_command_line\n    execute_from_command_line(sys.argv)\n"
    "if __name__ == '__main__':\n    main()\n"
)
DJANGO = {f"{SITE}/django/__init__.py": b"", f"{SITE}/django/core/wsgi.py": b"def get_wsgi_application(): pass\n"}


@pytest.mark.parametrize(
    ("command", "files", "missing"),
    [
        ("migrate", {}, "site1"),
        ("runserver", {"site1/__init__.py": ""}, "site1.settings"),
        ("check", {"site1/__init__.py": "", "site1/settings.py": "import gone\n"}, "gone"),
    ],
)
def test_manage_without_its_settings_dies(dies, command, files, missing):
    text = f"ModuleNotFoundError: No module named '{missing}'"
    dies(MODULE, text, {**DJANGO, **own({"manage.py": MANAGE, **files})}, "python3", "manage.py", command)


@pytest.mark.parametrize("words", [("help",), ("migrate", "--settings=other"), ("startapp", "x")])
def test_manage_that_needs_no_or_other_settings_starts(run, words):
    assert run({**DJANGO, **own({"manage.py": MANAGE})}, "python3", "manage.py", *words).starts is Starts.YES


def test_wsgi_application_without_its_settings_dies(dies):
    source = (
        "import os\nfrom django.core.wsgi import get_wsgi_application\n"
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site1.settings')\napplication = get_wsgi_application()\n"
    )
    dies(MODULE, "ModuleNotFoundError: No module named 'site1'", {**DJANGO, **own({"w.py": source})}, "python3", "w.py")


CLICK = b"#!/usr/local/bin/python3\nimport sys\n"
CELERY = b"MESSAGE = 'The support for this usage was removed in Celery 5.0.'\n'--app' '-A'\n"
FASTAPI = b"message = 'To use the fastapi command, please install \"fastapi[standard]\"'\n"
TOOLS = {
    **{f"/usr/local/bin/{name}": CLICK for name in ("celery", "rq", "fastapi", "uvicorn", "gunicorn")},
    **{f"{SITE}/{name}/__init__.py": b"" for name in ("celery", "rq", "fastapi", "uvicorn", "gunicorn")},
    f"{SITE}/celery/bin/celery.py": CELERY,
    f"{SITE}/rq/cli/cli.py": b"def worker(): pass\ndef info(): pass\n",
    f"{SITE}/fastapi/cli.py": FASTAPI,
    f"{SITE}/uvicorn/main.py": b"'--host'\n",
    f"{SITE}/gunicorn/config.py": b"'--bind'\n",
}


@pytest.mark.parametrize(
    ("code", "text", "command"),
    [
        (
            "program-option-refused",
            "You are using `-A` as an option of the worker sub-command:",
            ("celery", "worker", "-A", "tasks"),
        ),
        ("program-option-refused", "No such command 'workr'", ("rq", "workr")),
        (MODULE, 'To use the fastapi command, please install "fastapi[standard]"', ("fastapi", "run", "main.py")),
        (MODULE, 'Could not import module "src/main"', ("uvicorn", "src/main:app")),
        (MODULE, "No module named 'src/main'", ("uvicorn", "src/main.py:app")),
        (MODULE, "ModuleNotFoundError: No module named 'src/main'", ("gunicorn", "src/main:app")),
    ],
)
def test_python_tool_with_wrong_words_dies(dies, code, text, command):
    dies(code, text, TOOLS, *command)


@pytest.mark.parametrize(
    ("command", "starts"), [(("rq", "info"), Starts.YES), (("rq", "worker", "default"), Starts.NOT_CHECKED)]
)
def test_rq_worker_needs_its_server(run, command, starts):
    assert run(TOOLS, *command).starts is starts


@pytest.mark.parametrize(
    "piece",
    [
        "import os\n",
        "x = os.environ['A' ",
        "from a import b\n",
        "os.environ[",
        "environ ",
        "class A:\n x = 1\n",
        "(",
        "f'{",
    ],
)
def test_hostile_python_file_is_read_in_linear_time(run, piece):
    def read(size):
        run(own({"main.py": piece * (size // len(piece)), "a.py": "b = 1\n"}), "python3", "main.py")

    assert_linear(read, largest=80_000)
