"""``node``: the file on its command line, and the modules that its options load first.

Sources: Node's documentation of its command line, src/node_options.cc, lib/internal/modules/run_main.js. The messages
were recorded from Node 18 to 24.
"""

from __future__ import annotations

import posixpath
import re
import shlex

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.image.rootfs import LookupFailure
from weighbridge.domain.start.attempt import Process, Program
from weighbridge.domain.start.interpreters.node_modules import Resolution, find_path, main_of, resolve
from weighbridge.domain.start.interpreters.options import CommandLine, Grammar, read_options
from weighbridge.domain.start.interpreters.packages import read_package_manager
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_NAMES = frozenset({"node", "nodejs"})
_VALUES = (
    "--require",
    "--import",
    "--loader",
    "--experimental-loader",
    "--conditions",
    "--input-type",
    "--title",
    "--env-file",
    "--env-file-if-exists",
    "--inspect-port",
    "--debug-port",
    "--icu-data-dir",
    "--openssl-config",
    "--redirect-warnings",
    "--trace-event-categories",
    "--trace-event-file-pattern",
    "--max-http-header-size",
    "--unhandled-rejections",
    "--dns-result-order",
    "--disable-proto",
    "--disable-warning",
    "--diagnostic-dir",
    "--experimental-default-type",
    "--heapsnapshot-signal",
    "--watch-path",
    "--experimental-sea-config",
    "--tls-cipher-list",
    "--tls-keylog",
    "--stack-trace-limit",
    "--eval",
    "--run",
)
_FLAGS = (
    "--no-*",
    "--trace-*",
    "--experimental-*",
    "--inspect",
    "--inspect-brk",
    "--inspect-wait",
    "--enable-source-maps",
    "--expose-gc",
    "--expose_gc",
    "--throw-deprecation",
    "--pending-deprecation",
    "--preserve-symlinks",
    "--preserve-symlinks-main",
    "--harmony*",
    "--use-openssl-ca",
    "--use-bundled-ca",
    "--use-system-ca",
    "--abort-on-uncaught-exception",
    "--prof",
    "--cpu-prof",
    "--heap-prof",
    "--report-on-fatalerror",
    "--report-uncaught-exception",
    "--report-on-signal",
    "--report-compact",
    "--zero-fill-buffers",
    "--frozen-intrinsics",
    "--insecure-http-parser",
    "--network-family-autoselection",
    "--optimize-for-size",
    "--max-lazy",
    "--track-heap-objects",
    "--watch",
    "--watch-preserve-output",
    "--warnings",
    "--deprecation",
    "--version",
    "--help",
    "--v8-options",
    "--completion-bash",
    "--interactive",
    "--print",
    "--check",
    "--test",
    "--test-*",
    "--build-snapshot",
    "--permission",
    "--allow-*",
    "--force-*",
    "--jitless",
)
_GRAMMAR = Grammar(flags="vhipc", values="reC", long_flags=_FLAGS, long_values=_VALUES, long_equals=True)
_UNDECIDED = (
    "-c",
    "--check",
    "-i",
    "--interactive",
    "--test",
    "--watch",
    "--watch-path",
    "--experimental-sea-config",
    "--build-snapshot",
    "--run",
)
_SUBCOMMANDS = frozenset({"inspect", "debug"})
_VERSION_MARK = re.compile(rb"\bnode/?\s?v?(\d{1,2})\.\d+\.\d+")
_SCRIPT_FOLDERS = ("lib", "bin", "share")


def read_node(process: Process, program: Program) -> Reading | None:
    """The file that ``node`` runs; None for other programs."""
    if posixpath.basename(program.path) not in _NAMES:
        return None
    view = View(process=process, program=program)
    line = read_options(view.words, _GRAMMAR)
    if line.unknown is not None:
        return view.unknown_option(line)
    if line.has("-v", "-h", "--version", "--help", "--v8-options", "--completion-bash"):
        return view.looked("prints and ends")
    extra = _from_environment(view)
    if extra is None:
        return view.unsure("NODE_OPTIONS has unsupported options")
    undecided = next((name for name in _UNDECIDED if line.has(name)), None)
    if undecided is not None:
        return view.unsure(f"{undecided} is unsupported")
    return _environment_files(view, line) or _preloads(view, line, extra) or _main(view, line)


