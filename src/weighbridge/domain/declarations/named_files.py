"""Files of the repository that a ``RUN`` names: lists of system packages, and shell scripts that install packages.

``apt-get install $(cat packages.txt)``, ``xargs apk add < packages.txt`` and ``sh install.sh`` install packages whose
names stand in another file. A file counts if its name is a word of the command and the build copies or mounts it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping

from weighbridge.domain.declarations.commands import declared_by_script, distribution_of
from weighbridge.domain.declarations.model import MAX_TEXT_CHARACTERS, Declaration, Reader
from weighbridge.domain.packages.model import Ecosystem

_MAX_CHARACTERS = 20_000
_MAX_SCRIPTS = 20
_SEGMENT = re.compile(r"&&|\|\||;|\n")
_WORD_ENDS = re.compile(r"[\s\"'`$(){}<>|;&=,]+")
_FROM_FILE = re.compile(r"\$\(|`|<|\bxargs\b")
"""The ways in which a command gets its arguments from a file."""
_NO_LIST = re.compile(r"\.(?:deb|rpm|apk|sh|bash)\Z")
_SCRIPT = re.compile(r"\.(?:sh|bash)\Z")
_PACKAGE = re.compile(r"([A-Za-z0-9_][\w.+-]{0,200}?)(?::[a-z0-9-]{1,20})?(?:[<>=~]{1,2}[^\s]{0,200}|/[\w.-]{1,100})?")


def readers_of_named_files(commands: Iterable[str], copied: Iterable[str]) -> Mapping[str, Reader]:
    """A reader for each of the `copied` files that one of the ``RUN`` `commands` names as a list or a script."""
    by_name: dict[str, list[str]] = {}
    for path in copied:
        by_name.setdefault(posixpath.basename(path), []).append(path)
    lists: dict[str, Ecosystem] = {}
    scripts: dict[str, None] = {}
    for command in commands:
        for segment in _SEGMENT.split(command[:_MAX_CHARACTERS]):
            words = {posixpath.basename(word) for word in _WORD_ENDS.split(segment)}
            files = words & by_name.keys()
            scripts |= dict.fromkeys(sorted(name for name in files if _SCRIPT.search(name)))
            ecosystem = distribution_of(words) if files and _FROM_FILE.search(segment) else None
            if ecosystem is not None:
                lists |= {name: ecosystem for name in files if not _NO_LIST.search(name)}
    paths = [path for name in scripts for path in by_name[name]][:_MAX_SCRIPTS]
    found: dict[str, Reader] = dict.fromkeys(paths, declared_by_script)
    for name, ecosystem in lists.items():
        found |= dict.fromkeys(by_name[name], list_reader(ecosystem))
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
