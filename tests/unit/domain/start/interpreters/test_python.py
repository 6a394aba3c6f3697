"""``python3``: scripts, modules, its standard library, and the servers written in it."""

from __future__ import annotations

import pytest

from weighbridge.domain.start.predict import Starts

FILE, MODULE, LIBRARY = "interpreter-file-missing", "interpreter-module-missing", "interpreter-library-missing"
PYTHON = "/usr/local/lib/python3.12"
SITE = f"{PYTHON}/site-packages"
OWN = {
    "/app/own.py": b"x = 1\n",
    "/app/relative.py": b"from .own import run\n",
    "/app/guarded.py": b"if __name__ == '__main__':\n    import flask\n",
    "/app/two.py": b"print 'x'\n",
}
NO_ENCODINGS = "ModuleNotFoundError: No module named 'encodings'"


@pytest.mark.parametrize(
    ("command", "code", "text"),
    [
        (("python3", "main.py"), FILE, "can't open file '/app/main.py': [Errno 2] No such file or directory"),
        (
            ("python3", "-u", "./x/main.py"),
            FILE,
            "can't open file '/app/x/main.py': [Errno 2] No such file or directory",
        ),
        (("python3", "-m", "own.py"), MODULE, "Error while finding module specification for 'own.py'"),
        (("python3", "relative.py"), MODULE, "ImportError: attempted relative import with no known parent package"),
        (("python3", "guarded.py"), MODULE, "ModuleNotFoundError: No module named 'flask'"),
        (("python3", "two.py"), "script-fails", "SyntaxError: Missing parentheses in call to 'print'"),
        (("python3", "-m", "gunicorn"), MODULE, "No module named gunicorn"),
        (("python3", "-um", "gunicorn"), MODULE, "No module named gunicorn"),
        (
            ("python3", "-m", "a.b"),
            MODULE,
            "Error while finding module specification for 'a.b' (ModuleNotFoundError: No module named 'a')",
        ),
        (
            ("python3", "-m", "json"),
            MODULE,
            "No module named json.__main__; 'json' is a package and cannot be directly executed",
        ),
        (("python3", "/app"), MODULE, "can't find '__main__' module in '/app"),
        (("python3", "-c", "import flask"), MODULE, "ModuleNotFoundError: No module named 'flask'"),
    ],
)
def test_python_file_or_module_missing_dies_with_its_text(dies, command, code, text):
    dies(code, text, OWN, *command)


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"/app/main.py": b"print(1)\n"}, ("python3", "main.py")),
        ({"/app/main.py": b"print(1)\n"}, ("python3", "-X", "dev", "-Wignore", "main.py", "--flag")),
        ({"/app/app/__main__.py": b""}, ("python3", "-m", "app")),
        ({"/app/app/__main__.py": b""}, ("python3", "app")),
        ({"/app/a/b.py": b""}, ("python3", "-m", "a.b")),
        (
            {f"{SITE}/gunicorn/__init__.py": b"", f"{SITE}/gunicorn/__main__.py": b""},
            ("python3", "-m", "gunicorn", "-h"),
        ),
        ({f"{SITE}/own.pth": b"/srv/lib\n", "/srv/lib/tool.py": b""}, ("python3", "-m", "tool")),
        ({"/app/tool.cpython-312-x86_64-linux-gnu.so": b"x"}, ("python3", "-c", "import tool, math, _ssl")),
        ({}, ("python3",)),
        ({}, ("python3", "-V")),
        ({}, ("python3", "-c", "try:\n    import flask\nexcept ImportError:\n    pass")),
        ({}, ("python3", "-c", "import sys\nsys.exit()\nimport flask")),
        ({}, ("python3", "-c", "def f():\n    import flask")),
    ],
)
def test_python_existing_file_or_module_starts(run, files, command):
    assert run(files, *command).starts is Starts.YES


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({}, ("python3", "/dev/shm/main.py")),
        ({}, ("python3", "-c", "import sys\nsys.path.append('/x')\nimport flask")),
        ({f"{SITE}/editable.pth": b"import editable_finder\n"}, ("python3", "-m", "tool")),
        ({"/app/a/__init__.py": b"__path__ = []\n"}, ("python3", "-m", "a.b")),
    ],
)
def test_python_module_of_unknown_origin_is_not_checked(run, files, command):
    prediction = run(files, *command)
    assert prediction.starts is Starts.NOT_CHECKED
    assert prediction.not_checked


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (("python3", "-Z", "main.py"), "Unknown option: -"),
        (("python3", "--nosuch", "main.py"), "unknown option --"),
        (("python3", "-m"), "Argument expected for the -m option"),
    ],
)
def test_python_option_refused_dies(dies, command, text):
    dies("program-option-refused", text, {"/app/main.py": b""}, *command)


