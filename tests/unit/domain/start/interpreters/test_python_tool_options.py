"""Options of gunicorn, uvicorn and other tools, read from the tool's installed source."""

from __future__ import annotations

import pytest

from weighbridge.domain.start.predict import Starts

PACKAGES = "/usr/local/lib/python3.12/site-packages"
REFUSED = "program-option-refused"
GUNICORN = b"""
class Workers(Setting):
    cli = ["-w", "--workers"]
    type = int
class Bind(Setting):
    cli = ["-b", "--bind"]
    action = "append"
class WorkerClass(Setting):
    cli = ["-k", "--worker-class"]
class User(Setting):
    cli = ["-u", "--user"]
class Preload(Setting):
    cli = ["--preload"]
    action = "store_true"
"""
UVICORN = b"""
@click.option("--port", type=int, default=8000)
@click.option("--reload", is_flag=True, default=False)
@click.option("--access-log/--no-access-log", is_flag=True)
@click.option("--log-config", type=click.Path(exists=True))
"""
TOOLS = {
    f"{PACKAGES}/gunicorn/__init__.py": b"",
    f"{PACKAGES}/gunicorn/__main__.py": b"",
    f"{PACKAGES}/gunicorn/config.py": GUNICORN,
    f"{PACKAGES}/uvicorn/__init__.py": b"",
    f"{PACKAGES}/uvicorn/__main__.py": b"",
    f"{PACKAGES}/uvicorn/main.py": UVICORN,
    "/app/web.py": b"app = 1\n",
}


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (("gunicorn", "--nosuch=1", "web:app"), "unrecognized arguments"),
        (("gunicorn", "web:app", "-Z"), "unrecognized arguments"),
        (("gunicorn", "-w", "$WORKERS", "web:app"), "invalid int value: '$WORKERS'"),
        (("gunicorn", "--workers=$(nproc)", "web:app"), "invalid int value: '$(nproc)'"),
        (("uvicorn", "web:app", "--port", "${PORT}"), "'${PORT}' is not a valid integer"),
        (("gunicorn", "-b", "0.0.0.0:$PORT", "web:app"), "'$PORT' is not a valid port number."),
        (("gunicorn", "--bind=0.0.0.0:${PORT:-80}", "web:app"), "'${PORT' is not a valid port number."),
        (("uvicorn", "--port", "80"), "Missing argument 'APP'"),
        (("uvicorn", "web:app", "more"), "Got unexpected extra argument"),
        (("uvicorn", "web:app", "--rel"), "No such option"),
        (("uvicorn", "web:app", "--log-config", "log.json"), "'log.json' does not exist"),
    ],
)
def test_tool_option_refused_dies(dies, command, text):
    dies(REFUSED, text, TOOLS, "python3", "-m", *command)


def test_gunicorn_option_of_variable_refused_dies(dies):
    env = {"GUNICORN_CMD_ARGS": "--nosuch"}
    dies(REFUSED, "unrecognized arguments", TOOLS, "python3", "-m", "gunicorn", "web:app", env=env)


@pytest.mark.parametrize(
    "command",
    [
        ("gunicorn", "-w4", "--preload", "-b", ":80", "web:app"),
        ("gunicorn", "--workers=2", "web:app", "--", "--nosuch"),
        ("uvicorn", "web:app", "--port=80", "--no-access-log", "--reload"),
    ],
)
def test_tool_option_of_installed_release_starts(run, command):
    assert run(TOOLS, "python3", "-m", *command).starts is Starts.YES


def test_tool_option_abbreviated_is_not_checked(run):
    assert run(TOOLS, "python3", "-m", "gunicorn", "--work", "2", "web:app").starts is Starts.NOT_CHECKED


def test_tool_without_source_is_not_refused(run):
    files = {path: content for path, content in TOOLS.items() if not path.endswith("config.py")}
    assert run(files, "python3", "-m", "gunicorn", "--nosuch", "web:app").starts is Starts.YES


@pytest.mark.parametrize("worker", ["gevent", "uvicorn_worker.UvicornWorker"])
def test_gunicorn_worker_class_without_its_package_dies(dies, worker):
    text = f"class uri '{worker}' invalid or not found"
    dies("interpreter-module-missing", text, TOOLS, "python3", "-m", "gunicorn", "-k", worker, "web:app")


def test_gunicorn_user_unknown_dies(dies):
    dies(REFUSED, "No such user: 'web'", TOOLS, "python3", "-m", "gunicorn", "-u", "web", "web:app")


@pytest.mark.parametrize("name", ["web.py:app", "web.sub:app"])
def test_module_below_a_module_dies(dies, name):
    module = name.partition(":")[0]
    dies("interpreter-module-missing", f'Could not import module "{module}"', TOOLS, "python3", "-m", "uvicorn", name)
