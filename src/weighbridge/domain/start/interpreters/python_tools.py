"""Servers and tools written in Python that import a module named on their command line.

Sources: gunicorn/util.py (``import_app``), uvicorn/importer.py, celery/bin/celery.py, flask/cli.py. The messages
were recorded from gunicorn 20 to 27, uvicorn 0.20 to 0.54, celery 5, flask 2 and 3.
"""

from __future__ import annotations

import ast
import posixpath
import re
import shlex
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.image.rootfs import LookupFailure
from weighbridge.domain.lines import lines_of
from weighbridge.domain.start.accounts import read_account_file
from weighbridge.domain.start.interpreters.python_home import PythonHome
from weighbridge.domain.start.interpreters.python_imports import failing_import
from weighbridge.domain.start.interpreters.python_modules import Module, ModuleKind, find_module
from weighbridge.domain.start.interpreters.python_tool_options import read_operands
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.supervisor import read_supervisord
from weighbridge.domain.start.interpreters.view import View

_APPLICATION = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)((?:\(.*\))?)")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_HELP = frozenset({"-h", "--help", "-v", "--version", "-V", "--check-config", "--print-config"})
_MAX_WORDS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class _Tool:
    """One tool's command line, and its Python."""

    view: View
    words: tuple[str, ...]
    folders: tuple[str, ...]
    home: PythonHome
    operands: tuple[str, ...] | None = None
    """The words that are neither options nor their values; None if the tool's options are unknown."""

    def option(self, *names: str) -> str | None:
        """The value of the last of these options: attached with ``=``, or in the next word."""
        found = None
        for position, word in enumerate(self.words):
            for name in names:
                if word == name and position + 1 < len(self.words):
                    found = self.words[position + 1]
                elif word.startswith(f"{name}="):
                    found = word.partition("=")[2]
                elif len(name) == 2 and word.startswith(name) and len(word) > 2 and not word.startswith("--"):
                    found = word[2:]
        return found

    def all_options(self, *names: str) -> list[tuple[str, str]]:
        """Each of these options with its value."""
        found = []
        for position, word in enumerate(self.words):
            value = replace(self, words=self.words[position : position + 2]).option(*names)
            if value is not None and word.startswith(names):
                found.append((word.partition("=")[0], value))
        return found

    def has(self, *names: str) -> bool:
        return any(word.partition("=")[0] in names for word in self.words)

    def in_folder(self, folder: str) -> _Tool:
        """The same, with `folder` first in the module search path."""
        return replace(self, folders=(folder, *self.folders))


_MOVES_APPLICATION = re.compile(r"\b(?:chdir|pythonpath|wsgi_app|paste|sys|site|raw_env|import_module)\b")
"""Settings and modules by which a configuration of gunicorn changes where the application is found."""


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
    return read(_Tool(view=view, words=words, folders=folders, home=home, operands=operands))


def _words_of(text: str) -> tuple[str, ...] | None:
    try:
        return tuple(shlex.split(text[:4096]))
    except ValueError:
        return None


def _application(tool: _Tool) -> tuple[str, str] | None:
    """The module and the attribute that a server serves; None if their position is unknown."""
    words = tool.words if tool.operands is None else tool.operands
    matches = [match for word in words if (match := _APPLICATION.fullmatch(word))]
    if len(matches) == 1:
        return matches[0].group(1), "" if matches[0].group(3) else matches[0].group(2)
    if matches or not words:
        return None
    if tool.operands is not None:
        return (words[0], "application") if len(words) == 1 and _DOTTED.fullmatch(words[0]) else None
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if _DOTTED.fullmatch(last) and (not before.startswith("-") or "=" in before):
        return last, "application"
    return None


def _find(tool: _Tool, name: str) -> tuple[Module, str]:
    """The module of a dotted name, and the resolved part of the name (shorter if a part is missing)."""
    folders = tool.folders
    module = Module(kind=ModuleKind.ABSENT)
    parts = name.split(".")[:16]
    for position, part in enumerate(parts):
        module = find_module(tool.view, part, folders)
        reached = ".".join(parts[: position + 1])
        if module.kind in {ModuleKind.ABSENT, ModuleKind.UNSURE} or not module.is_package:
            return module, reached
        folders = module.folders
    return module, name