def test_python_module_of_package_with_empty_init_starts(run):
    assert run({"/app/a/__init__.py": b"", "/app/a/b.py": b""}, "python3", "-m", "a.b").starts is Starts.YES


def test_import_of_own_module_with_missing_import_fails(dies):
    files = {"/app/main.py": b"import own\n", "/app/own.py": b"import os\nfrom requests.adapters import X\n"}
    found = dies(MODULE, "ModuleNotFoundError: No module named 'requests'", files, "python3", "main.py")
    assert "/app/own.py:2: imports requests.adapters" in found.evidence


@pytest.mark.parametrize(
    ("env", "starts"),
    [({"PYTHONPATH": "/srv"}, Starts.YES), ({"PYTHONPATH": "/other"}, Starts.NO), ({}, Starts.NO)],
)
def test_python_path_is_searched(run, env, starts):
    assert run({"/srv/tool.py": b""}, "python3", "-m", "tool", env=env).starts is starts


def test_python_path_is_ignored_with_isolated_mode(run):
    prediction = run({"/srv/tool.py": b""}, "python3", "-Im", "tool", env={"PYTHONPATH": "/srv"})
    assert prediction.starts is Starts.NO


@pytest.mark.parametrize("command", [("python3", "main.py"), ("python3", "-m", "json")])
def test_standard_library_removed_dies(dies, command):
    dies(LIBRARY, NO_ENCODINGS, {"/usr/local/lib": None}, *command)


def test_standard_library_removed_names_folder_beside_bin(run):
    finding = run({"/usr/local/lib": None}, "python3", "-m", "json").findings[0]
    assert finding.path == "/usr/local/lib/python3.12/encodings"
    assert finding.fix.startswith("Copy /usr/local/lib/python3.12 ")


def test_standard_library_removed_prints_version(run):
    assert run({"/usr/local/lib": None}, "python3", "-V").starts is Starts.YES


def test_python_home_missing_fails(dies):
    dies(LIBRARY, NO_ENCODINGS, {}, "python3", "-m", "json", env={"PYTHONHOME": "/opt/none"})


def test_virtual_environment_finds_own_packages_only(run, images):
    venv = {
        "/venv/pyvenv.cfg": b"home = /usr/local/bin\ninclude-system-site-packages = false\n",
        "/venv/bin/python": "/usr/local/bin/python3.12",
        "/venv/lib/python3.12/site-packages/mine.py": b"",
        f"{SITE}/theirs.py": b"",
    }
    assert run(venv, "/venv/bin/python", "-m", "mine").starts is Starts.YES
    assert run(venv, "/venv/bin/python", "-m", "theirs").starts is Starts.NO
    assert run(venv, "python3", "-m", "theirs").starts is Starts.YES


def test_packages_of_debian_are_in_dist_packages(run):
    files = {f"{PYTHON}/site.py": b"dist-packages", "/usr/lib/python3/dist-packages/tool.py": b""}
    files |= {"/usr/lib/python3.12/os.py": b"", "/usr/bin/python3.12": "/usr/local/bin/python3.12"}
    assert run(files, "python3", "-m", "tool").starts is Starts.NO


def test_volume_over_script_is_not_checked(run):
    assert run({}, "python3", "main.py", volumes=("/app",)).starts is Starts.NOT_CHECKED


