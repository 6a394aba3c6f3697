"""Python distributions: ``*.dist-info`` and ``*.egg-info``.

Sources: the packaging specifications "Recording installed projects" (``METADATA``, ``RECORD``) and "Names and
normalization"; setuptools' documentation for ``PKG-INFO``, ``installed-files.txt`` and ``top_level.txt``.
"""

from __future__ import annotations

import csv
import posixpath
import re
from collections.abc import Iterator, Mapping

from weighbridge.domain.lines import lines_of
from weighbridge.domain.packages.model import Ecosystem, Links
from weighbridge.domain.packages.owners import Ledger

_MAX_METADATA_BYTES = 4 * 1024 * 1024
_MAX_LIST_BYTES = 16 * 1024 * 1024
_LISTS = ("RECORD", "installed-files.txt", "top_level.txt")
"""What says which files a distribution has, the most exact first."""
_MAX_TOPS = 1_000
_MAX_REQUIREMENTS = 2_000
_MAX_PARENTS = 64
_FIELD = re.compile(r"^(Name|Version):[ \t]*([^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_REQUIREMENT = re.compile(r"^Requires-Dist:[ \t]*([^\r\n]{1,1000})", re.MULTILINE | re.IGNORECASE)


def find_python_packages(ledger: Ledger) -> None:
    """Enter all Python distributions that no package of the distribution brought, with their files."""
    homes: dict[str, int] = {}
    for folder, names in ledger.folders():
        if folder.endswith((".dist-info", ".egg-info")):
            number = names.get("METADATA", names.get("PKG-INFO"))
            if number is not None and ledger.owner(number) is None:
                homes[folder] = number
    described = ledger.read_all(homes.values(), limit_bytes=_MAX_METADATA_BYTES)
    lists = {
        folder: names[file]
        for folder in homes
        for names in (ledger.names(folder),)
        for file in reversed(_LISTS)
        if file in names
    }
    contents = ledger.read_all(lists.values(), limit_bytes=_MAX_LIST_BYTES)
    tops: dict[str, int] = {}
    for folder, number in homes.items():
        if ledger.is_full:
            break
        head = _head(described.get(number, b"").decode("utf-8", "replace"))
        fields = _fields(head)
        fallback = posixpath.splitext(posixpath.basename(folder))[0].partition("-")[0]
        name = _normalised(fields.get("name") or fallback)
        requires = _REQUIREMENT.findall(head) or _egg_requires(ledger, folder)
        account = ledger.open_account(
            Ecosystem.PYTHON,
            name,
            fields.get("version"),
            links=Links(requires=tuple(requires[:_MAX_REQUIREMENTS]), location=posixpath.dirname(folder)),
        )
        for one in ledger.names(folder).values():
            ledger.claim_number(account, one)
        if folder in lists:
            file = posixpath.basename(ledger.node(lists[folder]).path)
            content = contents.get(lists[folder], b"").decode("utf-8", "surrogateescape")
            _claim_listed(ledger, account, f"{folder}/{file}", content, tops)
    _claim_below(ledger, tops)
    _claim_compiled(ledger)


def _claim_listed(ledger: Ledger, account: int, listed_in: str, content: str, tops: dict[str, int]) -> None:
    """Claim what a distribution's list names; whole top-level packages are put into `tops` for later."""
    folder, _, file = listed_in.rpartition("/")
    parent = posixpath.dirname(folder)
    if file == "RECORD":
        for path in _recorded(content):
            ledger.claim(account, _joined(parent, path))
    elif file == "installed-files.txt":
        for line in lines_of(content):
            ledger.claim(account, _joined(folder, line))
    else:
        for top in content.split()[:_MAX_TOPS]:
            if "/" not in top:
                ledger.claim(account, f"{parent}/{top}.py")
                tops.setdefault(f"{parent}/{top}", account)


def _claim_below(ledger: Ledger, tops: Mapping[str, int]) -> None:
    """Claim everything in the top-level packages that have no list of files."""
    parents = sorted({f"{posixpath.dirname(top)}/" for top in tops})[:_MAX_PARENTS]
    for folder, names in ledger.folders() if parents else ():
        for parent in parents:
            if folder.startswith(parent):
                account = tops.get(parent + folder[len(parent) :].partition("/")[0])
                if account is not None:
                    for number in names.values():
                        ledger.claim_number(account, number)


def _claim_compiled(ledger: Ledger) -> None:
    """Bytecode belongs to whom its source belongs: distributions compile when they install and record nothing."""
    for folder, names in ledger.folders():
        if not folder.endswith("/__pycache__"):
            continue
        sources = ledger.names(posixpath.dirname(folder))
        for name, number in names.items():
            source = sources.get(f"{name.partition('.')[0]}.py") if name.endswith(".pyc") else None
            owner = ledger.owner(source) if source is not None else None
            if owner is not None:
                ledger.claim_number(owner, number)


def _egg_requires(ledger: Ledger, folder: str) -> list[str]:
    """The lines of setuptools' ``requires.txt`` before its first section, which are for no extra."""
    number = ledger.names(folder).get("requires.txt") if folder.endswith(".egg-info") else None
    content = ledger.read(ledger.node(number), limit_bytes=_MAX_METADATA_BYTES) if number is not None else None
    text = (content or b"").decode("utf-8", "replace").partition("\n[")[0]
    return [line.strip() for line in lines_of(text) if line.strip()]


def _head(metadata: str) -> str:
    return metadata.replace("\r\n", "\n").partition("\n\n")[0]


def _fields(head: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in _FIELD.findall(head):
        found.setdefault(name.lower(), value.strip())
    return found


def _recorded(record: str) -> Iterator[str]:
    """The paths of a RECORD: the first of three columns, quoted where they hold a comma."""
    for line in lines_of(record):
        if line.startswith('"'):
            try:
                yield next(csv.reader([line]))[0]
            except (csv.Error, StopIteration, IndexError):
                continue
        else:
            yield line.partition(",")[0]


def _joined(folder: str, path: str) -> str:
    return (
        path if path.startswith("/") else posixpath.normpath(f"{folder}/{path}") if ".." in path else f"{folder}/{path}"
    )


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
