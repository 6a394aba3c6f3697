"""Moves the program of an image to another base, and lists the parts that the image then lacks."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from weighbridge.domain.dockerfile import Origin
from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.lint.official import is_toolchain, official_name
from weighbridge.domain.lint.workdir import working_directory
from weighbridge.domain.packages.dpkg import deb_owners
from weighbridge.domain.start.shells import DEFAULT_PATH
from weighbridge.domain.tips.proposals.bases import Base, release_of, slim_of
from weighbridge.domain.tips.proposals.needs import Needs, is_plain_path, needs_of, own_libraries, sonames
from weighbridge.domain.tips.proposals.written import Cut, Written
from weighbridge.domain.tips.tip import TipChange

_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_HAS_CERTIFICATES = frozenset(
    {"buildpack-deps", "gcc", "golang", "rust", "maven", "gradle", "eclipse-temurin", "swift"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgramImage:
    """The image, its Dockerfile, and its program's needs. A new final stage would begin at `cut`.

    `rebases`: the final stage runs no programs, so another ``FROM`` is enough.
    """

    image: WeighedImage
    written: Written
    cut: Cut
    needs: Needs
    slim: Base | None
    rebases: bool


def subject_of(image: WeighedImage, written: Written) -> ProgramImage | None:
    """The subject; ``None`` if the image's program is not compiled, or if the Dockerfile is unsupported."""
    if not written.is_plain or image.image.config.os != "linux":
        return None
    cut = written.cut()
    if not any(one.name in {"CMD", "ENTRYPOINT"} for one in written.stage.instructions):
        return None
    if image.image.config.entrypoint and cut.last("ENTRYPOINT") is None:
        return None  # The new base lacks the old base's entrypoint.
    rebases = not cut.before
    needs = needs_of(image, written.stage, since_line=0 if rebases else cut.since_line)
    if needs is None:
        return None
    return ProgramImage(
        image=image, written=written, cut=cut, needs=needs, slim=slim_of(release_of(image.rootfs)), rebases=rebases
    )


def onto(subject: ProgramImage, base: Base, *, build: tuple[Edit, ...] = (), static: bool = False) -> TipChange | None:
    """The change that moves the program to `base`, with the edits of its `build`; ``None`` if that cannot work.

    `static`: the edits make the program static.
    """
    if not _fits(subject, base, static=static):
        return None
    if subject.written.stage.base == base.reference and not build:
        return None
    edits = _rebased(subject, base) if subject.rebases else _transplanted(subject, base, static=static)
    return None if edits is None else subject.written.change((*build, *edits))


def lost_on(subject: ProgramImage, base: Base) -> tuple[str, ...]:
    """The parts that the image has now and lacks on `base`, in words."""
    rootfs, needs = subject.image.rootfs, subject.needs
    lost = []
    if rootfs.exists("/bin/sh") and not base.has_shell:
        lost.append("a shell")
    if rootfs.exists("/bin/ls") and not base.has_shell:
        lost.append("debug tools")
    if rootfs.exists("/usr/bin/apt-get") and not base.packages:
        lost.append("apt")
    if rootfs.exists(_CERTIFICATES) and not base.has_certificates and not needs.is_tls_client:
        lost.append("CA certificates")
    if rootfs.exists("/usr/share/zoneinfo") and not base.has_zones and not needs.zones:
        lost.append("time zones")
    if rootfs.exists("/etc/passwd") and base.is_scratch and not needs.accounts:
        lost.append("users (/etc/passwd)")
    return tuple(lost)


def _fits(subject: ProgramImage, base: Base, *, static: bool) -> bool:
    """True if the program can start on `base`, by the facts on the base."""
    needs, image = subject.needs, subject.image
    if not base.has_shell and needs.needs_shell:
        return False
    if needs.needs_shell and not base.packages:
        return False  # A script may call any program, so only the same distribution fits.
    healthcheck = image.image.config.healthcheck
    test = healthcheck.test if healthcheck else ()
    if test and test[0] != "NONE" and not _checks_itself(subject, test):
        return False
    if needs.runs_programs and not base.packages:
        return False
    if static or needs.is_static:
        return True
    if not needs.libc or base.libc != needs.libc:
        return False
    if needs.opens_libraries and not base.packages:
        return False
    copied = set(sonames(image.rootfs, own_libraries(image, needs)))
    if base.libc == "musl":
        return not needs.names - copied - {name for name in needs.names if name.startswith("libc.")}
    return base.packages or needs.names - copied <= base.libraries


