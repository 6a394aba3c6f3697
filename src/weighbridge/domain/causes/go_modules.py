"""Splits a Go program's growth between the modules that ``go.mod`` added or changed and the program itself."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.domain.causes.model import CauseKind, CauseShare, Place, SizeCause
from weighbridge.domain.causes.programs import is_program
from weighbridge.domain.causes.repository import RepositoryChanges
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.packages.model import Ecosystem


def split_go_program(
    cause: SizeCause, base: WeighedImage, head: WeighedImage, repository: RepositoryChanges
) -> Iterator[SizeCause]:
    """`cause` itself; if the program's ``go.mod`` changed, also a cause for each changed module.

    A program's data and tables grow with its code, so the difference is split in proportion to the bytes of code.
    Indirect modules count with the largest declared one.
    """
    edited = repository.new_declarations if cause.bytes > 0 else repository.removed_declarations
    declared = {
        one.name: one
        for one in edited
        if one.ecosystem is Ecosystem.GO and not one.is_pinned_only and one.name != "stdlib"
    }
    if cause.kind is not CauseKind.PROGRAM or not declared:
        yield cause
        return
    change = is_program(base.rootfs, head.rootfs, cause.what)
    grown = {
        name: delta for name, delta in (change.modules if change else {}).items() if (delta > 0) == (cause.bytes > 0)
    }
    total = sum(grown.values())
    roots = sorted((name for name in declared if name in grown), key=lambda name: (-abs(grown[name]), name))
    if not total or not roots:
        yield cause
        return
    known = {
        one.name
        for side in (repository.base, repository.head)
        if side
        for one in side.declarations.found
        if one.ecosystem is Ecosystem.GO and not one.is_pinned_only
    }
    pinned = {one.name for one in edited if one.ecosystem is Ecosystem.GO and one.is_pinned_only}
    left = cause.bytes
    happened = "new or other version" if cause.bytes > 0 else "removed or other version"
    for name in roots:
        brought = [one for one in grown if one in pinned and one not in known] if name == roots[0] else []
        code = grown[name] + sum(grown[one] for one in brought)
        share = cause.bytes * code // total
        left -= share
        yield SizeCause(
            bytes=share,
            kind=CauseKind.DEPENDENCY,
            what=name,
            because=f"{happened}, {declared[name].text}; by its share of the program's code",
            place=Place(path=declared[name].path, line=declared[name].line),
            via=(cause.what,),
            parts=tuple(CauseShare(what=one, bytes=cause.bytes * grown[one] // total) for one in brought),
        )
    yield SizeCause(
        bytes=left, kind=cause.kind, what=cause.what, because=cause.because, place=cause.place, via=cause.via
    )
