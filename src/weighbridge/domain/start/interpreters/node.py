"""``node``: the file on its command line, and the modules that its options load first.

Sources: Node's documentation of its command line, src/node_options.cc, lib/internal/modules/run_main.js. The messages
were recorded from Node 18 to 24.
"""

from __future__ import annotations

import posixpath

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.image.rootfs import LookupFailure, Node
from weighbridge.domain.start.attempt import Process, Program
from weighbridge.domain.start.interpreters.node_imports import missing_module
from weighbridge.domain.start.interpreters.node_modules import resolve
from weighbridge.domain.start.interpreters.node_options import NodeLine, read_node_line
from weighbridge.domain.start.interpreters.node_packages import Resolution, find_path, main_of
from weighbridge.domain.start.interpreters.node_syntax import failing_module, failing_source
from weighbridge.domain.start.interpreters.packages import read_package_manager
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.tool_files import read_tool_files
from weighbridge.domain.start.interpreters.view import View

_NAMES = frozenset({"node", "nodejs"})
_UNDECIDED = (
    "-i",
    "--interactive",
    "--watch",
    "--watch-path",
    "--experimental-sea-config",
    "--build-snapshot",
    "--run",
    "--test",
)
_PRELOADS = (
    "-r",
    "--require",
    "--import",
    "--loader",
    "--experimental-loader",
    "--preserve-symlinks",
    "-C",
    "--conditions",
)
"""Options that may change how modules are found."""
_SUBCOMMANDS = frozenset({"inspect", "debug"})


def read_node(process: Process, program: Program) -> Reading | None:
    """The file that ``node`` runs; None for other programs."""
    if posixpath.basename(program.path) not in _NAMES:
        return None
    view = View(process=process, program=program)
    read = read_node_line(view)
    if isinstance(read, Reading):
        return read
    line, extra = read
    if line.has("-v", "-h", "--version", "--help", "--v8-options", "--completion-bash"):
        return view.looked("prints and ends")
    undecided = next((name for name in _UNDECIDED if line.has(name)), None)
    if undecided is not None:
        return view.unsure(f"{undecided} is unsupported")
    return (
        _environment_files(view, line)
        or _preloads(view, line, extra)
        or _main(view, line, changes_resolution=line.has(*_PRELOADS) or extra.has(*_PRELOADS))
    )


def _environment_files(view: View, line: NodeLine) -> Reading | None:
    for path in line.values("--env-file"):
        node = view.find(path)
        if isinstance(node, LookupFailure):
            # Node before 20.6 does not have the option; both cases end the program.
            return view.absent(node) or view.file_missing(path, f"{path}: not found")
    return None


def _preloads(view: View, line: NodeLine, extra: NodeLine) -> Reading | None:
    """The modules of ``--require``, then those of ``--import``, all relative to the working directory."""
    for request in (*extra.values("-r", "--require"), *line.values("-r", "--require")):
        reading = _preload(view, request, is_import=False)
        if reading is not None:
            return reading
    for request in (*extra.values("--import"), *line.values("--import")):
        reading = _preload(view, request, is_import=True)
        if reading is not None:
            return reading
    loaders = (*line.values("--loader", "--experimental-loader"), *extra.values("--loader", "--experimental-loader"))
    return view.unsure(f"the loader {loaders[0][:60]} decides where modules are") if loaders else None


def _preload(view: View, request: str, *, is_import: bool) -> Reading | None:
    found = resolve(view, request, view.program.cwd, is_import=is_import)
    option = "--import" if is_import else "--require"
    if found.kind is Resolution.YES:
        return None
    if found.kind is Resolution.UNSURE:
        return view.unsure(f"whether {option} {request[:80]} leads to a module")
    is_path = request.startswith((".", "/"))
    text = f"Cannot find module '{request}'"
    if is_import:
        text = f"Cannot find module '{view.absolute(request)}'" if is_path else f"Cannot find package '{request}'"
        if not is_path and ("/" in request.lstrip("@") or request.startswith("@")):
            text = "Cannot find package"
    text = found.predicts or text
    return view.fails(
        CheckCode.INTERPRETER_FILE_MISSING if is_path else CheckCode.INTERPRETER_MODULE_MISSING,
        path=view.absolute(request) if is_path else posixpath.join(view.program.cwd, "node_modules", request),
        predicts=text,
        evidence=(f"{option} {request}: no such module from {view.program.cwd}",),
        fix=f"Install {request} in the final stage, or correct the path."
        if not is_path
        else f"COPY the file to {view.absolute(request)}, or correct the path.",
    )


def _main(view: View, line: NodeLine, *, changes_resolution: bool) -> Reading:
    if line.has("-e", "--eval", "-p", "--print", "-pe"):
        return view.looked("the text of -e is not read")
    if not line.operands or line.operands[0] == "-":
        return view.looked("reads its standard input")
    name, arguments = line.operands[0], line.operands[1:]
    if name in _SUBCOMMANDS:
        return view.unsure(f"node {name} is not followed")
    if name.startswith("file:"):
        return view.unsure("a URL is not followed")
    path = view.absolute(name)
    node = find_path(view, path)
    if node is None:
        return _missing_main(view, name, path)
    if not view.process.credentials.may_read(node.entry):
        return _unreadable(view, node)
    reading = read_package_manager(view, node, arguments) or read_tool_files(view, posixpath.basename(name), arguments)
    if reading is not None:
        return reading
    if not changes_resolution:
        failing = failing_source(view, node) or missing_module(view, node) or failing_module(view, node)
        if failing is not None:
            return failing
    return view.looked(f"{node.path} is read for the modules that it loads first")


def _unreadable(view: View, node: Node) -> Reading:
    return view.fails(
        CheckCode.ENTRYPOINT_NOT_EXECUTABLE,
        path=node.path,
        predicts=f"EACCES: permission denied, open '{node.path}'",
        evidence=(f"{node.path}: mode {node.mode:04o}, owner {node.uid}:{node.gid}: the user may not read it",),
        fix="COPY --chmod=644, or COPY --chown, for the user that runs the container.",
    )


def _missing_main(view: View, name: str, path: str) -> Reading:
    failure = view.find(path)
    if isinstance(failure, LookupFailure):
        undecided = view.absent(failure)
        if undecided is not None:
            return undecided
        return view.file_missing(name, f"Cannot find module '{path}'")
    if not failure.is_directory:
        return view.unsure(f"{name} is a {failure.kind}, not a file")
    main = main_of(view, path)
    target = posixpath.normpath(posixpath.join(path, main)) if main else posixpath.join(path, "index.js")
    shown = target if main else path
    return view.fails(
        CheckCode.INTERPRETER_FILE_MISSING,
        path=target,
        predicts=f"Cannot find module '{shown}'",
        evidence=(
            f"{path} is a directory",
            f'{posixpath.join(path, "package.json")} names main "{main}", which is missing'
            if main
            else "it has no index.js, and no package.json with a main file",
        ),
        fix="Build the application into the final stage, or name the file that starts it.",
    )