def _imports(tool: _Tool, name: str, text_of: Callable[[str], str]) -> Reading | None:
    """How the import of a module ends the tool; `text_of` makes its message for the missing part of the name."""
    module, reached = _find(tool, name)
    if module.kind is ModuleKind.UNSURE:
        return tool.view.unsure(f"whether there is a module {name}: {module.reason}")
    if module.kind is ModuleKind.ABSENT:
        if tool.home.unsure:
            return tool.view.unsure(f"no module {reached} in its folders, but {tool.home.unsure}")
        return tool.view.fails(
            CheckCode.INTERPRETER_MODULE_MISSING,
            path=posixpath.join(tool.folders[0], *reached.split(".")),
            predicts=text_of(reached),
            evidence=(f"no module {reached} in {', '.join(tool.folders[:6])}",),
            fix=f"COPY {reached.replace('.', '/')}.py into {tool.folders[0]}, or correct the name or WORKDIR.",
        )
    if module.kind is ModuleKind.SOURCE and reached != name:
        return tool.view.fails(
            CheckCode.INTERPRETER_MODULE_MISSING,
            path=module.file.path if module.file is not None else reached,
            predicts=text_of(name),
            evidence=(f"{reached} is a module, not a package, so there is no module {name}",),
            fix=f"Name the module without its ending: {reached}.",
        )
    if reached != name or module.file is None:
        return None
    text = tool.view.text(module.file)
    if text is None or not module.file.path.endswith(".py"):
        return None
    return failing_import(tool.view, text, module.file.path, tool.folders, tool.home)


def _lacks(tool: _Tool, name: str, attribute: str) -> str | None:
    """The file of module `name` if it certainly lacks the attribute; None otherwise."""
    module, reached = _find(tool, name)
    if reached == name and module.file is None and module.is_package and attribute:
        # A folder without __init__.py has no attributes; its modules become attributes when they are imported.
        return module.folders[0]
    if reached != name or module.file is None or not attribute:
        return None
    text = tool.view.text(module.file)
    if text is None or not module.file.path.endswith(".py"):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and (node.id in {attribute, "globals", "setattr", "exec", "__getattr__"}):
            return None
        if isinstance(node, ast.alias) and (
            node.name == "*" or attribute in {node.asname, node.name.partition(".")[0]}
        ):
            return None
        if isinstance(node, ast.alias) and node.name.rpartition(".")[2] == attribute:
            return None
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name in {
            attribute,
            "__getattr__",
        }:
            return None
        if isinstance(node, ast.Attribute) and node.attr == "modules":
            return None
    return module.file.path


def _attribute_missing(tool: _Tool, file: str, attribute: str, predicts: str) -> Reading:
    return tool.view.fails(
        CheckCode.INTERPRETER_MODULE_MISSING,
        path=file,
        predicts=predicts,
        evidence=(f"{file} defines no {attribute}",),
        fix=f"Name the object that {posixpath.basename(file)} defines.",
    )


def _module_not_found(name: str) -> str:
    if name.endswith(".py"):
        return "Failed to find application, did you mean '"
    return f"ModuleNotFoundError: No module named '{name}'"


