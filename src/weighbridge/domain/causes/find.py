"""Finds all causes of the difference between two images, largest first; their bytes add up to it exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from weighbridge.domain.causes.contents import ContentFinder
from weighbridge.domain.causes.dependencies import BUILT_IN, MAX_PARTS, cause_kind, package_causes, version_change
from weighbridge.domain.causes.go_modules import split_go_program
from weighbridge.domain.causes.model import NOWHERE, CauseKind, CauseShare, Explanation, Place, SizeCause
from weighbridge.domain.causes.repository import RepositoryChanges, RepositorySide
from weighbridge.domain.causes.stored import Role, Stored, stored_changes
from weighbridge.domain.image.files import FileDeltas
from weighbridge.domain.image.image import BASE_NAME
from weighbridge.domain.image.waste import Hiding
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.packages.model import Ecosystem

MAX_CAUSES = 200
"""Smaller causes are merged into one."""


def explain_difference(
    base: WeighedImage, head: WeighedImage, files: FileDeltas, repository: RepositoryChanges
) -> Explanation:
    """Why head has more or fewer unpacked bytes than base.

    `files` are the files that differ, with moved files paired (`Comparison.files`). Bytes without a rule become a
    separate cause, so that the bytes of all causes add up to the difference.
    """
    changes = stored_changes(base, head, files)
    by_role: dict[Role, list[Stored]] = {role: [] for role in Role}
    for one in changes:
        by_role[one.role].append(one)
    packages, unclaimed, notes = package_causes(by_role[Role.PACKAGE], base.packages, head.packages, repository)
    causes = [*packages]
    causes += _base_image(by_role[Role.BASE_IMAGE], base, head, repository)
    files_of_programs, others = _programs(unclaimed, base, head)
    contents = ContentFinder(base, head, repository)
    causes += (
        part
        for cause in contents.causes([*by_role[Role.FILE], *files_of_programs])
        for part in split_go_program(cause, base, head, repository)
    )
    causes += _unclaimed(others, base, head, repository)
    layers = _Layers(base, head, repository)
    causes += layers.grouped(
        by_role[Role.COPY], CauseKind.DUPLICATION, lambda _: "copied again to change the mode, the owner or the time"
    )
    causes += layers.grouped(by_role[Role.LINK], CauseKind.DUPLICATION, _link_because)
    causes += layers.grouped(by_role[Role.HIDDEN], CauseKind.WASTE, layers.hidden_because)
    delta_bytes = head.image.unpacked_bytes - base.image.unpacked_bytes
    found = _ordered(_with_records(causes, contents.records), delta_bytes)
    return Explanation(causes=found, notes=(*repository.notes, *notes))


def _link_because(stored: Stored) -> str:
    if stored.is_in_head:
        return "a separate copy; base has a hard link"
    return "a hard link; base has a separate copy"


def _with_records(
    causes: list[SizeCause], records: Iterable[tuple[SizeCause, frozenset[Ecosystem]]]
) -> list[SizeCause]:
    """`causes`, with the installers' `records` as parts of the largest matching cause."""
    found = list(causes)
    for record, ecosystems in records:
        of_packages = [index for index, one in enumerate(found) if one.ecosystem in ecosystems]
        if not of_packages:
            found.append(record)
            continue
        index = max(of_packages, key=lambda one: abs(found[one].bytes))
        cause = found[index]
        part = CauseShare(what=record.what, bytes=record.bytes)
        found[index] = replace(cause, bytes=cause.bytes + record.bytes, parts=(*cause.parts, part))
    return found


def _ordered(causes: Iterable[SizeCause], delta_bytes: int) -> tuple[SizeCause, ...]:
    """Largest first; merges small causes beyond the limit, and adds the unexplained rest."""
    found = sorted((one for one in causes if one.bytes), key=lambda one: (-abs(one.bytes), one.kind, one.what))
    listed, small = found[:MAX_CAUSES], found[MAX_CAUSES:]
    rest = delta_bytes - sum(one.bytes for one in listed)
    if rest:
        what = f"{len(small)} smaller causes" if small else "not attributed"
        because = "too many to list" if small else "no rule explains these bytes"
        listed.append(SizeCause(bytes=rest, kind=CauseKind.NOT_ATTRIBUTED, what=what, because=because))
    return tuple(listed)


