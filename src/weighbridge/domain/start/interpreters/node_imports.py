"""Finds the modules that a JavaScript file certainly loads when it starts, and the first of them that is missing.

Only statements at the beginning of a file count: directives, ``require`` in declarations and as statements, and
``import``. The first other statement ends the search, because it may end the program, or change how modules are found.
Node links all ES modules before it runs any of them; CommonJS modules run one after the other.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.image.rootfs import LookupFailure, Node
from weighbridge.domain.start.interpreters.node_modules import resolve
from weighbridge.domain.start.interpreters.node_packages import Resolution, Resolved
from weighbridge.domain.start.interpreters.node_syntax import failing_import, failing_source, is_module_file
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_MAX_FILES = 40
_MAX_STATEMENTS = 400
_MAX_TOTAL_BYTES = 512 * 1024
_NAME = r"[A-Za-z_$][\w$]{0,200}"
_TEXT = r"""(?:'(?P<single>[^'\\\n]{1,300})'|"(?P<double>[^"\\\n]{1,300})")"""
_SPACE = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_DIRECTIVE = re.compile(r"""(?:'use \w{1,20}'|"use \w{1,20}")\s{0,20};?""")
_ES_MODULE_MARK = re.compile(
    r"Object\.defineProperty\(exports,\s{0,9}[\"']__esModule[\"'],\s{0,9}\{\s{0,9}value:\s{0,9}(?:true|!0)\s{0,9}\}\);?"
    r"|exports(?:\.\w{1,100}\s{0,9}=\s{0,9}exports){0,50}\.\w{1,100}\s{0,9}=\s{0,9}void 0;?"
)
_VALUE = r"(?:'[^'\\\n]{0,300}'|\"[^\"\\\n]{0,300}\"|\d{1,20}|true|false|null|__dirname|\[\]|\{\})"
_PLAIN = re.compile(
    r"process\.env\.\w{1,99}\s{0,9}=\s{0,9}" + _VALUE + r"\s{0,9}(?:;|\n|\Z)|process\.chdir\(__dirname\);?"
    rf"|(?:const|let|var)\s{{1,20}}{_NAME}\s{{0,20}}=\s{{0,20}}(?:{_VALUE}"
    rf"|path\.(?:join|resolve|dirname)\([\w\s,'\"./-]{{0,300}}\)"
    rf"|(?:parseInt\()?process\.env\.\w{{1,99}}(?:,\s{{0,9}}\d{{1,2}}\))?(?:\s{{0,9}}(?:\|\||\?\?)\s{{0,9}}{_VALUE})?"
    r"|express\(\)|(?:new )?(?:\w{1,50}\.)?(?:Router|Hono|Koa|Fastify|fastify)\(\))[ \t]{0,20}(?:;|\n|\Z)"
    r"|(?:app|server|router)\.use\(\w{1,50}(?:\.\w{1,50})?\((?:\{[\w\s:,'\"*./-]{0,200}\})?\)\)[ \t]{0,20}(?:;|\n|\Z)"
)
"""Statements after which the program certainly goes on: plain values, and the usual lines of servers."""
_PATTERN = r"\{[\w\s,:$]{0,2000}\}"
_CALL = rf"(?:(?:\w{{1,50}}\.)?__\w{{1,50}}\()?require\(\s{{0,9}}{_TEXT}\s{{0,9}}\)\)?"
"""A ``require``, also in the helper that TypeScript puts around it."""
_HELPER = re.compile(r"var __(\w{1,50}) = \(this && this\.__\1\) \|\| .{0,3000}?\n\}[()]{0,5};", re.DOTALL)
_CHANGES_RESOLUTION = re.compile(
    r"module-alias|app-module-path|tsconfig-paths|ts-node|tsx|esm|pirates|sucrase|esbuild-register|@swc|@babel|babel-|pnp"
)
_MAY_NOT_GO_ON = re.compile(r"\b(?:exit|throw|abort|kill|while|_resolveFilename|_load|_extensions|globalPaths|paths)\b")
_REQUIRE = re.compile(
    rf"(?:(?:const|let|var)\s{{1,20}}(?:{_NAME}|{_PATTERN})\s{{0,20}}=\s{{0,20}})?{_CALL}"
    rf"(?P<rest>(?:\.{_NAME}){{0,5}}(?:\(\))?)[ \t]{{0,20}}(?P<end>;|,|\n|\Z)"
)
_MORE = re.compile(
    rf"(?:{_NAME}|{_PATTERN})\s{{0,20}}=\s{{0,20}}{_CALL}"
    rf"(?P<rest>(?:\.{_NAME}){{0,5}})[ \t]{{0,20}}(?P<end>;|,|\n|\Z)"
)
_IMPORT = re.compile(
    r"import(?:\s{0,20}[\w*$\s,]{0,500}(?:\{[\w\s,$]{0,2000}\}\s{0,20})?from)?"
    rf"\s{{0,20}}{_TEXT}[ \t]{{0,20}}(?:;|\n|\Z)"
)


@dataclass(slots=True, kw_only=True)
class _Search:
    """The state of one search: what is read, and whether it goes on."""

    view: View
    files: int = 0
    read_bytes: int = 0
    seen: set[str] = field(default_factory=set)
    stopped: bool = False


