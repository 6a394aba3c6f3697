"""``npm``, ``yarn`` and ``pnpm``: the script of package.json that they run, and its program.

Sources: npm's documentation of scripts, @npmcli/run-script (``set-path.js``), yarn 1's cli/run.js, pnpm's
exec/plugin-commands-script-runners. The messages were recorded from npm 9 and 10, yarn 1.22 and pnpm 9.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.start.handover import Handover
from weighbridge.domain.start.interpreters.node_packages import package_of
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View
from weighbridge.domain.start.shells import find_in_path

_MANAGERS: Mapping[str, str] = {
    "npm-cli.js": "npm",
    "npx-cli.js": "npx",
    "yarn.js": "yarn",
    "yarn": "yarn",
    "yarnpkg": "yarn",
    "pnpm.cjs": "pnpm",
    "pnpm.js": "pnpm",
    "pnpm.mjs": "pnpm",
}
_RUN = frozenset({"run", "run-script", "rum", "urn"})
_EXECUTE: Mapping[str, frozenset[str]] = {
    "npm": frozenset({"exec", "x"}),
    "pnpm": frozenset({"exec"}),
    "yarn": frozenset({"exec"}),
}
_SHORT: Mapping[str, str] = {"start": "start", "stop": "stop", "test": "test", "t": "test", "tst": "test"}
_USUAL_SCRIPTS = frozenset({"dev", "serve", "prod", "preview", "start:prod", "start:dev", "production"})
_COMMANDS = re.compile(
    r"access|add|audit|autoclean|bin|cache|check|config|create|deploy|dedupe|dlx|doctor|env|exec|fetch|"
    r"generate-lock-entry|global|help|import|info|init|install|install-test|licenses|link|list|ln|login|logout|ls|"
    r"node|outdated|owner|pack|patch|policies|prune|publish|rebuild|remove|restart|root|rm|rb|run|self-update|"
    r"server|setup|store|tag|team|unlink|uninstall|unplug|up|update|upgrade|upgrade-interactive|version|versions|"
    r"why|workspace|workspaces|i|it"
)
"""Commands of yarn and pnpm, which precede scripts of the same name."""
_FLAGS = re.compile(
    r"-s|--silent|--quiet|-q|--production|--prod|--no-[a-z-]+|--verbose|--ignore-scripts|--offline|--[a-z-]+=.*"
)
_FOLDER_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "npm": ("--prefix", "-C"),
    "yarn": ("--cwd",),
    "pnpm": ("-C", "--dir"),
    "npx": (),
}
_DECIDE_ELSEWHERE = re.compile(
    r"(?:-[wrC]|--(?:prefix|workspaces?|script-shell|cwd|dir|if-present|recursive|filter|userconfig|package|call))(?:=|$)"
)
_NPX_FLAGS = frozenset({"-y", "--yes", "--no", "--no-install", "-q", "--quiet", "-s", "--silent", "--offline"})
_PLAIN_SCRIPT = re.compile(r"[\w./ @=:+,-]+")
_MAX_FOLDERS = 64
_FIX = 'COPY package.json with its scripts into WORKDIR, or name the program itself: CMD ["node", "server.js"].'


def read_package_manager(view: View, program: Node, words: tuple[str, ...]) -> Reading | None:
    """The effect of a package manager, if `program` (the file that node runs) is one; None otherwise."""
    manager = _MANAGERS.get(posixpath.basename(program.path))
    if manager is None:
        return None
    if "corepack" in program.path:
        return view.unsure("corepack fetches the package manager when it runs")
    if words[:1] and words[0] in {"-v", "--version", "-h", "--help"}:
        return view.looked("prints and ends")
    asked = _requested(manager, words)
    if asked is None:
        return view.unsure(f"{manager} {' '.join(words)[:60]} is unsupported")
    if asked.program is not None:
        return _execute(view, manager, asked)
    return _run(view, manager, asked)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Request:
    """A script or a program of the packages with its arguments. `folder` is where the command line says to look."""

    script: str = ""
    program: str | None = None
    is_bare: bool = False
    arguments: tuple[str, ...] = ()
    folder: str | None = None


def _requested(manager: str, words: tuple[str, ...]) -> _Request | None:
    """What the command line asks for; None for other commands."""
    rest = list(words[:64])
    folder = None
    if manager == "npx":
        return _program(rest)
    own: list[str] = []
    given: tuple[str, ...] = ()
    while rest:
        word = rest.pop(0)
        if word == "--":
            given = tuple(rest)
            break
        name, equals, value = word.partition("=")
        if name in _FOLDER_OPTIONS[manager] and (equals or rest):
            folder = value if equals else rest.pop(0)
        elif word.startswith("-"):
            if _DECIDE_ELSEWHERE.match(word) or not _FLAGS.fullmatch(word):
                return None
        elif own == [] and word in _EXECUTE[manager]:
            found = _program(rest)
            return replace(found, folder=folder) if found is not None else None
        else:
            own.append(word)
    is_bare = bool(own) and own[0] not in _RUN
    name = own[0] if is_bare else "".join(own[1:2])
    arguments = (*own[1 if is_bare else 2 :], *given)
    if is_bare:
        # "yarn dev" and "pnpm dev" run a script or, without one, a program of the packages.
        if name not in _SHORT and (manager == "npm" or _COMMANDS.fullmatch(name)):
            return None
        name = _SHORT.get(name, name)
    return _Request(script=name, is_bare=is_bare, arguments=arguments, folder=folder) if name else None


def _program(rest: list[str]) -> _Request | None:
    """The program of ``npx`` and of ``exec``: the first word that is no option."""
    while rest and rest[0] in {*_NPX_FLAGS, "--"}:
        rest.pop(0)
    if not rest or rest[0].startswith("-"):
        return None
    return _Request(program=rest[0], arguments=tuple(rest[1:]))


def _execute(view: View, manager: str, asked: _Request) -> Reading:
    """A program of ``node_modules/.bin`` or of ``PATH``; npx downloads any other."""
    start = view.absolute(asked.folder or ".")
    places = [f"{place}/{asked.program}" for place in _program_folders(start)]
    if not any(view.file(place) is not None for place in places) and (
        asked.program is None or find_in_path(view.process, asked.program) is None
    ):
        return view.unsure(f"{asked.program} is in no node_modules/.bin, so {manager} may fetch it when it runs")
    words = " ".join(map(shlex.quote, (asked.program or "", *asked.arguments)))
    return Reading(executes=_handover(view, manager, start, words))


def _run(view: View, manager: str, asked: _Request) -> Reading:
    script = asked.script
    folder = view.absolute(asked.folder) if asked.folder is not None else _package_folder(view, manager)
    if view.file(f"{folder}/package.json") is None:
        return _no_package(view, manager, folder, is_named=asked.folder is not None)
    package = package_of(view, folder)
    if package is None:
        return view.unsure(f"{folder}/package.json cannot be read")
    if any(view.file(f"{folder}/{name}") is not None for name in (".npmrc", ".yarnrc", ".yarnrc.yml")):
        return view.unsure("its configuration file may change what it runs")
    if manager != "npm" and package.get("packageManager") is not None:
        return view.unsure("packageManager in package.json decides which program runs")
    scripts = package.get("scripts")
    scripts = scripts if isinstance(scripts, dict) else {}
    text = scripts.get(script)
    if not isinstance(text, str):
        if asked.is_bare and script not in _SHORT and script not in _USUAL_SCRIPTS:
            return view.unsure(f"{manager} {script} is no script of package.json")
        return _no_script(view, manager, folder, script)
    if not text:
        return view.looked(f"the script {script} is empty") if manager == "npm" else view.unsure("an empty script")
    before = scripts.get(f"pre{script}")
    if isinstance(before, str) and before:
        # pnpm 7 and 8 run it only when they are configured to.
        if manager == "pnpm" or not _PLAIN_SCRIPT.fullmatch(before):
            return view.unsure(f"pre{script} runs first")
        text = f"{before} && {text}"
    words = " ".join((text, *map(shlex.quote, asked.arguments)))
    return Reading(executes=_handover(view, manager, folder, words))


def _handover(view: View, manager: str, folder: str, text: str) -> Handover:
    path = ":".join((*_program_folders(folder), view.process.env.get("PATH", "")))
    shell = "/bin/sh" if manager == "yarn" else "sh"
    return Handover(tool=manager, command=(shell, "-c", text), assigns=(("PATH", path),), directory=folder)


def _program_folders(folder: str) -> list[str]:
    return [posixpath.join(path, "node_modules/.bin") for path in _upwards(folder)]


def _package_folder(view: View, manager: str) -> str:
    """The nearest parent folder with a package.json (npm: or with node_modules); otherwise the working directory."""
    for folder in _upwards(view.program.cwd):
        here = folder.rstrip("/")
        if view.file(f"{here}/package.json") is not None:
            return folder
        if manager == "npm" and view.directory(f"{here}/node_modules") is not None:
            return folder
    return view.program.cwd


def _upwards(folder: str) -> list[str]:
    found: list[str] = []
    while len(found) < _MAX_FOLDERS:
        found.append(folder)
        if folder == "/":
            break
        folder = posixpath.dirname(folder)
    return found


def _no_package(view: View, manager: str, folder: str, *, is_named: bool) -> Reading:
    cwd = folder if is_named else view.program.cwd
    texts = {
        "npm": f"ENOENT: no such file or directory, open '{posixpath.join(folder, 'package.json')}'",
        "yarn": f'Couldn\'t find a package.json file in "{cwd}"',
        "pnpm": f'No package.json (or package.yaml, or package.json5) was found in "{cwd}".',
    }
    return view.fails(
        CheckCode.PACKAGE_SCRIPT_MISSING,
        path=posixpath.join(cwd, "package.json"),
        predicts=texts[manager],
        evidence=(f"{posixpath.join(cwd, 'package.json')}: not in the image",),
        fix=_FIX,
    )


def _no_script(view: View, manager: str, folder: str, script: str) -> Reading:
    server = view.file(f"{folder.rstrip('/')}/server.js") is not None
    if script == "start" and server:
        return Reading(executes=_handover(view, manager, folder, "node server.js"))
    found = view.file(f"{folder.rstrip('/')}/node_modules/.bin/{script}") if manager != "npm" else None
    if found is not None:
        return view.looked(f"{found.path} is found, not followed")
    texts = {
        "npm": f'Missing script: "{script}"',
        "yarn": f'Command "{script}" not found',
        "pnpm": "Missing script start or file server.js" if script == "start" else f'Command "{script}" not found',
    }
    return view.fails(
        CheckCode.PACKAGE_SCRIPT_MISSING,
        path=posixpath.join(folder, "package.json"),
        predicts=texts[manager],
        evidence=(f"{posixpath.join(folder, 'package.json')} has no script {script}",),
        fix=f'Add "{script}" to the scripts of package.json, or name the program itself.',
    )
