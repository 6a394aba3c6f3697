"""The ladder: one compiled program on other bases, and in builds that need less of a base."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.tips.proposals.bases import (
    ALPINE,
    BUSYBOX_GLIBC,
    DISTROLESS_BASE,
    DISTROLESS_CC,
    DISTROLESS_STATIC,
    SCRATCH,
    Base,
)
from weighbridge.domain.tips.proposals.onto import ProgramImage, lost_on, onto, subject_of
from weighbridge.domain.tips.proposals.static import musl_build, static_build
from weighbridge.domain.tips.proposals.written import Written
from weighbridge.domain.tips.tip import Candidate, DockerfileSource


def ladder_candidates(image: WeighedImage, source: DockerfileSource) -> tuple[Candidate, ...]:
    """The bases that may fit the program of `image`, largest first; empty if the program is not compiled.

    Builds nothing. A later build shows whether a candidate starts, and its size.
    """
    written = Written(source)
    subject = subject_of(image, written)
    if subject is None:
        return ()
    return tuple(_candidates(subject))


def _candidates(subject: ProgramImage) -> Iterator[Candidate]:
    needs, written = subject.needs, subject.written
    names: set[str] = set()
    for base in _bases(subject):
        yield from _candidate(subject, base, base.reference, names)
    static = static_build(written, subject.image.rootfs, needs)
    if static is not None:
        for base in (ALPINE, DISTROLESS_STATIC, SCRATCH):
            name = f"{base.reference}, static with {static.flag}"
            yield from _candidate(subject, base, name, names, build=static.edits, static=True)
    if (edits := musl_build(written, needs, static=False)) and not needs.data:
        yield from _candidate(
            subject, ALPINE, f"{ALPINE.reference}, compiled with musl", names, build=edits, static=True
        )
    if edits := musl_build(written, needs, static=True):
        yield from _candidate(subject, SCRATCH, "scratch, static with musl", names, build=edits, static=True)


def _bases(subject: ProgramImage) -> Iterator[Base]:
    if subject.slim is not None:
        yield subject.slim
    if not subject.needs.is_static:
        yield from (DISTROLESS_CC, DISTROLESS_BASE, BUSYBOX_GLIBC, ALPINE)
    else:
        yield from (ALPINE, DISTROLESS_STATIC, SCRATCH)


def _candidate(
    subject: ProgramImage,
    base: Base,
    name: str,
    names: set[str],
    *,
    build: tuple[Edit, ...] = (),
    static: bool = False,
) -> Iterator[Candidate]:
    change = onto(subject, base, build=build, static=static)
    if change is not None and name not in names:
        names.add(name)
        yield Candidate(name=name, change=change, lost=lost_on(subject, base))
