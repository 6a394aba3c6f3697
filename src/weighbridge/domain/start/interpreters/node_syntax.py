"""Whether node can read a file as what it takes it for: an ES module, a CommonJS script, or TypeScript.

Sources: Node's documentation of packages ("Determining module system") and of errors. The messages were recorded from
Node 20.
"""

from __future__ import annotations

import posixpath
import re

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.start.interpreters.javascript import (
    Source,
    exported_names,
    module_statement,
    scan,
    syntax_error,
    type_syntax,
    waiting_statement,
)
from weighbridge.domain.start.interpreters.javascript_flow import imports_of, undefined_name
from weighbridge.domain.start.interpreters.node_packages import package_of
from weighbridge.domain.start.interpreters.node_release import (
    detects_modules,
    has_assertions,
    release_of,
    requires_modules,
    strips_types,
)
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_SCRIPTS = frozenset({".js", ".cjs", ""})
_TYPED = frozenset({".ts", ".cts", ".mts", ".tsx"})
_MAY_END = re.compile(r"\b(?:exit|throw|await|globalThis|global|abort|kill)\b")
_MODULE_WORD = re.compile(r"\b(?:import|export)\b")
_MAX_FOLDERS = 64
_MAX_IMPORTS = 100
_ES_FIX = (
    'Add "type": "module" to package.json and copy it beside the file, rename the file to .mjs, '
    "or compile it to CommonJS."
)


def is_module_file(view: View, path: str) -> bool | None:
    """Whether Node loads the file as an ES module, without a look into it; None for other files."""
    extension = posixpath.splitext(path)[1]
    if extension == ".mjs":
        return True
    if extension not in _SCRIPTS:
        return None
    if extension == ".cjs":
        return False
    kind = _package_type(view, path)
    return None if kind == "unreadable" else kind == "module"


def _package_type(view: View, path: str) -> str:
    """The ``type`` of the nearest package.json; empty without one."""
    folder = posixpath.dirname(path)
    for _ in range(_MAX_FOLDERS):
        if view.file(f"{folder.rstrip('/')}/package.json") is not None:
            package = package_of(view, folder)
            kind = package.get("type") if package is not None else "unreadable"
            return kind if isinstance(kind, str) else ""
        if folder == "/":
            break
        folder = posixpath.dirname(folder)
    return ""


def failing_source(view: View, node: Node) -> Reading | None:
    """How the text of a file ends the program before it runs; None if node accepts it, as far as known."""
    extension = posixpath.splitext(node.path)[1]
    text = view.text(node)
    if text is None or "/node_modules/" in node.path or (extension not in _SCRIPTS | _TYPED and extension != ".mjs"):
        return None
    source = scan(text.removeprefix("\ufeff"))
    kind = _package_type(view, node.path)
    if kind == "unreadable" or (extension == "" and kind == "module"):
        return None
    if extension in _TYPED:
        return _typed(view, node, source, is_module=kind == "module")
    is_module = extension == ".mjs" or (kind == "module" and extension == ".js")
    if not is_module:
        is_open = extension != ".cjs" and kind == ""
        failing = _as_script(view, node, source, is_open=is_open)
        if failing is not None:
            return failing
    return _assertion(view, node, source) or _syntax(view, node, source)


def _as_script(view: View, node: Node, source: Source, *, is_open: bool) -> Reading | None:
    """A CommonJS script with statements of a module. `is_open`: node may detect that it is one."""
    statement = module_statement(source)
    waiting = waiting_statement(source) if statement is None else None
    found = statement or waiting
    if found is None:
        return None
    if is_open:
        release = release_of(view)
        if release is None:
            return view.unsure(f"whether this release of node detects that {node.path} is an ES module")
        if detects_modules(release):
            return None
    text = "await is only valid in async functions and the top level bodies of modules"
    if found.text == "import":
        text = "Cannot use import statement outside a module"
    elif found.text == "export":
        text = "Unexpected token 'export'"
    return _refused(
        view, node, f"SyntaxError: {text}", found.line, cause=f"node loads {node.path} as CommonJS", fix=_ES_FIX
    )


def _syntax(view: View, node: Node, source: Source) -> Reading | None:
    error = syntax_error(source)
    if error is None:
        return None
    # Releases before 14 print the token without quotes.
    said = "Unexpected token" if error[0].startswith("Unexpected token") else error[0]
    cause = error[0] or "brackets do not match"
    return _refused(
        view, node, f"SyntaxError: {said}", error[1], cause=cause, fix="Correct the file: node --check FILE."
    )


