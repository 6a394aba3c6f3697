"""bun, deno and dotnet: the file that their command names. `dotnet` has the details of dotnet.

The texts of bun 1.4 and deno 2.9 were recorded from the real programs.
"""

from __future__ import annotations

import posixpath
import re

from weighbridge.domain.start.attempt import UNKNOWN, Process, Program
from weighbridge.domain.start.interpreters.dotnet import read_dotnet
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_SOURCE = re.compile(r".+\.[cm]?[jt]sx?")
_BUN_FLAGS = frozenset(
    {"--watch", "--hot", "--smol", "--bun", "-b", "--silent", "--inspect", "--no-install", "--prefer-offline"}
)
_BUN_VALUES = frozenset({"-r", "--preload", "--env-file", "--cwd", "-c", "--config", "--port", "-d", "--define"})
_DENO_FLAGS = re.compile(
    r"-[AqRWNESI]+|--allow-[a-z]+(?:=.*)?|--deny-[a-z]+(?:=.*)?|--no-[a-z-]+|--unstable[a-z-]*|--cached-only|--quiet"
    r"|--watch(?:=.*)?|--frozen(?:=.*)?|--check(?:=.*)?|--v8-flags=.*|--inspect[a-z-]*(?:=.*)?|--node-modules-dir(?:=.*)?"
    r"|--env-file(?:=.*)?|--env(?:=.*)?|--(?:port|host|config|import-map|lock|location|seed|ext)=.*"
)
_DENO_VALUES = frozenset(
    {"-c", "--config", "--import-map", "--lock", "-L", "--log-level", "--port", "--host", "--location"}
)
_URL = re.compile(r"[a-z][a-z0-9+.-]*:")


def read_runtime(process: Process, program: Program) -> Reading | None:
    """The file that bun, deno or dotnet runs; None for other programs."""
    name = posixpath.basename(program.path)
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
    is_run = operands[:1] == ["run"]
    name = next(iter(operands[1:] if is_run else operands), None)
    if name is None:
        return view.looked("runs no file")
    if changes_folder or name == UNKNOWN or posixpath.basename(view.program.path) == "bunx":
        return view.unsure(f"which file {name if name != UNKNOWN else 'it'} is")
    if not _SOURCE.fullmatch(name):
        return view.unsure(f"{name} is a command or a script of package.json, which is not followed")
    found = view.named_file(name, f'Module not found "{name}"')
    return found if isinstance(found, Reading) else view.looked(f"{found.path} is found, not read")


def _read_deno(view: View) -> Reading:
    words = list(view.words)
    command = words.pop(0) if words[:1] and words[0] in {"run", "serve"} else "run"
    while words and words[0].startswith("-"):
        word = words.pop(0)
        if word in {"--version", "-V", "--help", "-h"}:
            return view.looked("runs no file")
        if word in _DENO_VALUES and words:
            words.pop(0)
        elif not _DENO_FLAGS.fullmatch(word):
            return view.unsure(f"the option {word[:60]} is unsupported")
    if not words:
        return view.looked(f"{command} without a file")
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