def _checks_itself(subject: ProgramImage, test: tuple[str, ...]) -> bool:
    words = " ".join(test[1:]).split()
    return bool(words) and words[0] in {subject.needs.path, subject.needs.program.path}


def _rebased(subject: ProgramImage, base: Base) -> list[Edit] | None:
    """Replace the image in ``FROM``, and copy the program's other needs from its stage."""
    written, needs = subject.written, subject.needs
    stage = subject.written.stage
    line = written.context.source(stage.from_instruction)
    begin, _ = written.context.span(stage.line, stage.from_instruction.end_line)
    word = stage.from_instruction.args[0]
    at = line.find(word, 4)
    if at < 0 or "$" in word:
        return None
    edits = []
    if stage.base != base.reference:
        edits = [Edit(start=begin + at, end=begin + at + len(word), replacement=base.reference)]
    forms = _exec_forms(subject, base)
    if forms is None:
        return None
    lines = []
    image = subject.image
    if needs.accounts:
        made = any(image.rootfs.exists(path) and _is_own(image, path) for path in needs.accounts)
        user = image.image.config.user.partition(":")[0]
        if not made and user not in base.users:
            return None  # The account exists in the old base only.
    if needs.is_tls_client and not base.has_certificates and not _is_own(image, _CERTIFICATES):
        origin = _origin_of_program(subject)
        if origin is not None:
            lines.append(f"COPY --from={origin} {_CERTIFICATES} /etc/ssl/certs/")
        elif needs.certificates is not None:
            return None
    if needs.zones and not base.has_zones:
        return None
    if not needs.is_static and base.packages and needs.names - base.libraries:
        return None
    if lines:
        edits.append(written.inserted(subject.cut, ["# The program needs CA certificates for TLS.", *lines]))
        edits[-1] = _without_blank_line(edits[-1], written.newline)
    return [*edits, *forms]


def _transplanted(subject: ProgramImage, base: Base, *, static: bool) -> list[Edit] | None:
    """Add a new final stage on `base` after the last ``RUN``, with the program and its files."""
    written, needs, cut = subject.written, subject.needs, subject.cut
    forms = _exec_forms(subject, base)
    settings, removals = written.settings_before(cut)
    if forms is None or (not base.has_shell and any(_is_shell_form(subject, line) for line in settings)):
        return None
    name, named = written.name()
    target = f" AS {written.source.target}" if written.source.target else ""
    folder = working_directory(written.source.dockerfile, written.stage)
    lines = [f"FROM {base.reference}{target}"]
    workdir = _workdir_at(subject)
    if workdir is None and folder is None and cut.last("WORKDIR") is None:
        return None
    if workdir not in {None, "/"}:
        lines.append(f"WORKDIR {workdir}")
    packages = () if static or needs.is_static else _packages(subject, base)
    if packages is None:
        return None
    if packages:
        lines.append(
            f"RUN apt-get update && apt-get install -y --no-install-recommends {' '.join(packages)} \\\n"
            "    && rm -rf /var/lib/apt/lists/*"
        )
    lines += _copies(subject, base, name, static=static)
    lines += settings
    return [*named, *removals, written.inserted(cut, lines), *forms]


def _copies(subject: ProgramImage, base: Base, stage: str, *, static: bool) -> Iterator[str]:
    """The ``COPY`` lines of the new stage, from the old stage `stage`."""
    needs = subject.needs
    accounts = [path for path in needs.accounts if not _is_recreated(subject, path)]
    if accounts:
        yield f"COPY --from={stage} {' '.join(accounts)} /etc/"
    if needs.certificates is not None and not base.has_certificates and not _is_recreated(subject, needs.certificates):
        is_file = needs.certificates.endswith((".crt", ".pem"))
        folder = posixpath.dirname(needs.certificates) + "/" if is_file else needs.certificates
        yield f"COPY --from={stage} {needs.certificates} {folder}"
    if needs.zones and not base.has_zones:
        yield f"COPY --from={stage} /usr/share/zoneinfo /usr/share/zoneinfo"
    libraries = {} if static else dict.fromkeys(own_libraries(subject.image, needs))
    copied: set[str] = set()
    for one in needs.data:
        owner = f"--chown={one.owner} " if one.owner else ""
        copied.update(one.sources)
        yield f"COPY --from={stage} {owner}{' '.join(one.sources)} {one.destination}"
    for path in libraries:
        if not _is_in(path, copied) and not _is_recreated(subject, path):
            (name,) = sonames(subject.image.rootfs, (path,))
            yield f"COPY --from={stage} {path} {posixpath.join(posixpath.dirname(path), name)}"
    if not _is_in(needs.path, copied) and not _is_recreated(subject, needs.program.path):
        yield f"COPY --from={stage} {needs.path} {_destination(subject)}"