def _gunicorn(tool: _Tool) -> Reading | None:
    view = tool.view
    if tool.has("--paste", "--paster"):
        return view.unsure("--paste is unsupported")
    folder = view.absolute(tool.option("--chdir") or ".")
    if view.directory(folder) is None:
        failure = view.find(folder)
        undecided = view.absent(failure) if isinstance(failure, LookupFailure) else None
        return undecided or view.file_missing(folder, f"can't chdir to '{tool.option('--chdir')}'")
    config = tool.option("-c", "--config")
    failing = _gunicorn_configuration(view, config)
    if failing is not None:
        return failing
    if not tool.words:
        return view.fails(
            CheckCode.INTERPRETER_MODULE_MISSING,
            path=view.program.path,
            predicts="No application module specified.",
            evidence=("the command names no module",),
            fix="Name the application: gunicorn MODULE:VARIABLE.",
        )
    failing = _gunicorn_values(tool)
    if failing is not None:
        return failing
    application = _application(tool)
    if application is None:
        return view.looked("the application is not read")
    more = tuple(view.absolute(part) for part in (tool.option("--pythonpath") or "").split(",") if part)
    here = replace(tool, folders=(*more, folder, *tool.folders))
    failing = _imports(here, application[0], _module_not_found)
    if failing is not None:
        return failing
    file = _lacks(here, *application)
    if file is not None:
        text = f"Failed to find attribute '{application[1]}' in '{application[0]}'."
        return _attribute_missing(tool, file, application[1], text)
    return view.looked(f"the module {application[0]} is found")


_WORKER_PACKAGES: Mapping[str, str] = {
    "gevent": "gevent",
    "gevent_wsgi": "gevent",
    "gevent_pywsgi": "gevent",
    "eventlet": "eventlet",
    "tornado": "tornado",
}
"""Worker classes of gunicorn that need a package of their own."""


def _gunicorn_values(tool: _Tool) -> Reading | None:
    """A port that is no number, an unknown user or group, and a worker class whose package is missing."""
    view = tool.view
    for option, address in tool.all_options("-b", "--bind"):
        host, colon, rest = address.rpartition("]:") if address.startswith("[") else address.partition(":")
        port = rest.partition(":")[0]
        if colon and not address.startswith(("unix:", "fd:", "tcp:")) and not port.isdigit() and host:
            return view.refuses(f"{option} {address}", f"'{port}' is not a valid port number.", program="gunicorn")
    user, group = tool.option("-u", "--user"), tool.option("-g", "--group")
    for kind, name, file in (("user", user, "/etc/passwd"), ("group", group, "/etc/group")):
        known = read_account_file(view.process.rootfs, file).decode("utf-8", "replace") if name else ""
        if name and not name.isdigit() and not any(line.startswith(f"{name}:") for line in lines_of(known)):
            return view.refuses(f"--{kind} {name}", f"No such {kind}: '{name}'", program="gunicorn")
    worker = tool.option("-k", "--worker-class") or ""
    package = _WORKER_PACKAGES.get(
        worker, worker.partition(".")[0] if _DOTTED.fullmatch(worker) and "." in worker else ""
    )
    if package and not tool.home.unsure and find_module(view, package, tool.folders).kind is ModuleKind.ABSENT:
        return view.fails(
            CheckCode.INTERPRETER_MODULE_MISSING,
            path=posixpath.join(tool.folders[-1], package),
            predicts=f"class uri '{worker}' invalid or not found",
            evidence=(f"the worker class is {worker}", f"no module {package} in {', '.join(tool.folders[:6])}"),
            fix=f"Install {package} for this Python in the final stage.",
        )
    return None


def _gunicorn_configuration(view: View, config: str | None) -> Reading | None:
    """A missing file, or one that may move the application. Without ``-c`` the file is optional."""
    if config is not None and ":" in config:
        return view.looked("its configuration is not read")
    path = config or "gunicorn.conf.py"
    node = view.find(path)
    if isinstance(node, LookupFailure):
        if config is None:
            return None
        return view.absent(node) or view.file_missing(config, f"'{config}' doesn't exist")
    text = view.text(node) if node.is_file else None
    if text is None or _MOVES_APPLICATION.search(text):
        return view.looked("its configuration file is not read")
    return None


def _uvicorn(tool: _Tool) -> Reading | None:
    view = tool.view
    if tool.has("--reload", "--workers") or view.has_env("WEB_CONCURRENCY"):
        return view.looked("its workers import the application, and it waits for them")
    if any(name.startswith("UVICORN_") for name in view.process.env):
        return view.looked("its variables add options")
    if tool.operands is not None and len(tool.operands) != 1:
        if tool.operands:
            return view.refuses(tool.operands[1], "Got unexpected extra argument", program="uvicorn")
        return view.refuses("the command without an application", "Missing argument 'APP'", program="uvicorn")
    application = _application(tool)
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

    failing = _imports(here, module, text)
    if failing is not None:
        return failing
    file = _lacks(here, module, attribute) if ":" in " ".join(tool.words) else None
    if file is not None:
        return _attribute_missing(tool, file, attribute, f'Attribute "{attribute}" not found in module "{module}"')
    return view.looked(f"the module {module} is found")


