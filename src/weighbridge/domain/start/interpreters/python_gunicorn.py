"""gunicorn: its application, configuration file, and the values of its options.

Sources: gunicorn/util.py (``import_app``) and gunicorn/config.py. The messages were recorded from gunicorn 20 to 27.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import replace

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.image.rootfs import LookupFailure
from weighbridge.domain.lines import lines_of
from weighbridge.domain.start.accounts import read_account_file
from weighbridge.domain.start.interpreters.python_modules import ModuleKind, find_module
from weighbridge.domain.start.interpreters.python_tool import (
    DOTTED,
    PythonTool,
    application_of,
    attribute_missing,
    failing_imports,
    lacks_attribute,
    path_of_application,
    path_refused,
)
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_MOVES_APPLICATION = re.compile(r"\b(?:chdir|pythonpath|wsgi_app|paste|sys|site|raw_env|import_module)\b")
"""Settings and modules by which a configuration of gunicorn changes where the application is found."""


def _module_not_found(name: str) -> str:
    if name.endswith(".py"):
        return "Failed to find application, did you mean '"
    return f"ModuleNotFoundError: No module named '{name}'"


def read_gunicorn(tool: PythonTool) -> Reading | None:
    """How gunicorn ends: its configuration, its values, or its application."""
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
    path = path_of_application(tool)
    if path is not None:
        is_file = path.endswith(".py") and view.file(posixpath.join(folder, path)) is not None
        missing = f"ModuleNotFoundError: No module named '{path.removesuffix('.py')}'"
        return path_refused(tool, path, "Failed to find application, did you mean '" if is_file else missing)
    application = application_of(tool)
    if application is None:
        return view.looked("the application is not read")
    more = tuple(view.absolute(part) for part in (tool.option("--pythonpath") or "").split(",") if part)
    here = replace(tool, folders=(*more, folder, *tool.folders))
    failing = failing_imports(here, application[0], _module_not_found)
    if failing is not None:
        return failing
    file = lacks_attribute(here, *application)
    if file is not None:
        text = f"Failed to find attribute '{application[1]}' in '{application[0]}'."
        return attribute_missing(tool, file, application[1], text)
    return view.looked(f"the module {application[0]} is found")


_WORKER_PACKAGES: Mapping[str, str] = {
    "gevent": "gevent",
    "gevent_wsgi": "gevent",
    "gevent_pywsgi": "gevent",
    "eventlet": "eventlet",
    "tornado": "tornado",
}
"""Worker classes of gunicorn that need a package of their own."""


def _gunicorn_values(tool: PythonTool) -> Reading | None:
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
        worker, worker.partition(".")[0] if DOTTED.fullmatch(worker) and "." in worker else ""
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
