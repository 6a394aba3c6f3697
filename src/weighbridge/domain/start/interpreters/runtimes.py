"""bun, deno and dotnet: the file that their command names. `dotnet` has the details of dotnet.

The texts of bun 1.4 and deno 2.9 were recorded from the real programs.
"""

from __future__ import annotations

import posixpath
import re

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.image.rootfs import LookupFailure
from weighbridge.domain.start.attempt import UNKNOWN, Process, Program
from weighbridge.domain.start.handover import Handover
from weighbridge.domain.start.interpreters.dotnet import read_dotnet
from weighbridge.domain.start.interpreters.node_packages import package_of
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View
from weighbridge.domain.start.shells import find_in_path

_SOURCE = re.compile(r".+\.[cm]?[jt]sx?")
_BUN_FLAGS = frozenset(
    {"--watch", "--hot", "--smol", "--bun", "-b", "--silent", "--inspect", "--no-install", "--prefer-offline"}
)
_BUN_VALUES = frozenset({"-r", "--preload", "--env-file", "--cwd", "-c", "--config", "--port", "-d", "--define"})
_DENO_PERMISSIONS = "(?:all|read|write|net|env|run|sys|ffi|hrtime|import|scripts)"
_DENO_FLAGS = re.compile(
    rf"-[AqrRWNESI]+|--(?:allow|deny)-{_DENO_PERMISSIONS}(?:=.*)?|--cached-only|--quiet|--unstable"
    r"|--no-(?:check|prompt|lock|remote|npm|config|code-cache|clear-screen)(?:=.*)?|--reload(?:=.*)?"
    r"|--unstable-(?:kv|cron|worker-options|ffi|net|webgpu|fs|http|byonm|sloppy-imports|broadcast-channel|temporal)"
    r"|--watch(?:=.*)?|--frozen(?:=.*)?|--check(?:=.*)?|--inspect(?:-brk|-wait)?(?:=.*)?|--node-modules-dir(?:=.*)?"
    r"|--env-file(?:=.*)?|--env(?:=.*)?|--(?:port|host|lock|location|seed|ext)=.*"
)
_DENO_VALUES = frozenset({"--lock", "-L", "--log-level", "--port", "--host", "--location", "--seed"})
_DENO_FILES = {
    "-c": "Error reading config file 'file://{path}'",
    "--config": "Error reading config file 'file://{path}'",
    "--import-map": "Unable to load 'file://{path}' import map",
}
"""Options with a file that must exist, and what deno prints without it."""
_BUN_COMMANDS = re.compile(
    r"install|i|add|a|remove|rm|update|upgrade|link|unlink|pm|build|init|create|c|test|x|exec|repl|publish|patch|outdated"
    r"|audit|info|why|help|completions|getcompletes|discord|feedback|ci|login|logout|whoami|deploy"
)
_ENDINGS = (".tsx", ".jsx", ".mts", ".ts", ".mjs", ".js", ".cts", ".cjs", ".json")
_URL = re.compile(r"[a-z][a-z0-9+.-]*:")


def read_runtime(process: Process, program: Program) -> Reading | None:
    """The file that bun, deno or dotnet runs; None for other programs."""
    # npm's package of bun names the program bun.exe, on all systems.
    name = posixpath.basename(program.path).removesuffix(".exe")
    view = View(process=process, program=program)
    match name:
        case "bun" | "bunx":
            return _read_bun(view)
        case "deno":
            return _read_deno(view)
        case "dotnet":
            return read_dotnet(view)
    return None


def _read_bun(view: View) -> Reading:
    words = list(view.words)
    changes_folder = any(word.startswith("--cwd") for word in words)
    operands = _operands(words, flags=_BUN_FLAGS, values=_BUN_VALUES)
    if isinstance(operands, str):
        return view.unsure(f"the option {operands} is unsupported")
    preload = re.search(r"(?:^|\0)(?:-r\0|--preload[\0=])(\.[^\0]*)", "\0".join(view.words))
    if preload is not None and not changes_folder:
        missing = view.named_file(preload[1], f'preload not found "{preload[1]}"')
        if isinstance(missing, Reading):
            return missing
    is_run = operands[:1] == ["run"]
    name = next(iter(operands[1:] if is_run else operands), None)
    if name is None:
        return view.looked("runs no file")
    if changes_folder or name == UNKNOWN or posixpath.basename(view.program.path) == "bunx":
        return view.unsure(f"which file {name if name != UNKNOWN else 'it'} is")
    if not _SOURCE.fullmatch(name):
        return _bun_script(view, name, is_run=is_run)
    found = view.named_file(name, f'Module not found "{name}"')
    return found if isinstance(found, Reading) else view.looked(f"{found.path} is found, not read")


