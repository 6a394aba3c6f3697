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
from weighbridge.domain.packages.ecosystem import NeededFiles, PackageEcosystem
from weighbridge.domain.packages.model import Ecosystem, Links
from weighbridge.domain.packages.owners import PackageOwners

_MAX_METADATA_BYTES = 4 * 1024 * 1024
_MAX_LIST_BYTES = 16 * 1024 * 1024
_LISTS = ("RECORD", "installed-files.txt", "top_level.txt")
"""Files that list the files of a distribution, most exact first."""
_MAX_TOPS = 1_000
_MAX_REQUIREMENTS = 2_000
_MAX_PARENTS = 64
_FIELD = re.compile(r"^(Name|Version):[ \t]*([^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_REQUIREMENT = re.compile(r"^Requires-Dist:[ \t]*([^\r\n]{1,1000})", re.MULTILINE | re.IGNORECASE)


def find_python_packages(owners: PackageOwners) -> None:
    """Add all Python distributions that no package of the Linux distribution owns, with their files."""
    homes: dict[str, int] = {}
    for folder, names in owners.folders():
        if folder.endswith((".dist-info", ".egg-info")):
            number = names.get("METADATA", names.get("PKG-INFO"))
            if number is not None and owners.owner(number) is None:
                homes[folder] = number
    described = owners.read_all(homes.values(), limit_bytes=_MAX_METADATA_BYTES)
    lists = {
        folder: names[file]
        for folder in homes
        for names in (owners.names(folder),)
        for file in reversed(_LISTS)
        if file in names
    }
    contents = owners.read_all(lists.values(), limit_bytes=_MAX_LIST_BYTES)
    tops: dict[str, int] = {}
    for folder, number in homes.items():
        if owners.is_full:
            break
        head = _head(described.get(number, b"").decode("utf-8", "replace"))
        fields = _fields(head)
        fallback = posixpath.splitext(posixpath.basename(folder))[0].partition("-")[0]
        name = _normalised(fields.get("name") or fallback)
        requires = _REQUIREMENT.findall(head) or _egg_requires(owners, folder)
        package_id = owners.add_package(
            Ecosystem.PYTHON,
            name,
            fields.get("version"),
            links=Links(requires=tuple(requires[:_MAX_REQUIREMENTS]), location=posixpath.dirname(folder)),
        )
        for one in owners.names(folder).values():
            owners.claim_file(package_id, one)
        if folder in lists:
            file = posixpath.basename(owners.node(lists[folder]).path)
            content = contents.get(lists[folder], b"").decode("utf-8", "surrogateescape")
            _claim_listed(owners, package_id, f"{folder}/{file}", content, tops)
    _claim_below(owners, tops)
    _claim_compiled(owners)


def _claim_listed(owners: PackageOwners, package_id: int, listed_in: str, content: str, tops: dict[str, int]) -> None:
    """Claim the listed files of a distribution. Adds whole top-level packages to `tops` for later."""
    folder, _, file = listed_in.rpartition("/")
    parent = posixpath.dirname(folder)
    if file == "RECORD":
        for path in _recorded(content):
            owners.claim(package_id, _joined(parent, path))
    elif file == "installed-files.txt":
        for line in lines_of(content):
            owners.claim(package_id, _joined(folder, line))
    else:
        for top in content.split()[:_MAX_TOPS]:
            if "/" not in top:
                owners.claim(package_id, f"{parent}/{top}.py")
                tops.setdefault(f"{parent}/{top}", package_id)


def _claim_below(owners: PackageOwners, tops: Mapping[str, int]) -> None:
    """Claim all files of top-level packages without a list of files."""
    parents = sorted({f"{posixpath.dirname(top)}/" for top in tops})[:_MAX_PARENTS]
    for folder, names in owners.folders() if parents else ():
        for parent in parents:
            if folder.startswith(parent):
                package_id = tops.get(parent + folder[len(parent) :].partition("/")[0])
                if package_id is not None:
                    for number in names.values():
                        owners.claim_file(package_id, number)


def _claim_compiled(owners: PackageOwners) -> None:
    """Claim bytecode for the owner of its source, because installers compile without recording it."""
    for folder, names in owners.folders():
        if not folder.endswith("/__pycache__"):
            continue
        sources = owners.names(posixpath.dirname(folder))
        for name, number in names.items():
            source = sources.get(f"{name.partition('.')[0]}.py") if name.endswith(".pyc") else None
            owner = owners.owner(source) if source is not None else None
            if owner is not None:
                owners.claim_file(owner, number)


def _egg_requires(owners: PackageOwners, folder: str) -> list[str]:
    """The lines of setuptools' ``requires.txt`` before its first section: dependencies without an extra."""
    number = owners.names(folder).get("requires.txt") if folder.endswith(".egg-info") else None
    content = owners.read(owners.node(number), limit_bytes=_MAX_METADATA_BYTES) if number is not None else None
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
    """The paths of a RECORD: the first of three columns, quoted if they contain a comma."""
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


PYTHON = PackageEcosystem(
    name=Ecosystem.PYTHON,
    find=find_python_packages,
    url_type="pypi",
    needed_files=NeededFiles(
        pattern=r"(?:.*/)?[^/]+\.(?:dist-info|egg-info)/(?:METADATA|RECORD|PKG-INFO)",
        endings=("/METADATA", "/RECORD", "/PKG-INFO"),
    ),
)