def _from_environment(view: View) -> CommandLine | None:
    try:
        words = tuple(shlex.split(view.process.env.get("NODE_OPTIONS", "")[:4096]))
    except ValueError:
        return None
    line = read_options(words, _GRAMMAR)
    return None if line.unknown is not None or line.operands else line


def _environment_files(view: View, line: CommandLine) -> Reading | None:
    for path in line.values("--env-file"):
        node = view.find(path)
        if isinstance(node, LookupFailure):
            # Node before 20.6 does not have the option; both cases end the program.
            return view.absent(node) or view.file_missing(path, f"{path}: not found")
    return None


def _preloads(view: View, line: CommandLine, extra: CommandLine) -> Reading | None:
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
    if found is Resolution.YES:
        return None
    if found is Resolution.UNSURE:
        return view.unsure(f"whether {option} {request[:80]} leads to a module")
    is_path = request.startswith((".", "/"))
    text = f"Cannot find module '{request}'"
    if is_import:
        text = f"Cannot find module '{view.absolute(request)}'" if is_path else f"Cannot find package '{request}'"
        if not is_path and ("/" in request.lstrip("@") or request.startswith("@")):
            text = "Cannot find package"
    return view.fails(
        CheckCode.INTERPRETER_FILE_MISSING if is_path else CheckCode.INTERPRETER_MODULE_MISSING,
        path=view.absolute(request) if is_path else posixpath.join(view.program.cwd, "node_modules", request),
        predicts=text,
        evidence=(f"{option} {request}: no such module from {view.program.cwd}",),
        fix=f"Install {request} in the final stage, or correct the path."
        if not is_path
        else f"COPY the file to {view.absolute(request)}, or correct the path.",
    )


def _main(view: View, line: CommandLine) -> Reading:
    if line.has("-e", "--eval", "-p", "--print"):
        return view.looked("the text of -e is not read")
    if not line.operands or line.operands[0] == "-":
        return view.looked("reads its standard input")
    name, arguments = line.operands[0], line.operands[1:]
    if name in _SUBCOMMANDS:
        return view.unsure(f"node {name} is not followed")
    if name.startswith("file:"):
        return view.unsure("a URL is not followed")
    path = view.absolute(name) + ("/" if name.endswith("/") else "")
    node = find_path(view, path)
    if node is None:
        return _missing_main(view, name, path)
    if not view.process.credentials.may_read(node.entry):
        return view.unsure(f"the user may not read {node.path}")
    manager = read_package_manager(view, node, arguments)
    return manager or view.looked(f"{node.path} is found, not read")


def _missing_main(view: View, name: str, path: str) -> Reading:
    failure = view.find(path)
    if isinstance(failure, LookupFailure):
        undecided = view.absent(failure)
        if undecided is not None:
            return undecided
        return view.file_missing(name, f"Cannot find module '{path}'")
    if not failure.is_directory:
        return view.unsure(f"{name} is a {failure.kind}, not a file")
    main = main_of(view, path.rstrip("/") or "/")
    target = posixpath.normpath(posixpath.join(path, main)) if main else f"{path.rstrip('/')}/index.js"
    shown = target if main else path.rstrip("/")
    return view.fails(
        CheckCode.INTERPRETER_FILE_MISSING,
        path=target,
        predicts=f"Cannot find module '{shown}'",
        evidence=(
            f"{path} is a directory",
            f'{path.rstrip("/")}/package.json names main "{main}", which is missing'
            if main
            else "it has no index.js, and no package.json with a main file",
        ),
        fix="Build the application into the final stage, or name the file that starts it.",
    )
