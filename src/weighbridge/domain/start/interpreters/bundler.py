"""``bundle exec``: the Gemfile, the program, and the gems that the Gemfile names.

Source: bundler's cli/exec.rb and shared_helpers.rb (``root``). The texts were recorded from bundler 2.3.
"""

from __future__ import annotations

import posixpath
import re

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.image.rootfs import LookupFailure, Node
from weighbridge.domain.lines import lines_of
from weighbridge.domain.start.handover import Handover
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.ruby import has_gem
from weighbridge.domain.start.interpreters.view import View
from weighbridge.domain.start.shells import find_in_path

_NAMES = re.compile(r"bundler?(?:\d+(?:\.\d+)*)?")
_MAX_FOLDERS = 64
_MAX_LINES = 2000
_GEMFILES = ("Gemfile", "gems.rb")
_GEM = re.compile(
    r"gem[ (]{1,3}(?:'([\w.-]{1,100})'|\"([\w.-]{1,100})\")(?:, {0,3}['\"][^'\"]{1,50}['\"]){0,4}\)?\s*(?:#.*)?"
)
"""A gem of all groups and platforms, of rubygems.org: with versions, and without further options."""
_GEM_FOLDERS = ("/gems/", "/ruby/", "/bundle/", "/rubygems")
_SETTINGS = ("BUNDLE_WITHOUT", "BUNDLE_ONLY", "BUNDLE_WITH", "BUNDLE_FROZEN", "BUNDLE_DISABLE_SHARED_GEMS")
_SHELL_BUILTINS = frozenset({"cd", "exec", ".", "source", "export"})


def read_bundle(view: View, script: Node, words: tuple[str, ...]) -> Reading | None:
    """The effect of bundler, if `script` (the file that ruby runs) is bundler's program; None otherwise."""
    if not _NAMES.fullmatch(posixpath.basename(script.path)):
        return None
    if words[:1] != ("exec",):
        return view.looked("only bundle exec is followed")
    command = list(words[1:])
    while command and command[0] in {"--keep-file-descriptors", "--"}:
        command.pop(0)
    if not command or command[0].startswith("-"):
        return view.unsure(f"bundle {' '.join(words)[:60]} is unsupported")
    gemfile = _gemfile(view)
    if isinstance(gemfile, Reading):
        return gemfile
    return _program(view, gemfile, tuple(command))


def _gemfile(view: View) -> Node | Reading:
    """The Gemfile of ``BUNDLE_GEMFILE``, or of the nearest folder upwards."""
    named = view.process.env.get("BUNDLE_GEMFILE", "")
    if named:
        found = view.find(named)
        if isinstance(found, Node) and found.is_file:
            return found
        undecided = view.absent(found) if isinstance(found, LookupFailure) else None
        return undecided or view.file_missing(named, f"{view.absolute(named)} not found")
    folder = view.program.cwd
    for _ in range(_MAX_FOLDERS):
        for name in _GEMFILES:
            file = view.file(posixpath.join(folder, name))
            if file is not None:
                return file
        if view.directory(posixpath.join(folder, ".bundle")) is not None:
            return view.unsure(f"the configuration in {posixpath.join(folder, '.bundle')} may name the Gemfile")
        if folder == "/":
            break
        folder = posixpath.dirname(folder)
    failure = view.find("Gemfile")
    undecided = view.absent(failure) if isinstance(failure, LookupFailure) else None
    return undecided or view.file_missing("Gemfile", "Could not locate Gemfile or .bundle/ directory")


def _program(view: View, gemfile: Node, command: tuple[str, ...]) -> Reading:
    name = command[0]
    path = name if "/" in name else find_in_path(view.process, name)
    found = view.file(path) if path is not None else None
    if found is None:
        if "/" in name or name in _SHELL_BUILTINS or view.process.has_more_files or _in_gems(view, name):
            return view.looked(f"{name} is not followed")
        return view.fails(
            CheckCode.ENTRYPOINT_MISSING,
            path=name,
            predicts=f"bundler: command not found: {name}",
            evidence=(f"{name}: neither in PATH nor in a folder of gems", f"the Gemfile is {gemfile.path}"),
            fix="RUN bundle install in the final stage, or copy the installed gems (GEM_HOME, vendor/bundle).",
        )
    is_ruby = posixpath.basename(found.path).startswith("ruby")
    # Other programs run without their gems: only ruby loads bundler/setup.
    missing = _missing_gem(view, gemfile) if is_ruby or _is_ruby_script(view, found) else None
    if missing is not None:
        return view.fails(
            CheckCode.INTERPRETER_MODULE_MISSING,
            path=gemfile.path,
            predicts="Could not find " if _is_locked(view, gemfile) else "Could not find gem '",
            evidence=(f"{gemfile.path} names the gem {missing}", "no folder of gems in the image has it"),
            fix="RUN bundle install in the final stage, or copy the installed gems (GEM_HOME, vendor/bundle).",
        )
    return Reading(executes=Handover(tool="bundle", command=command))


def _is_ruby_script(view: View, program: Node) -> bool:
    head = view.process.rootfs.read(program, limit_bytes=128).partition(b"\n")[0]
    return head.startswith(b"#!") and b"ruby" in head


def _in_gems(view: View, name: str) -> bool:
    """True if a folder of programs that is not in ``PATH`` has it: bundler adds those of its gems."""
    for folder, files in view.process.rootfs.table.by_folder():
        if folder.endswith(("/bin", "/exe")) and any(part in folder for part in _GEM_FOLDERS) and name in files:
            return True
    return False


def _missing_gem(view: View, gemfile: Node) -> str | None:
    """A gem that the Gemfile names for all platforms, and that no folder has; None in doubt.

    Without a lock file, bundler resolves the gems of all groups. With one, excluded groups may be missing.
    """
    text = view.text(gemfile)
    is_locked = _is_locked(view, gemfile)
    if text is None or (is_locked and (view.has_env(*_SETTINGS) or _is_configured(view, gemfile))):
        return None
    depth = 0
    for line in lines_of(text)[:_MAX_LINES]:
        word = line.strip()
        if word.startswith(("if ", "unless ", "case ", "eval", "instance_eval", "def ")):
            return None
        depth += word.endswith((" do", "|"))
        depth -= word == "end"
        match = _GEM.fullmatch(word)
        if match is not None and (depth == 0 or not is_locked) and not has_gem(view, match[1] or match[2]):
            return match[1] or match[2]
    return None


def _is_locked(view: View, gemfile: Node) -> bool:
    names = (f"{gemfile.path}.lock", f"{gemfile.path.removesuffix('.rb')}.locked")
    return any(view.file(name) is not None for name in names)


def _is_configured(view: View, gemfile: Node) -> bool:
    """True if a configuration of bundler may exclude groups."""
    env = view.process.env
    folders = (env.get("BUNDLE_APP_CONFIG", ""), posixpath.join(posixpath.dirname(gemfile.path), ".bundle"))
    homes = (posixpath.join(env.get("HOME", "/"), ".bundle"), "/usr/local/bundle", env.get("GEM_HOME", ""))
    return any(view.file(posixpath.join(folder, "config")) is not None for folder in (*folders, *homes) if folder)
