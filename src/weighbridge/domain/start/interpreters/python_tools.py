"""Servers and tools written in Python that import a module named on their command line.

Sources: uvicorn/importer.py, celery/bin/celery.py, flask/cli.py, rq/cli, fastapi/cli.py. The messages were recorded
from uvicorn 0.20 to 0.54, celery 5, flask 2 and 3, rq 3, fastapi 0.165.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Mapping

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.start.interpreters.python_gunicorn import read_gunicorn
from weighbridge.domain.start.interpreters.python_home import PythonHome
from weighbridge.domain.start.interpreters.python_modules import ModuleKind, find_module
from weighbridge.domain.start.interpreters.python_tool import (
    APPLICATION,
    DOTTED,
    PythonTool,
    application_of,
    attribute_missing,
    failing_imports,
    find_dotted,
    lacks_attribute,
    path_of_application,
    path_refused,
)
from weighbridge.domain.start.interpreters.python_tool_options import read_operands
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.supervisor import read_supervisord
from weighbridge.domain.start.interpreters.view import View

_HELP = frozenset({"-h", "--help", "-v", "--version", "-V", "--check-config", "--print-config"})
_MAX_WORDS = 200


def read_python_tool(
    view: View, name: str, words: tuple[str, ...], folders: tuple[str, ...], home: PythonHome
) -> Reading | None:
    """The effect of the tool `name` with `words`; None for an unsupported tool, and for its help."""
    read = _TOOLS.get(name)
    if read is None or _HELP & set(words):
        return None
    words = words[:_MAX_WORDS]
    if name == "gunicorn":
        given = _words_of(view.process.env.get("GUNICORN_CMD_ARGS", ""))
        if given is None:
            return view.unsure("the quotes in GUNICORN_CMD_ARGS")
        words = (*given, *words)
    operands = read_operands(view, name, words, folders)
    if isinstance(operands, Reading):
        return operands
    return read(PythonTool(view=view, words=words, folders=folders, home=home, operands=operands))


def _words_of(text: str) -> tuple[str, ...] | None:
    try:
        return tuple(shlex.split(text[:4096]))
    except ValueError:
        return None


def _uvicorn(tool: PythonTool) -> Reading | None:
    view = tool.view
    if tool.has("--reload", "--workers") or view.has_env("WEB_CONCURRENCY"):
        return view.looked("its workers import the application, and it waits for them")
    if any(name.startswith("UVICORN_") for name in view.process.env):
        return view.looked("its variables add options")
    if tool.operands is not None and len(tool.operands) != 1:
        if tool.operands:
            return view.refuses(tool.operands[1], "Got unexpected extra argument", program="uvicorn")
        return view.refuses("the command without an application", "Missing argument 'APP'", program="uvicorn")
    path = path_of_application(tool)
    if path is not None:
        missing = f"No module named '{path.removesuffix('.py')}'"
        return path_refused(tool, path, missing if path.endswith(".py") else f'Could not import module "{path}"')
    application = application_of(tool)
    if application is None:
        return view.looked("the application is not read")
    module, attribute = application
    if not any(":" in word for word in tool.words):
        return view.fails(
            CheckCode.INTERPRETER_MODULE_MISSING,
            path=view.program.path,
            predicts=f'Import string "{module}" must be in format "<module>:<attribute>".',
            evidence=(f"{module} names no attribute",),
            fix=f"Name the application: {module}:app.",
        )
    here = tool.in_folder(view.absolute(tool.option("--app-dir") or "."))

    def text(missing: str) -> str:
        return f'Could not import module "{module}"' if missing == module else f"No module named '{missing}'"

    failing = failing_imports(here, module, text)
    if failing is not None:
        return failing
    file = lacks_attribute(here, module, attribute) if ":" in " ".join(tool.words) else None
    if file is not None:
        return attribute_missing(tool, file, attribute, f'Attribute "{attribute}" not found in module "{module}"')
    return view.looked(f"the module {module} is found")


def _celery(tool: PythonTool) -> Reading | None:
    view = tool.view
    moved = _moved_option(tool)
    if moved is not None:
        return moved
    name = tool.option("-A", "--app")
    if name is None or tool.has("--workdir", "-b", "--broker", "--config", "--loader", "--skip-checks"):
        return view.looked("the application is not read")
    module = name.partition(":")[0]
    if not DOTTED.fullmatch(module):
        return view.looked("the application is not read")
    top = module.partition(".")[0]
    here = tool.in_folder(view.program.cwd)
    found = find_module(view, top, here.folders)
    if found.kind is ModuleKind.ABSENT:
        return failing_imports(here, top, lambda _missing: "Unable to load celery application.")
    return view.looked(f"the module {top} is found, not read")


def _moved_option(tool: PythonTool) -> Reading | None:
    """``celery worker -A app``, which Celery 5 refuses: the option belongs before the command."""
    words = tool.words
    package = find_module(tool.view, "celery", tool.folders)
    file = tool.view.file(posixpath.join(package.folders[0], "bin/celery.py")) if package.folders else None
    text = tool.view.text(file) if file is not None else None
    option = next((word.partition("=")[0] for word in words if re.fullmatch("-A|--app(?:=.*)?", word)), None)
    if not text or option is None or words[0].startswith("-") or "usage was removed in Celery 5.0" not in text:
        return None
    said = f"You are using `{option}` as an option of the {words[0]} sub-command:"
    return tool.view.refuses(
        f"{option} after {words[0]}", said, program="celery", fix=f"Write it before: celery -A APP {words[0]}."
    )


def _rq(tool: PythonTool) -> Reading | None:
    view = tool.view
    command = tool.words[0] if tool.words else ""
    package = find_module(view, "rq", tool.folders)
    folder = view.directory(posixpath.join(package.folders[0], "cli")) if package.folders else None
    if not re.fullmatch(r"[a-z][a-z-]{0,40}", command) or folder is None:
        return view.looked("its command is not read")
    texts = [view.text(each) for each in view.process.rootfs.children(folder) if each.path.endswith(".py")]
    if not texts or None in texts:
        return view.looked("its command is not read")
    source = "\n".join(text for text in texts if text)
    known = (f"def {command.replace('-', '_')}(", f"'{command}'", f'"{command}"')
    if not any(each in source for each in known):
        return view.refuses(command, f"No such command '{command}'", program="rq")
    if command.startswith("worker"):
        return view.unsure("it ends without its Redis server, which it needs when it starts")
    return view.looked("its command is found, not followed")


_NEEDS_STANDARD = 'To use the fastapi command, please install "fastapi[standard]"'


def _fastapi(tool: PythonTool) -> Reading | None:
    """The command of fastapi, which is in a package of its own."""
    view = tool.view
    package = find_module(view, "fastapi", tool.folders)
    file = view.file(posixpath.join(package.folders[0], "cli.py")) if package.folders else None
    text = view.text(file) if file is not None else None
    is_there = find_module(view, "fastapi_cli", tool.folders).kind is not ModuleKind.ABSENT
    if file is None or not text or is_there or tool.home.unsure or _NEEDS_STANDARD not in text:
        return None
    return view.fails(
        CheckCode.INTERPRETER_MODULE_MISSING,
        path=file.path,
        predicts=_NEEDS_STANDARD,
        evidence=(f"no module fastapi_cli in {', '.join(tool.folders[:6])}",),
        fix="pip install 'fastapi[standard]' in the final stage, or run the application with uvicorn.",
    )


def _flask(tool: PythonTool) -> Reading | None:
    view = tool.view
    if "run" not in tool.words:
        return None
    if tool.has("-e", "--env-file") or view.file(".env") is not None or view.file(".flaskenv") is not None:
        return view.looked("its file of variables is not read")
    name = tool.option("-A", "--app") or view.process.env.get("FLASK_APP") or ""
    if not name:
        if view.file("wsgi.py") is not None or view.file("app.py") is not None:
            return view.looked("the application is found, not read")
        return view.fails(
            CheckCode.INTERPRETER_MODULE_MISSING,
            path=view.absolute("app.py"),
            predicts="Could not locate a Flask application.",
            evidence=("neither --app nor FLASK_APP is set", f"no app.py and no wsgi.py in {view.program.cwd}"),
            fix="COPY the application to WORKDIR, or set FLASK_APP to its module.",
        )
    path = view.absolute(re.split(r":(?![\\/])", name, maxsplit=1)[0].strip())
    base = posixpath.basename(path).removesuffix(".py")
    if not DOTTED.fullmatch(base) or not name.isprintable():
        return view.looked("the application is not read")
    here = tool.in_folder(posixpath.dirname(path))
    top = base.partition(".")[0]
    found = find_module(view, top, here.folders)
    if found.kind is ModuleKind.ABSENT:
        return failing_imports(
            here, top, lambda _missing: f"Could not import '{base}'." if top == base else "Could not import"
        )
    return view.looked(f"the module {top} is found, not read")


_WAITRESS_FLAGS = frozenset(
    {"--call", "--ipv4", "--ipv6", "--log-socket-errors", "--expose-tracebacks", "--asyncore-use-poll"}
    | {"--log-untrusted-proxy-headers", "--clear-untrusted-proxy-headers"}
)


def _waitress(tool: PythonTool) -> Reading | None:
    view, words = tool.view, list(tool.words)
    while words and words[0].startswith("--"):
        word = words.pop(0)
        if word.startswith("--app"):
            return view.unsure("--app is unsupported")
        if "=" not in word and word not in _WAITRESS_FLAGS and not word.startswith("--no-") and words:
            words.pop(0)
    if len(words) != 1:
        return view.refuses(" ".join(words), "Specify one application only", program="waitress-serve")
    application = APPLICATION.fullmatch(words[0])
    if application is None:
        return view.unsure(f"which application {words[0][:60]} is")
    here = tool.in_folder(view.program.cwd)
    failing = failing_imports(here, application[1], lambda missing: f"No module named '{missing}'")
    if failing is not None:
        return failing
    file = lacks_attribute(here, application[1], application[2])
    if file is not None:
        text = f"module '{application[1]}' has no attribute '{application[2]}'"
        return attribute_missing(tool, file, application[2], text)
    return view.looked(f"the module {application[1]} is found")


def _other_server(tool: PythonTool) -> Reading | None:
    """A server whose messages are not known: a missing module is not checked, because an option may lead to it."""
    application = application_of(tool)
    if application is None:
        return tool.view.looked("the application is not read")
    module, reached = find_dotted(tool.in_folder(tool.view.program.cwd), application[0])
    if module.kind in {ModuleKind.ABSENT, ModuleKind.UNSURE}:
        return tool.view.unsure(f"no module {reached} in {tool.view.program.cwd} or the packages")
    return tool.view.looked(f"the module {reached} is found, not read")


_TOOLS: Mapping[str, Callable[[PythonTool], Reading | None]] = {
    "gunicorn": read_gunicorn,
    "uvicorn": _uvicorn,
    "celery": _celery,
    "fastapi": _fastapi,
    "rq": _rq,
    "flask": _flask,
    "supervisord": lambda tool: read_supervisord(tool.view, tool.option("-c", "--configuration")),
    "waitress-serve": _waitress,
    **dict.fromkeys(("hypercorn", "daphne", "granian", "dramatiq", "huey_consumer", "huey_consumer.py"), _other_server),
}