def missing_module(view: View, main: Node) -> Reading | None:
    """How a module that the file loads first ends the program; None if it goes on, as far as known."""
    if "/node_modules/" in main.path or view.process.has_more_files:
        return None
    return _read(_Search(view=view), main)


def _read(search: _Search, node: Node) -> Reading | None:
    view = search.view
    search.seen.add(node.path)
    search.files += 1
    search.read_bytes += node.size_bytes
    is_module = is_module_file(view, node.path)
    text = view.text(node)
    if is_module is None or text is None or search.files > _MAX_FILES or search.read_bytes > _MAX_TOTAL_BYTES:
        search.stopped = True
        return None
    requests = list(_imports(text) if is_module else _requires(text))
    for request, line in requests:
        reading = _request(search, node, request, line, is_module=is_module)
        if reading is not None or search.stopped:
            return reading
    # A CommonJS module may end the program before the file that loads it goes on.
    runs_more = text.count("require(") > len(requests) or _MAY_NOT_GO_ON.search(text) is not None
    search.stopped = not is_module and runs_more
    return None


def _request(search: _Search, node: Node, request: str, line: int, *, is_module: bool) -> Reading | None:
    view, folder = search.view, posixpath.dirname(node.path)
    if is_module:
        request = request.removeprefix("file://")
    found = resolve(view, request, folder, is_import=is_module)
    if found.kind is Resolution.UNSURE:
        search.stopped = True
        return None
    is_path = request.startswith((".", "/"))
    if found.kind is Resolution.NO:
        return _missing(view, node, request, line, found, is_module=is_module)
    failing = failing_import(view, node, request, line, found.file, is_module=is_module)
    if failing is not None:
        return failing
    if not is_path:
        search.stopped = not is_module and _CHANGES_RESOLUTION.match(request) is not None
        return None
    target = found.file
    if target is None or target.path in search.seen or target.path.endswith((".json", ".node")):
        return None
    is_target_module = is_module_file(view, target.path)
    if is_module and is_target_module is not True:
        # Node only resolves it before the modules run.
        return None
    if is_target_module is True and not is_module:
        search.stopped = True
        return None
    return failing_source(view, target) or _read(search, target)


def _missing(view: View, node: Node, request: str, line: int, found: Resolved, *, is_module: bool) -> Reading:
    folder = posixpath.dirname(node.path)
    is_path = request.startswith((".", "/"))
    path = posixpath.normpath(posixpath.join(folder, request))
    failure = view.find(path if is_path else posixpath.join(folder, "node_modules", request))
    undecided = view.absent(failure) if isinstance(failure, LookupFailure) else None
    if undecided is not None:
        return undecided
    predicts = f"Cannot find module '{request}'"
    if is_module:
        package = "/".join(request.split("/")[: 2 if request.startswith("@") else 1])
        predicts = f"Cannot find module '{path}'" if is_path else f"Cannot find package '{package}'"
    name = posixpath.basename(path)
    return view.fails(
        CheckCode.INTERPRETER_FILE_MISSING if is_path else CheckCode.INTERPRETER_MODULE_MISSING,
        path=path if is_path else posixpath.join(folder, "node_modules", request),
        predicts=found.predicts or predicts,
        evidence=(f"{node.path}:{line}: loads {request}", found.cause or f"no such module from {folder}"),
        fix=f"COPY {name} to {path}, or correct the path."
        if is_path
        else f"Install {request} in the final stage: COPY package*.json, then RUN npm ci --omit=dev.",
    )


def _requires(text: str) -> Iterator[tuple[str, int]]:
    """The requests of ``require`` at the beginning of a CommonJS file, each with its line."""
    position = text.find("\n") if text.startswith("#!") else 0
    for _ in range(_MAX_STATEMENTS):
        space = _SPACE.match(text, position)
        position = space.end() if space else position
        skipped = (
            _DIRECTIVE.match(text, position)
            or _ES_MODULE_MARK.match(text, position)
            or _HELPER.match(text, position)
            or _PLAIN.match(text, position)
        )
        if skipped is not None:
            position = skipped.end()
            continue
        match = _REQUIRE.match(text, position)
        while match is not None:
            if match["rest"].endswith("()") and match["rest"] != ".config()":
                return
            yield match["single"] or match["double"], text.count("\n", 0, match.start()) + 1
            position = match.end()
            if match["end"] != ",":
                break
            space = _SPACE.match(text, position)
            position = space.end() if space else position
            match = _MORE.match(text, position)
        if match is None:
            return


def _imports(text: str) -> Iterator[tuple[str, int]]:
    """The requests of ``import`` at the beginning of an ES module, each with its line."""
    position = text.find("\n") if text.startswith("#!") else 0
    for _ in range(_MAX_STATEMENTS):
        space = _SPACE.match(text, position)
        position = space.end() if space else position
        skipped = _DIRECTIVE.match(text, position)
        match = skipped or _IMPORT.match(text, position)
        if match is None:
            return
        if skipped is None:
            yield match["single"] or match["double"], text.count("\n", 0, match.start()) + 1
        position = match.end()
