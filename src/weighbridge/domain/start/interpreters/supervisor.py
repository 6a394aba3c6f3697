"""``supervisord``: its configuration file and the errors in it that the image decides.

Source: supervisor's options.py (``ServerOptions.read_config``, ``processes_from_section``). The messages were recorded
from supervisor 4.2.
"""

from __future__ import annotations

import configparser
import fnmatch
import posixpath
import re
from collections.abc import Iterator, Mapping

from weighbridge.domain.image.rootfs import LookupFailure, Node
from weighbridge.domain.start.accounts import UnknownUser, user_of
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_DEFAULTS = (
    "supervisord.conf",
    "etc/supervisord.conf",
    "/etc/supervisord.conf",
    "/etc/supervisor/supervisord.conf",
)
_MAX_INCLUDED_FILES = 100
_SWITCHES = frozenset({"yes", "true", "on", "1", "no", "false", "off", "0", "unexpected"})
_NO_FILE = frozenset({"none", "off", "auto", "syslog"})
_FROM_ENVIRONMENT = re.compile(r"%\(ENV_(\w+)\)[sd]")
_SET_BY_ENGINE = frozenset({"HOSTNAME", "LC_CTYPE"})

_Section = Mapping[str, str]


def read_supervisord(view: View, config: str | None) -> Reading:
    """The file of ``-c``, or the first of the default files."""
    if config is not None:
        node = view.find(config)
        if isinstance(node, LookupFailure):
            return view.absent(node) or view.file_missing(config, f"could not find config file {config}")
        return _configuration(view, node)
    root = posixpath.dirname(posixpath.dirname(view.absolute(view.program.script or view.program.path)))
    places = (f"{root}/etc/supervisord.conf", f"{root}/supervisord.conf", *_DEFAULTS)
    found = next((each for place in places if (each := view.file(place)) is not None), None)
    if found is not None:
        return _configuration(view, found)
    return view.file_missing("/etc/supervisord.conf", "Error: No config file found at default paths")


def _configuration(view: View, node: Node) -> Reading:
    text = view.configuration(node)
    if text is None:
        return view.looked(f"{node.path} is found, not read")
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False)
    files = [(node.path, text)]
    for path, more in _read_all(view, parser, files):
        failing = _parse(view, parser, path, more)
        if failing is not None:
            return failing
    if not parser.has_section("supervisord"):
        return view.misconfigured(
            ".ini file does not include supervisord section", node.path, "it has no [supervisord] section"
        )
    for name in ("supervisord", *sorted(each for each in parser.sections() if each.startswith("program:"))):
        failing = _section(view, node.path, name, dict(parser.items(name)))
        if failing is not None:
            return failing
    return view.looked(f"{node.path} is read, its programs are not followed")


def _read_all(
    view: View, parser: configparser.RawConfigParser, files: list[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """The first file, then those that its section ``[include]`` names."""
    first = files[0][0]
    yield files[0]
    masks = parser.get("include", "files", fallback="").split()
    for mask in masks[:_MAX_INCLUDED_FILES]:
        folder, pattern = posixpath.split(posixpath.join(posixpath.dirname(first), mask))
        node = view.directory(folder)
        children = sorted(view.process.rootfs.children(node), key=lambda one: one.path) if node is not None else []
        for child in children[:_MAX_INCLUDED_FILES]:
            found = view.file(child.path) if fnmatch.fnmatchcase(posixpath.basename(child.path), pattern) else None
            text = view.text(found) if found is not None else None
            if text is not None:
                yield child.path, text


def _parse(view: View, parser: configparser.RawConfigParser, path: str, text: str) -> Reading | None:
    try:
        parser.read_string(text, path)
    except configparser.MissingSectionHeaderError:
        return view.misconfigured("File contains no section headers", path, "its first line is no [section]")
    except configparser.Error:
        return view.unsure(f"{path} cannot be read as a configuration")
    return None


def _section(view: View, path: str, name: str, values: _Section) -> Reading | None:
    """The errors of ``[supervisord]`` or of one program."""

    def refused(text: str, why: str) -> Reading:
        return view.misconfigured(text, path, f"[{name}]: {why}")

    env = view.process.env
    for key, value in values.items():
        for variable in _FROM_ENVIRONMENT.findall(value or ""):
            if variable in env or variable in _SET_BY_ENGINE:
                continue
            if view.process.is_open:
                return view.unsure(f"{path} uses the variable {variable}, which a script may set")
            return refused(
                f"contains names ('ENV_{variable}') which cannot be expanded",
                f"{key} uses {variable}, which is not set",
            )
    user = (values.get("user") or "").strip()
    if user and not user.isdigit() and not view.process.has_more_accounts:
        known = user_of(view.process.rootfs, user)
        if isinstance(known, UnknownUser):
            return refused(f"Invalid user name {user}", "the image has no such account")
        uid = view.process.credentials.uid
        if name == "supervisord" and uid not in {0, known.uid}:
            return refused("Can't drop privilege as nonroot user", f"user={user}, and the container runs as user {uid}")
    if name != "supervisord":
        failing = _program(name, values)
        if failing is not None:
            return refused(*failing)
    logs = ("logfile",) if name == "supervisord" else ("stdout_logfile", "stderr_logfile")
    for key in logs:
        log = (values.get(key) or "").strip()
        folder = posixpath.dirname(log)
        if folder and "%" not in log and "~" not in log and log.lower() not in _NO_FILE and _is_absent(view, folder):
            text = f"The directory named as part of the path {log} does not exist"
            return refused(text, f"{folder} is not in the image")
    return None


def _program(name: str, values: _Section) -> tuple[str, str] | None:
    restarts = (values.get("autorestart") or "").strip().lower()
    if restarts and restarts not in _SWITCHES and "%" not in restarts:
        return f"invalid 'autorestart' value '{restarts}'", f"autorestart is {restarts[:80]}"
    if "command" not in values:
        return f"program section {name} does not specify a command", "it has no command"
    count = (values.get("numprocs") or "").strip()
    if count.isdecimal() and int(count[:9]) > 1 and "process_num" not in (values.get("process_name") or ""):
        return "%(process_num) must be present within process_name when numprocs > 1", f"numprocs is {count[:9]}"
    return None


def _is_absent(view: View, folder: str) -> bool:
    found = view.find(folder)
    return isinstance(found, LookupFailure) and view.absent(found) is None