def _bun_script(view: View, name: str, *, is_run: bool) -> Reading:
    """A script of package.json, a program of the packages, or a file whose ending bun adds."""
    is_bun_command = not is_run and _BUN_COMMANDS.fullmatch(name) is not None
    package = package_of(view, view.program.cwd)
    scripts = package.get("scripts") if package is not None else None
    scripts = scripts if isinstance(scripts, dict) else {}
    text = scripts.get(name)
    if isinstance(text, str) and text and f"pre{name}" not in scripts and not is_bun_command:
        bins = posixpath.join(view.program.cwd, "node_modules/.bin")
        shell = "bash" if find_in_path(view.process, "bash") else "sh"
        path = f"{bins}:{view.process.env.get('PATH', '')}"
        return Reading(executes=Handover(tool="bun", command=(shell, "-c", text), assigns=(("PATH", path),)))
    places = (name, f"node_modules/.bin/{name}", *(f"{name}{ending}" for ending in _ENDINGS))
    there = any(not isinstance(view.find(place), LookupFailure) for place in places)
    is_plain = re.fullmatch(r"[a-z][\w:-]*", name) is not None and not is_bun_command
    if name in scripts or there or not is_plain or find_in_path(view.process, name) is not None:
        return view.unsure(f"{name} is a command or a script of package.json, which is not followed")
    if package is None and view.program.cwd != "/":
        return view.unsure(f"no package.json in {view.program.cwd}; bun looks in the folders above it")
    return view.fails(
        CheckCode.PACKAGE_SCRIPT_MISSING,
        path=posixpath.join(view.program.cwd, "package.json"),
        predicts=f'Script not found "{name}"',
        evidence=(f"package.json in {view.program.cwd} has no script {name}",),
        fix=f'Add "{name}" to the scripts of package.json, or name the file that bun runs.',
    )


def _read_deno(view: View) -> Reading:
    words = list(view.words)
    command = words.pop(0) if words[:1] and words[0] in {"run", "serve"} else ""
    while words and words[0].startswith("-"):
        word = words.pop(0)
        if word in {"--version", "-V", "--help", "-h"}:
            return view.looked("runs no file")
        option, equals, value = word.partition("=")
        if option in _DENO_FILES and (equals or words):
            path = value if equals else words.pop(0)
            found = view.named_file(path, _DENO_FILES[option].format(path=view.absolute(path)))
            if isinstance(found, Reading):
                return found
        elif word in _DENO_VALUES and words:
            words.pop(0)
        elif not _DENO_FLAGS.fullmatch(word):
            return view.unsure(f"the option {word[:60]} is unsupported")
    if not words:
        return view.looked("reads its standard input") if command == "" else view.unsure(f"{command} without a file")
    name = words[0]
    if _URL.match(name) or name in {"-", UNKNOWN} or not _SOURCE.fullmatch(name):
        return view.unsure("what it runs is no file of the image, or a command that is not followed")
    found = view.named_file(name, f'Module not found "file://{view.absolute(name)}"')
    return found if isinstance(found, Reading) else view.looked(f"{found.path} is found, not read")


def _operands(words: list[str], *, flags: frozenset[str], values: frozenset[str]) -> list[str] | str:
    """The words behind the options, up to the first that is a file; a string is an option that is not known."""
    operands: list[str] = []
    while words:
        word = words.pop(0)
        if not word.startswith("-") or word in {"-", UNKNOWN}:
            operands.append(word)
            if word != "run":
                return operands
        elif word in values:
            if words:
                words.pop(0)
        elif word.partition("=")[0] not in flags | values:
            return word[:60]
    return operands