def _assertion(view: View, node: Node, source: Source) -> Reading | None:
    """``import … assert {…}``, which V8 12.6 and so Node 22 has removed."""
    found = next((each for each in imports_of(source) if each.attributes == "assert"), None)
    release = release_of(view) if found is not None else None
    if found is None or release is None or has_assertions(release):
        return None
    cause = f"Node {release[0]} has no import assertions"
    text = "SyntaxError: Unexpected identifier 'assert'"
    return _refused(
        view,
        node,
        text,
        found.line,
        cause=cause,
        fix="Write with instead of assert: import x from './x.json' with {…}.",
    )


def _typed(view: View, node: Node, source: Source, *, is_module: bool) -> Reading | None:
    """TypeScript, which only newer releases run."""
    release = release_of(view)
    if release is None:
        return view.unsure(f"whether this release of node runs TypeScript, such as {node.path}")
    extension = posixpath.splitext(node.path)[1]
    if strips_types(release) and extension != ".tsx":
        return None
    if release >= (22, 6):
        return view.unsure(f"whether this release of node runs {node.path}")
    fix = "Compile it in the build and run the JavaScript, or run it with tsx or ts-node."
    if is_module:
        text = f'Unknown file extension "{extension}" for {node.path}'
        return _refused(view, node, text, 1, cause=f"Node {release[0]}.{release[1]} runs no TypeScript", fix=fix)
    statement = module_statement(source) if not detects_modules(release) else None
    found = type_syntax(source) or statement
    if found is None:
        return None
    cause = f"Node {release[0]}.{release[1]} reads TypeScript as JavaScript"
    return _refused(view, node, "SyntaxError: ", found.line, cause=cause, fix=fix)


def failing_import(
    view: View, node: Node, request: str, line: int, file: Node | None, *, is_module: bool
) -> Reading | None:
    """A file that is found, and that ``require`` or ``import`` does not load."""
    if file is None:
        return None
    if not is_module and is_module_file(view, file.path) is True:
        release = release_of(view)
        if release is None:
            return view.unsure(f"whether this release of node can require the ES module {request}")
        if requires_modules(release):
            return None
        cause = f"Node {release[0]}.{release[1]} cannot require {file.path}, an ES module"
        fix = f"Use import, an older release of {request} that is CommonJS, or Node 22.12 or newer."
        return _refused(view, node, "ERR_REQUIRE_ESM", line, cause=cause, fix=fix)
    if is_module and file.path.endswith(".json"):
        release = release_of(view)
        if release is None or release < (18, 0):
            return view.unsure(f"whether this release of node imports {request}")
        cause = "node imports JSON only with its type"
        fix = f"import x from '{request}' with {{ type: 'json' }}, or read the file with fs."
        return _refused(view, node, f'Module "file://{file.path}" needs an import a', line, cause=cause, fix=fix)
    return None


def failing_module(view: View, node: Node) -> Reading | None:
    """What ends an ES module after all its modules are found: a name that another does not export, or of CommonJS."""
    text = view.text(node)
    if text is None or "/node_modules/" in node.path or posixpath.splitext(node.path)[1] not in {".js", ".mjs"}:
        return None
    declared = is_module_file(view, node.path)
    if declared is None or (declared is False and _MODULE_WORD.search(text) is None):
        return None
    source = scan(text.removeprefix("\ufeff"))
    if declared is False and module_statement(source) is None:
        return None
    may_end = False
    for each in list(imports_of(source))[:_MAX_IMPORTS]:
        if not each.request.startswith(("./", "../")):
            continue
        path = posixpath.normpath(posixpath.join(posixpath.dirname(node.path), each.request))
        file = view.file(path)
        imported = view.text(file) if file is not None else None
        may_end = may_end or imported is None or _MAY_END.search(imported) is not None
        if imported is None or not is_module_file(view, path):
            continue
        exported = exported_names(scan(imported))
        name = next((name for name in each.names if exported is not None and name not in exported), None)
        if name is not None:
            text = f"The requested module '{each.request}' does not provide an export named '{name}'"
            cause = f"{path} does not export {name}"
            return _refused(view, node, text, each.line, cause=cause, fix="Export the name, or correct the import.")
    used = undefined_name(source) if not may_end else None
    if used is None:
        return None
    fix = 'Use import and import.meta.url, rename the file to .cjs, or remove "type": "module".'
    cause = f"node loads {node.path} as an ES module, which has no {used.text}"
    return _refused(view, node, f"{used.text} is not defined", used.line, cause=cause, fix=fix)


def _refused(view: View, node: Node, predicts: str, line: int, *, cause: str, fix: str) -> Reading:
    return view.fails(
        CheckCode.SCRIPT_FAILS, path=node.path, predicts=predicts, evidence=(f"{node.path}:{line}: {cause}",), fix=fix
    )
