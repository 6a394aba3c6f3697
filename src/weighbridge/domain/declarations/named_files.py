"""Files of the repository that a ``RUN`` names: lists of system packages, and shell scripts that install packages.

``apt-get install $(cat packages.txt)``, ``xargs apk add < packages.txt`` and ``sh install.sh`` install packages whose
names stand in another file. A file counts if its name is a word of the command and the build copies or mounts it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping

from weighbridge.domain.declarations.commands import declared_by_script
from weighbridge.domain.declarations.model import MAX_TEXT_CHARACTERS, Declaration, Reader
from weighbridge.domain.packages.model import Ecosystem

_MAX_CHARACTERS = 20_000
_MAX_SCRIPTS = 20
_SEGMENT = re.compile(r"&&|\|\||;|\n")
_WORD_ENDS = re.compile(r"[\s\"'`$(){}<>|;&=,]+")
_INSTALLS = (
    (re.compile(r"\b(?:apt-get|apt|aptitude)\b.*\binstall\b", re.DOTALL), Ecosystem.DEB),
    (re.compile(r"\bapk\b.*\badd\b", re.DOTALL), Ecosystem.APK),
    (re.compile(r"\b(?:dnf5?|yum|microdnf|tdnf|zypper)\b.*\b(?:install|in)\b", re.DOTALL), Ecosystem.RPM),
)
_FROM_FILE = re.compile(r"\$\(|`|<|\bxargs\b")
"""The ways in which a command gets its arguments from a file."""
_PACKAGE_FILE = re.compile(r"\.(?:deb|rpm|apk)\Z")
_SCRIPT = re.compile(r"\.(?:sh|bash)\Z")
_PACKAGE = re.compile(r"([A-Za-z0-9_][\w.+-]{0,200}?)(?::[a-z0-9-]{1,20})?(?:[<>=~]{1,2}[^\s]{0,200}|/[\w.-]{1,100})?")


def readers_of_named_files(commands: Iterable[str], copied: Iterable[str]) -> Mapping[str, Reader]:
    """A reader for each of the `copied` files that one of the ``RUN`` `commands` names as a list or a script."""
    by_name: dict[str, list[str]] = {}
    for path in copied:
        by_name.setdefault(posixpath.basename(path), []).append(path)
    found: dict[str, Reader] = {}
    scripts = 0
    for command in commands:
        for segment in _SEGMENT.split(command[:_MAX_CHARACTERS]):
            installs = (one for pattern, one in _INSTALLS if pattern.search(segment))
            ecosystem = next(installs, None) if _FROM_FILE.search(segment) else None
            for word in _WORD_ENDS.split(segment):
                name = posixpath.basename(word)
                for path in by_name.get(name, ()):
                    if _SCRIPT.search(name) and scripts < _MAX_SCRIPTS:
                        scripts += path not in found
                        found[path] = declared_by_script
                    elif ecosystem is not None and not _PACKAGE_FILE.search(name) and not _SCRIPT.search(name):
                        found[path] = list_reader(ecosystem)
    return found


def list_reader(ecosystem: Ecosystem) -> Reader:
    """A reader for a list of packages of a distribution: names, apart by white space, and ``#`` comments."""

    def read(path: str, text: str) -> Iterator[Declaration]:
        for number, line in enumerate(text.split("\n"), 1):
            for word in line.partition("#")[0].split():
                if match := _PACKAGE.fullmatch(word):
                    written = word[:MAX_TEXT_CHARACTERS]
                    yield Declaration(ecosystem=ecosystem, name=match[1], text=written, path=path, line=number)

    return read