def _celery(tool: _Tool) -> Reading | None:
    view = tool.view
    name = tool.option("-A", "--app")
    if name is None or tool.has("--workdir", "-b", "--broker", "--config", "--loader", "--skip-checks"):
        return view.looked("the application is not read")
    module = name.partition(":")[0]
    if not _DOTTED.fullmatch(module):
        return view.looked("the application is not read")
    top = module.partition(".")[0]
    here = tool.in_folder(view.program.cwd)
    found = find_module(view, top, here.folders)
    if found.kind is ModuleKind.ABSENT:
        return _imports(here, top, lambda _missing: "Unable to load celery application.")
    return view.looked(f"the module {top} is found, not read")


def _flask(tool: _Tool) -> Reading | None:
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
    if not _DOTTED.fullmatch(base) or not name.isprintable():
        return view.looked("the application is not read")
    here = tool.in_folder(posixpath.dirname(path))
    top = base.partition(".")[0]
    found = find_module(view, top, here.folders)
    if found.kind is ModuleKind.ABSENT:
        return _imports(
            here, top, lambda _missing: f"Could not import '{base}'." if top == base else "Could not import"
        )
    return view.looked(f"the module {top} is found, not read")


_WAITRESS_FLAGS = frozenset(
    {"--call", "--ipv4", "--ipv6", "--log-socket-errors", "--expose-tracebacks", "--asyncore-use-poll"}
    | {"--log-untrusted-proxy-headers", "--clear-untrusted-proxy-headers"}
)


def _waitress(tool: _Tool) -> Reading | None:
    view, words = tool.view, list(tool.words)
    while words and words[0].startswith("--"):
        word = words.pop(0)
        if word.startswith("--app"):
            return view.unsure("--app is unsupported")
        if "=" not in word and word not in _WAITRESS_FLAGS and not word.startswith("--no-") and words:
            words.pop(0)
    if len(words) != 1:
        return view.refuses(" ".join(words), "Specify one application only", program="waitress-serve")
    application = _APPLICATION.fullmatch(words[0])
    if application is None:
        return view.unsure(f"which application {words[0][:60]} is")
    here = tool.in_folder(view.program.cwd)
    failing = _imports(here, application[1], lambda missing: f"No module named '{missing}'")
    if failing is not None:
        return failing
    file = _lacks(here, application[1], application[2])
    if file is not None:
        text = f"module '{application[1]}' has no attribute '{application[2]}'"
        return _attribute_missing(tool, file, application[2], text)
    return view.looked(f"the module {application[1]} is found")


def _other_server(tool: _Tool) -> Reading | None:
    """A server whose messages are not known: a missing module is not checked, because an option may lead to it."""
    application = _application(tool)
    if application is None:
        return tool.view.looked("the application is not read")
    module, reached = _find(tool.in_folder(tool.view.program.cwd), application[0])
    if module.kind in {ModuleKind.ABSENT, ModuleKind.UNSURE}:
        return tool.view.unsure(f"no module {reached} in {tool.view.program.cwd} or the packages")
    return tool.view.looked(f"the module {reached} is found, not read")


_TOOLS: Mapping[str, Callable[[_Tool], Reading | None]] = {
    "gunicorn": _gunicorn,
    "uvicorn": _uvicorn,
    "celery": _celery,
    "flask": _flask,
    "supervisord": lambda tool: read_supervisord(tool.view, tool.option("-c", "--configuration")),
    "waitress-serve": _waitress,
    **dict.fromkeys(("hypercorn", "daphne", "granian", "dramatiq", "huey_consumer", "huey_consumer.py"), _other_server),
}
