"""``npm``, ``yarn`` and ``pnpm``: the script of package.json that they run, and its program.

Sources: npm's documentation of scripts, @npmcli/run-script (``set-path.js``), yarn 1's cli/run.js, pnpm's
exec/plugin-commands-script-runners. The messages were recorded from npm 9 and 10, yarn 1.22 and pnpm 9.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Mapping

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.start.interpreters.node_modules import package_of
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View
from weighbridge.domain.start.wrappers import Handover

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
_SHORT: Mapping[str, str] = {"start": "start", "stop": "stop", "test": "test", "t": "test", "tst": "test"}
_USUAL_SCRIPTS = frozenset({"dev", "serve", "prod", "preview", "start:prod", "start:dev", "production"})
_FLAGS = re.compile(
    r"-s|--silent|--quiet|-q|--production|--prod|--no-[a-z-]+|--verbose|--ignore-scripts|--offline|--[a-z-]+=.*"
)
_DECIDE_ELSEWHERE = re.compile(
    r"--(?:prefix|workspace|workspaces|script-shell|cwd|dir|if-present|recursive|filter|userconfig)\b"
)
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
    if manager == "npx" or not words:
        return view.unsure(f"the command of {manager}")
    if words[0] in {"-v", "--version", "-h", "--help"}:
        return view.looked("prints and ends")
    asked = _requested_script(manager, words)
    if asked is None:
        return view.unsure(f"{manager} {' '.join(words)[:60]} is unsupported")
    return _run(view, manager, *asked)


def _requested_script(manager: str, words: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
    """The name of the script, and its arguments; None for other commands."""
    own: list[str] = []
    given: tuple[str, ...] = ()
    for position, word in enumerate(words[:64]):
        if word == "--":
            given = words[position + 1 :]
            break
        if word.startswith("-"):
            if _DECIDE_ELSEWHERE.match(word) or not _FLAGS.fullmatch(word):
                return None
            continue
        own.append(word)
    if not own:
        return None
    if own[0] in _RUN:
        return (own[1], (*own[2:], *given)) if len(own) > 1 else None
    if own[0] in _SHORT:
        return _SHORT[own[0]], (*own[1:], *given)
    # "yarn dev" and "pnpm dev" run a script or, without one, a program of the packages.
    return (own[0], (*own[1:], *given)) if manager != "npm" and own[0] in _USUAL_SCRIPTS else None


def _run(view: View, manager: str, script: str, given: tuple[str, ...]) -> Reading:
    folder = _package_folder(view, manager)
    if view.file(f"{folder}/package.json") is None:
        return _no_package(view, manager, folder)
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
    if not isinstance(text, str) or not text:
        return _no_script(view, manager, folder, script)
    if folder != view.program.cwd:
        return view.unsure(f"the script runs in {folder}")
    before = scripts.get(f"pre{script}") if manager != "pnpm" else None
    if isinstance(before, str) and before:
        if not _PLAIN_SCRIPT.fullmatch(before):
            return view.unsure(f"pre{script} runs first")
        text = f"{before} && {text}"
    words = " ".join((text, *map(shlex.quote, given)))
    return Reading(executes=_handover(view, manager, folder, words))


def _handover(view: View, manager: str, folder: str, text: str) -> Handover:
    bins = [posixpath.join(path, "node_modules/.bin") for path in _upwards(folder)]
    path = ":".join((*bins, view.process.env.get("PATH", "")))
    shell = "/bin/sh" if manager == "yarn" else "sh"
    return Handover(tool=manager, command=(shell, "-c", text), assigns=(("PATH", path),))


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


def _no_package(view: View, manager: str, folder: str) -> Reading:
    cwd = view.program.cwd
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
    if script == "start" and server and manager in {"npm", "pnpm"}:
        command = Handover(tool=manager, command=("node", "server.js"))
        return Reading(executes=command) if folder == view.program.cwd else view.unsure(f"server.js runs in {folder}")
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