def _base_image(
    changes: Sequence[Stored], base: WeighedImage, head: WeighedImage, repository: RepositoryChanges
) -> Iterator[SizeCause]:
    if not changes:
        return
    parts = [CauseShare(what=one.name.rpartition("\n")[2] or "other files", bytes=one.delta_bytes) for one in changes]
    parts.sort(key=lambda one: (-abs(one.bytes), one.what))
    old, new = (_known_base_image(side, image) for side, image in ((repository.base, base), (repository.head, head)))
    moved = bool(new.name) and old.name == new.name and not new.own_image
    if new.own_image and old.name == new.name:
        because = f"image {new.own_image} of this repository changed"
    elif moved:
        because = f"{new.name} is another image than before; both sides name the same one"
    elif old.name or new.name:
        because = f"{old.name or 'another base'} → {new.name or 'another base'}"
    else:
        because = "the lowest layers differ"
    yield SizeCause(
        bytes=sum(one.bytes for one in parts),
        kind=CauseKind.DRIFT if moved else CauseKind.BASE_IMAGE,
        what=new.name or "base image",
        because=f"{because} (recognised by {new.recognised_by})",
        place=Place(path=repository.dockerfile_path, line=new.line) if new.line is not None else NOWHERE,
        parts=tuple(parts[:MAX_PARTS]),
        parts_omitted=max(0, len(parts) - MAX_PARTS),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _BaseImage:
    """The base image of one side. `name` is empty if nothing names it; `line` is that of its ``FROM``.

    `own_image` is its name in the repository, empty for another image.
    """

    name: str
    recognised_by: str
    line: int | None = None
    own_image: str = ""


def _known_base_image(side: RepositorySide | None, image: WeighedImage) -> _BaseImage:
    """The base image by ``FROM``, by annotation or label, by the build's provenance, or by its layers only."""
    if side is not None:
        stage = side.dockerfile.chain(side.dockerfile.final_stage(side.target))[0]
        if stage.base:
            own_image = side.own_images.get(stage.base, "")
            return _BaseImage(name=stage.base, recognised_by="FROM", line=stage.line, own_image=own_image)
    for named, how in ((image.image.annotations, "annotation"), (image.image.config.labels, "label")):
        if name := named.get(BASE_NAME, ""):
            return _BaseImage(name=name, recognised_by=f"the {how} {BASE_NAME}")
    build = image.image.attached.build
    if build is not None and build.base_image:
        return _BaseImage(name=build.base_image, recognised_by=f"the build's provenance, {build.predicate}")
    return _BaseImage(name="", recognised_by="its layers, the lowest of the image")


def _programs(unclaimed: Sequence[Stored], base: WeighedImage, head: WeighedImage) -> tuple[list[Stored], list[Stored]]:
    """Split packages: those that are a program of the repository itself (as files), and the others."""
    wanted = {(one.ecosystem, one.name) for one in unclaimed if one.ecosystem in BUILT_IN}
    paths = _paths(base, wanted) | _paths(head, wanted) if wanted else {}
    programs, others = [], []
    for one in unclaimed:
        path = paths.get((one.ecosystem, one.name))
        if path is None:
            others.append(one)
        else:
            one.role, one.name, one.ecosystem = Role.FILE, path, Ecosystem.OTHER
            programs.append(one)
    return programs, others


def _paths(image: WeighedImage, wanted: set[tuple[Ecosystem, str]]) -> dict[tuple[Ecosystem, str], str]:
    packages = image.packages.packages
    numbers = {
        number: (one.ecosystem, one.name) for number, one in enumerate(packages) if (one.ecosystem, one.name) in wanted
    }
    return {
        numbers[owner]: image.rootfs.table.path(number)
        for number, owner in enumerate(image.packages.owners)
        if owner in numbers
    }


def _unclaimed(
    changes: Sequence[Stored], base: WeighedImage, head: WeighedImage, repository: RepositoryChanges
) -> Iterator[SizeCause]:
    """Packages without a declaration: one cause each, at the instruction of their layer."""
    if not changes:
        return
    wanted = {one.name for one in changes}
    versions: list[dict[tuple[Ecosystem, str], list[str]]] = []
    for image in (base, head):
        found: dict[tuple[Ecosystem, str], list[str]] = {}
        for package in image.packages.packages:
            if package.name in wanted:
                found.setdefault((package.ecosystem, package.name), []).append(package.version or "unknown version")
        versions.append(found)
    for one in changes:
        key = one.ecosystem, one.name
        layer = (head if one.is_in_head else base).layers[one.layer]
        happened = version_change(*(of.get(key, ()) for of in versions))
        yield SizeCause(
            bytes=one.delta_bytes,
            kind=cause_kind(one.ecosystem),
            what=one.name,
            because=happened,
            place=NOWHERE if layer.line is None else Place(path=repository.dockerfile_path, line=layer.line),
            via=() if layer.instruction is None else (layer.instruction[:120],),
        )


class _Layers:
    """Groups stored files by layer."""

    def __init__(self, base: WeighedImage, head: WeighedImage, repository: RepositoryChanges) -> None:
        self._images = {False: base, True: head}
        self._repository = repository

    def grouped(
        self, changes: Sequence[Stored], kind: CauseKind, because: Callable[[Stored], str]
    ) -> Iterator[SizeCause]:
        """One cause for each layer and reason."""
        groups: dict[tuple[bool, int, str], list[Stored]] = {}
        for one in changes:
            groups.setdefault((one.is_in_head, one.layer, because(one)), []).append(one)
        for (is_head, index, reason), members in groups.items():
            layer = self._images[is_head].layers[index]
            members.sort(key=lambda one: (-abs(one.delta_bytes), one.name))
            more = f" and {len(members) - 1} more files" if len(members) > 1 else ""
            yield SizeCause(
                bytes=sum(one.delta_bytes for one in members),
                kind=kind,
                what=f"{members[0].name}{more}",
                because=reason,
                place=NOWHERE if layer.line is None else Place(path=self._repository.dockerfile_path, line=layer.line),
                via=() if layer.instruction is None else (layer.instruction[:120],),
                parts=tuple(CauseShare(what=one.name, bytes=one.delta_bytes) for one in members[:MAX_PARTS])
                if len(members) > 1
                else (),
                parts_omitted=max(0, len(members) - MAX_PARTS) if len(members) > 1 else 0,
            )

    def hidden_because(self, stored: Stored) -> str:
        """The later instruction that hides the file, and how."""
        if stored.hidden is None:
            raise AssertionError("a hidden file has a layer that hides it")
        image = self._images[stored.is_in_head]
        layer = image.layers[stored.hidden.hidden_by]
        by = f"line {layer.line}" if layer.line is not None else (layer.instruction or "a later layer")[:80]
        verb = "removed" if stored.hidden.how is Hiding.REMOVED else "overwritten"
        return f"{verb} by {by}, and still stored"
