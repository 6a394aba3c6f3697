"""Debian packages, from dpkg's database, also in the reduced form of distroless images.

Sources: deb-control(5) for stanzas, dpkg(1) for the states of a package, and the layout that dpkg itself writes:
``/var/lib/dpkg/status`` with ``info/NAME[:ARCH].list``. Distroless images have ``status.d/NAME`` with one stanza each
and ``status.d/NAME.md5sums`` instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.packages.ecosystem import NeededFiles, PackageEcosystem
from weighbridge.domain.packages.model import Ecosystem, Links
from weighbridge.domain.packages.owners import PackageOwners

_FOLDER = "/var/lib/dpkg"
_MAX_STATUS_BYTES = 32 * 1024 * 1024
_MAX_LIST_BYTES = 8 * 1024 * 1024
_FIELD = re.compile(
    rb"^(Package|Version|Architecture|Status|Depends|Pre-Depends|Recommends|Provides):[ \t]*([^\n]*)$", re.MULTILINE
)
_RESTRICTION = re.compile(r"\([^)]{0,200}\)|\[[^\]]{0,200}\]|<[^>]{0,200}>|:[a-z0-9-]{1,40}|\s+")
"""The text behind a package's name in a relationship field: version, architectures, profiles, ``:any``; blanks."""
_LIST_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]{1,200}(?::[a-z0-9-]{1,40})?")
_MAX_RELATION_CHARACTERS = 65_536
_NOT_THERE = frozenset({"not-installed", "config-files"})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stanza:
    name: str
    version: str | None
    architecture: str
    links: Links


def find_deb_packages(owners: PackageOwners) -> None:
    """Add all Debian packages with their files."""
    _find_installed(owners)
    _find_distroless(owners)


def deb_owners(rootfs: Rootfs, paths: Iterable[str]) -> dict[str, str]:
    """The package of each of `paths` from ``info/NAME[:ARCH].list``. Omits paths without a package.

    `paths` have no symlinks. With a merged ``/usr`` the lists of older packages omit ``/usr`` in paths.
    """
    wanted = {path.encode("utf-8", "surrogateescape"): path for path in paths}
    wanted |= {path.removeprefix(b"/usr"): name for path, name in wanted.items()}
    folder = rootfs.lookup(f"{_FOLDER}/info")
    found: dict[str, str] = {}
    if not wanted or not isinstance(folder, Node):
        return found
    for node in rootfs.children(folder):
        name, dot, kind = node.path.rpartition("/")[2].rpartition(".")
        if (
            dot
            and kind == "list"
            and _LIST_NAME.fullmatch(name)
            and node.is_file
            and node.size_bytes <= _MAX_LIST_BYTES
        ):
            lines = set(rootfs.read(node, limit_bytes=_MAX_LIST_BYTES).split(b"\n"))
            found.update(dict.fromkeys((wanted[line] for line in wanted.keys() & lines), name.partition(":")[0]))
    return found


def _find_installed(owners: PackageOwners) -> None:
    status = owners.names(_FOLDER).get("status")
    if status is None:
        return
    content = owners.read(owners.node(status), limit_bytes=_MAX_STATUS_BYTES)
    info = owners.names(f"{_FOLDER}/info")
    wanted: list[tuple[int, int]] = []
    for stanza in _stanzas(content or b""):
        if owners.is_full:
            break
        package_id = owners.add_package(Ecosystem.DEB, stanza.name, stanza.version, links=stanza.links)
        names = (stanza.name, f"{stanza.name}:{stanza.architecture}")
        for file in (*(f"{name}.list" for name in names), *(f"{name}.md5sums" for name in names)):
            if file in info:
                wanted.append((package_id, info[file]))
                break
    contents = owners.read_all((number for _, number in wanted), limit_bytes=_MAX_LIST_BYTES)
    for package_id, number in wanted:
        if number in contents:
            _claim(owners, package_id, contents[number], sums=owners.node(number).path.endswith(".md5sums"))


def _find_distroless(owners: PackageOwners) -> None:
    names = owners.names(f"{_FOLDER}/status.d")
    contents = owners.read_all(names.values(), limit_bytes=_MAX_LIST_BYTES)
    for name, number in names.items():
        if name.endswith(".md5sums") or number not in contents or owners.is_full:
            continue
        for stanza in _stanzas(contents[number]):
            package_id = owners.add_package(Ecosystem.DEB, stanza.name, stanza.version, links=stanza.links)
            sums = names.get(f"{name}.md5sums")
            if sums is not None:
                _claim(owners, package_id, contents.get(sums, b""), sums=True)
            owners.claim_file(package_id, number)
            if sums is not None:
                owners.claim_file(package_id, sums)


def _claim(owners: PackageOwners, package_id: int, content: bytes, *, sums: bool) -> None:
    """Claim the files of a ``.list`` (absolute paths) or of ``.md5sums`` (digest, blanks, relative path)."""
    for line in content.decode("utf-8", "surrogateescape").split("\n"):
        path = f"/{line.partition(' ')[2].lstrip(' *').removeprefix('./')}" if sums else line
        owners.claim(package_id, path)


def _stanzas(content: bytes) -> Iterator[_Stanza]:
    for stanza in content.split(b"\n\n"):
        fields = {name: value.strip().decode("utf-8", "surrogateescape") for name, value in _FIELD.findall(stanza)}
        name = fields.get(b"Package")
        state = fields.get(b"Status", "install ok installed").split()[-1:]
        if name and not (state and state[0] in _NOT_THERE):
            yield _Stanza(
                name=name,
                version=fields.get(b"Version") or None,
                architecture=fields.get(b"Architecture", ""),
                links=Links(
                    requires=_relations(fields.get(b"Pre-Depends", "")) + _relations(fields.get(b"Depends", "")),
                    recommends=_relations(fields.get(b"Recommends", "")),
                    provides=_relations(fields.get(b"Provides", "")),
                ),
            )


def _relations(field: str) -> tuple[str, ...]:
    """The package names of a relationship field (deb-control(5)); alternatives stay joined by ``|``."""
    if not field:
        return ()
    return tuple(name for name in _RESTRICTION.sub("", field[:_MAX_RELATION_CHARACTERS]).split(",") if name)


DEB = PackageEcosystem(
    name=Ecosystem.DEB,
    find=find_deb_packages,
    url_type="deb",
    needed_files=NeededFiles(
        pattern=r"var/lib/dpkg/(?:status|status\.d/[^/]+|diversions|info/[^/]+\.(?:list|md5sums))",
        beginnings=("var/lib/dpkg/",),
    ),
)