def _destination(subject: ProgramImage) -> str:
    """The destination of the program: its path, unless only the old base's ``PATH`` contains it."""
    path = subject.needs.path
    program = next(
        (one for one in reversed(subject.image.start.programs) if one.path == subject.needs.program.path), None
    )
    if program is None or not program.argv or "/" in program.argv[0]:
        return path
    sets_path = any(one.name == "ENV" and "PATH" in one.args[::3] for one in subject.written.stage.instructions)
    if sets_path or posixpath.dirname(path) in DEFAULT_PATH.split(":"):
        return path
    there = posixpath.join("/usr/local/bin", program.argv[0])
    return there if is_plain_path(there) else path


def _packages(subject: ProgramImage, base: Base) -> tuple[str, ...] | None:
    """The packages of libraries that the base lacks; ``None`` if a library is in no package."""
    needs, rootfs = subject.needs, subject.image.rootfs
    missing = needs.names - base.libraries
    own = set(own_libraries(subject.image, needs))
    paths = [path for path in needs.libraries if path not in own and missing & set(sonames(rootfs, (path,)))]
    if not paths or base.libc == "musl":
        return ()
    nodes = [rootfs.lookup(path) for path in paths]
    owners = deb_owners(rootfs, [node.path for node in nodes if isinstance(node, Node)])
    if len(owners) < len(set(paths)) or not base.packages:
        return None
    return tuple(sorted(set(owners.values())))


def _workdir_at(subject: ProgramImage) -> str | None:
    """The working directory at the cut; ``None`` if a later absolute ``WORKDIR`` replaces it."""
    later = any(one.name == "WORKDIR" and one.expanded[0].startswith("/") for one in subject.cut.after)
    relative = any(one.name in {"COPY", "ADD", "WORKDIR"} for one in subject.cut.after)
    if later and not relative:
        return None
    if any(one.name == "WORKDIR" for one in subject.cut.after):
        before = [one for one in subject.cut.before if one.name == "WORKDIR"]
        return before[-1].expanded[0] if before and before[-1].expanded[0].startswith("/") else None
    return posixpath.normpath(subject.image.image.config.workdir or "/")


def _exec_forms(subject: ProgramImage, base: Base) -> tuple[Edit, ...] | None:
    """Convert the commands to exec form if `base` has no shell."""
    if base.has_shell:
        return ()
    return subject.written.exec_forms(subject.cut)


def _is_shell_form(subject: ProgramImage, line: str) -> bool:
    word = line.split(maxsplit=1)[0].upper()
    if word not in {"CMD", "ENTRYPOINT", "HEALTHCHECK"}:
        return False
    one = subject.cut.last(word)
    return one is not None and not one.is_exec_form and one.args[:1] != ("NONE",)


def _origin_of_program(subject: ProgramImage) -> str | None:
    """The stage that the program is copied from, if that stage's base has certificates."""
    dockerfile = subject.written.source.dockerfile
    for one in reversed(subject.written.stage.instructions):
        for source in one.sources:
            if source.origin is not Origin.STAGE or source.stage is None or source.is_mount:
                continue
            stage = dockerfile.stages[source.stage]
            root = dockerfile.chain(stage)[0]
            if is_toolchain(root.base) or official_name(root.base) in _HAS_CERTIFICATES:
                return one.flag("from")
    return None


def _is_own(image: WeighedImage, path: str) -> bool:
    node = image.rootfs.lookup(path)
    own = {layer.diff_id for layer in image.layers if not layer.from_base_image}
    return isinstance(node, Node) and node.diff_id in own


def _is_recreated(subject: ProgramImage, path: str) -> bool:
    """True for a file that an instruction after the cut creates, so the new stage has it anyway."""
    node, since = subject.image.rootfs.lookup(path), subject.cut.since_line
    lines = {layer.diff_id: layer.line for layer in subject.image.layers}
    line = lines.get(node.diff_id) if isinstance(node, Node) else None
    return since is not None and line is not None and line >= since


def _is_in(path: str, copied: set[str]) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in copied)


def _without_blank_line(edit: Edit, newline: str) -> Edit:
    return Edit(start=edit.start, end=edit.end, replacement=edit.replacement.removeprefix(newline))