def _tool(name: str) -> dict[str, bytes]:
    return {f"/usr/local/bin/{name}": b"#!/usr/local/bin/python3\nimport sys\n", f"{SITE}/{name}/__init__.py": b""}


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (("gunicorn", "-w", "4", "app:app"), "ModuleNotFoundError: No module named 'app'"),
        (("gunicorn", "app:create()", "-b", ":80"), "ModuleNotFoundError: No module named 'app'"),
        (("gunicorn", "proj.wsgi"), "ModuleNotFoundError: No module named 'proj'"),
        (("uvicorn", "main:app", "--host", "0.0.0.0"), 'Could not import module "main"'),
        (("gunicorn",), "No application module specified."),
        (("uvicorn", "main"), 'Import string "main" must be in format "<module>:<attribute>".'),
        (("uvicorn", "api.main:app"), "No module named 'api'"),
        (("celery", "-A", "proj", "worker"), "Unable to load celery application."),
        (("flask", "run"), "Could not locate a Flask application."),
        (("flask", "--app", "site", "run"), "Could not import 'site'."),
    ],
)
def test_server_with_missing_module_fails(dies, command, text):
    dies(MODULE, text, _tool(command[0]), *command)


@pytest.mark.parametrize(
    ("files", "command", "env"),
    [
        ({"/app/app.py": b"app = 1\n"}, ("gunicorn", "app:app"), {}),
        ({"/app/src/app.py": b"app = 1\n"}, ("gunicorn", "--chdir", "src", "app:app"), {}),
        ({"/app/proj/wsgi.py": b"application = 1\n"}, ("gunicorn", "proj.wsgi"), {}),
        ({"/app/gunicorn.conf.py": b"chdir = '/x'\n"}, ("gunicorn", "app:app"), {}),
        ({"/app/app.py": b"app = 1\n", "/app/c.py": b"workers = 4\n"}, ("gunicorn", "-c", "c.py", "app:app"), {}),
        ({"/app/src/main.py": b"app = 1\n"}, ("uvicorn", "--app-dir", "src", "main:app"), {}),
        ({}, ("uvicorn", "--reload", "main:app"), {}),
        ({"/app/proj/__init__.py": b""}, ("celery", "-A", "proj.celery", "worker"), {}),
        ({"/app/app.py": b""}, ("flask", "run"), {}),
        ({"/app/x/y.py": b""}, ("flask", "run"), {"FLASK_APP": "x/y.py"}),
        ({"/app/.flaskenv": b"FLASK_APP=x"}, ("flask", "run"), {}),
        ({"/etc/s.conf": b"[supervisord]\n"}, ("supervisord", "-c", "/etc/s.conf"), {}),
        ({"/etc/supervisor/supervisord.conf": b"[supervisord]\n"}, ("supervisord", "-n"), {}),
    ],
)
def test_server_with_existing_module_starts(run, files, command, env):
    assert run({**_tool(command[0]), **files}, *command, env=env).starts is Starts.YES


def test_server_with_missing_attribute_fails(dies):
    files = {**_tool("gunicorn"), "/app/app.py": b"server = 1\n"}
    dies(MODULE, "Failed to find attribute 'app' in 'app'.", files, "gunicorn", "app:app")
    files = {**_tool("uvicorn"), "/app/app.py": b"server = 1\n"}
    dies(MODULE, 'Attribute "app" not found in module "app"', files, "uvicorn", "app:app")


def test_gunicorn_reads_configuration_that_moves_no_application(dies):
    files = {**_tool("gunicorn"), "/app/gunicorn.conf.py": b"workers = 4\n"}
    dies(MODULE, "ModuleNotFoundError: No module named 'app'", files, "gunicorn", "app:app")
    dies(FILE, "'c.py' doesn't exist", files, "gunicorn", "-c", "c.py", "app:app")


def test_folder_of_the_name_of_the_module_lacks_the_attribute(dies):
    files = {**_tool("gunicorn"), "/app/app/app.py": b"app = 1\n"}
    dies(MODULE, "Failed to find attribute 'app' in 'app'.", files, "gunicorn", "app:app")


def test_supervisord_without_its_configuration_dies(dies):
    dies(FILE, "could not find config file /x.conf", _tool("supervisord"), "supervisord", "-c", "/x.conf")
    dies(FILE, "Error: No config file found at default paths", _tool("supervisord"), "supervisord")


def test_gunicorn_without_folder_of_chdir_dies(dies):
    dies(FILE, "can't chdir to '/nosuch'", _tool("gunicorn"), "gunicorn", "--chdir", "/nosuch", "app:app")
