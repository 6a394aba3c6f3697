"""Tips on images with a compiled program: a separate build stage, a smaller base, a static build."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.lint.model import LintFinding
from weighbridge.domain.lint.stages import single_stage_build
from weighbridge.domain.tips.proposals.bases import ALPINE, BUSYBOX_GLIBC, SCRATCH, Base, runtime_of, slim_variant
from weighbridge.domain.tips.proposals.onto import ProgramImage, lost_on, onto
from weighbridge.domain.tips.proposals.static import StaticBuild, static_build
from weighbridge.domain.tips.proposals.written import Written
from weighbridge.domain.tips.tip import Basis, Tip, TipChange

_SMALL_BASE_BYTES = 1_000_000


def compiled_tips(image: WeighedImage, written: Written, subject: ProgramImage) -> Iterator[Tip]:
    """``use-multi-stage`` or ``smaller-base``, and ``build-static``, if they apply to this image."""
    finding = next(single_stage_build(written.context), None)
    chosen = _choose(subject)
    if finding is not None:
        if chosen is not None:
            yield _multi_stage(image, subject, finding.line, *chosen)
        else:
            yield in_words(finding, None)
    elif chosen is not None and _base_bytes(image) > _SMALL_BASE_BYTES:
        yield _smaller_base(image, subject, *chosen)
    build = static_build(written, image.rootfs, subject.needs)
    if build is not None:
        change = onto(subject, SCRATCH, build=build.edits, static=True)
        yield from _static(image, subject, build, change)


def in_words(finding: LintFinding, change: TipChange | None) -> Tip:
    """Lint's finding ``use-multi-stage`` as a tip, with the change if there is one."""
    advice = finding.fix.rstrip(".") if change is None else "Build in a first stage, and copy what runs into a second"
    return Tip(
        code="use-multi-stage",
        saved_bytes=None,
        basis=Basis.UNKNOWN,
        line=finding.line,
        explanation=f"{finding.message}. {advice}.",
        change=change,
    )


def base_variant(written: Written) -> Iterator[Tip]:
    """``smaller-base`` for an official image with a smaller variant."""
    stage = written.stage
    word = stage.from_instruction.args[0]
    smaller = runtime_of(stage.base) if not _compiles_java(written) else None
    smaller = smaller or slim_variant(stage.base)
    if smaller is None or "$" in word or not written.is_plain:
        return
    line = written.context.source(stage.from_instruction)
    begin, _ = written.context.span(stage.line, stage.from_instruction.end_line)
    at = line.find(word, 4)
    if at < 0:
        return
    yield Tip(
        code="smaller-base",
        saved_bytes=None,
        basis=Basis.UNKNOWN,
        line=stage.line,
        explanation=(
            f"{smaller} is {stage.base} without files that few containers use: documentation, compilers and headers."
            f" Use FROM {smaller}."
        ),
        change=written.replacing(begin + at, begin + at + len(word), smaller),
    )


def _compiles_java(written: Written) -> bool:
    return next(single_stage_build(written.context), None) is not None


def _choose(subject: ProgramImage) -> tuple[Base, TipChange] | None:
    """The smallest base on which the program certainly starts: scratch, its C library only, or its distribution."""
    bases = [SCRATCH] if subject.needs.is_static else [BUSYBOX_GLIBC, ALPINE]
    for base in (*bases, subject.slim):
        change = onto(subject, base) if base is not None else None
        if base is not None and change is not None:
            return base, change
    return None


def _multi_stage(image: WeighedImage, subject: ProgramImage, line: int, base: Base, change: TipChange) -> Tip:
    upper_bytes = image.image.unpacked_bytes - subject.needs.kept_bytes
    return Tip(
        code="use-multi-stage",
        saved_bytes=upper_bytes,
        basis=Basis.UPPER_BOUND,
        line=line,
        explanation=(
            f"The final image contains its build tools. {subject.needs.path} {_asks_for(subject)}. Build in a separate"
            f" stage, and copy the program onto {base.reference}.{_without(subject, base)}"
        ),
        change=change,
    )


def _smaller_base(image: WeighedImage, subject: ProgramImage, base: Base, change: TipChange) -> Tip:
    stage = subject.written.stage
    return Tip(
        code="smaller-base",
        saved_bytes=_base_bytes(image),
        basis=Basis.UPPER_BOUND,
        line=stage.line,
        explanation=(
            f"{subject.needs.path} {_asks_for(subject)}, so it also runs on {base.reference}, not only on {stage.base}."
            f"{_without(subject, base)}"
        ),
        change=change,
    )


def _static(image: WeighedImage, subject: ProgramImage, build: StaticBuild, change: TipChange | None) -> Iterator[Tip]:
    needs = subject.needs
    if change is None and needs.starts and subject.written.stage.is_from_scratch:
        return
    data_bytes = needs.kept_bytes - needs.program.size_bytes
    saved = image.image.unpacked_bytes - data_bytes if needs.starts else 0
    kept = " The change copies its CA certificates." if needs.is_tls_client else ""
    remark = f" {build.remark}" if build.remark else ""
    where = "on scratch" if change is not None else "on any base"
    yield Tip(
        code="build-static",
        saved_bytes=saved or None,
        basis=Basis.UPPER_BOUND if saved else Basis.UNKNOWN,
        line=build.line,
        explanation=(
            f"{needs.path} needs a C library. Build it with {build.flag}: it then runs {where}.{remark}{kept}"
        ),
        change=change or TipChange(edits=build.edits),
    )


def _asks_for(subject: ProgramImage) -> str:
    needs = subject.needs
    if needs.is_static:
        return "is static and needs no library"
    others = len(needs.names - {"libc.so.6", "libc.musl-x86_64.so.1", "libc.so"})
    if not others:
        return f"needs the C library ({needs.libc}) only"
    return f"needs {', '.join(sorted(needs.names)[:4])}{' and more' if len(needs.names) > 4 else ''}"


def _without(subject: ProgramImage, base: Base) -> str:
    lost = lost_on(subject, base)
    return f" The image then lacks {', '.join(lost[:-1]) + ' and ' if lost[:-1] else ''}{lost[-1]}." if lost else ""


def _base_bytes(image: WeighedImage) -> int:
    return sum(layer.unpacked_bytes for layer in image.layers if layer.from_base_image)
