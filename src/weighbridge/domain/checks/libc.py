"""Checks of the C library beyond the started program: native add-ons of interpreters, static glibc programs."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.context import MAX_FINDINGS_PER_CODE, CheckContext, finding
from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.checks.runtime import find_marks
from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.start.elf import Elf, ElfError
from weighbridge.domain.start.loader.objects import elf_of

MAX_ADDONS = 2000
_INTERPRETER = re.compile(r"^(?:node|nodejs|python[0-9.]*|ruby[0-9.]*|php[0-9.]*)$")
_NODE_PACKAGE = re.compile(r"^(.*/node_modules/(?:@[^/]+/)?[^/]+)/")
_PYTHON_PACKAGE = re.compile(r"^(.*/(?:site|dist)-packages/[^/]+)")
_PLATFORM_SUFFIX = re.compile(r"[-_.](?:linux|linuxmusl|darwin|win32|freebsd|android|openbsd)\b.*$")
_NSS_MARKS = (b"libnss_%s.so", b"libnss_")


def native_addon_mismatch(context: CheckContext) -> Iterator[Finding]:
    """``native-addon-mismatch``: no build of an add-on fits the C library and machine of the interpreter."""
    interpreter = next(
        (
            program
            for program in reversed(context.start.programs)
            if _INTERPRETER.match(posixpath.basename(program.path)) and program.libc
        ),
        None,
    )
    if interpreter is None:
        return
    node = context.rootfs.lookup(interpreter.path)
    if not isinstance(node, Node):
        return
    try:
        program = elf_of(context.rootfs, node)
    except ElfError:
        return
    suffixes = (".node",) if posixpath.basename(interpreter.path).startswith("node") else (".so",)
    packages: dict[str, list[tuple[Node, str | None]]] = {}
    for number, file in enumerate(
        context.files_named(lambda name: name.endswith(suffixes), [f"{one}/" for one in suffixes])
    ):
        package = _package_of(file.path)
        if package is not None:
            # A file over the limit is not read. It may fit, so its package has no finding.
            misfit = _misfit(context, file, program, interpreter.libc) if number < MAX_ADDONS else None
            packages.setdefault(package, []).append((file, misfit))
    reported = 0
    for package, files in sorted(packages.items()):
        misfits = [(file, reason) for file, reason in files if reason is not None]
        # Packages contain builds for several platforms: one that fits is sufficient.
        if len(misfits) < len(files):
            continue
        file, reason = misfits[0]
        reported += 1
        if reported > MAX_FINDINGS_PER_CODE:
            return
        yield finding(
            CheckCode.NATIVE_ADDON_MISMATCH,
            Severity.WARNING,
            path=file.path,
            predicts=_predicted(file, interpreter.libc, program) if reason in _OTHER_LIBC else None,
            evidence=(f"{file.path}: {reason}", f"{interpreter.path} runs with {interpreter.libc}"),
            fix=f"Install {posixpath.basename(package)} in a stage with the same C library as the final one.",
        )


def _package_of(path: str) -> str | None:
    match = _NODE_PACKAGE.match(path) or _PYTHON_PACKAGE.match(path)
    return _PLATFORM_SUFFIX.sub("", match.group(1)) if match else None


def _misfit(context: CheckContext, file: Node, program: Elf, libc: str) -> str | None:
    """Why an interpreter cannot load an add-on; None if no reason is found."""
    try:
        elf = elf_of(context.rootfs, file)
        if not elf.is_dynamic:
            return None
        if (elf.machine, elf.bits) != (program.machine, program.bits):
            return f"built for {elf.machine_name}"
        built_for = libc_needed(elf)
    except ElfError:
        return None
    running = "musl" if libc in {"musl", "gcompat"} else libc
    if built_for is None or built_for == running:
        return None
    # musl provides libc.so.6 and similar itself: only glibc's other libraries are missing.
    if running == "musl" and libc == "musl" and not _needs_glibc_loader(elf):
        return None
    return None if libc == "gcompat" else f"built for {built_for}"


_OTHER_LIBC = frozenset({"built for glibc", "built for musl"})
"""The reasons of `_misfit` with a known error. What an add-on for another machine gives depends on the loader."""


def libc_needed(elf: Elf) -> str | None:
    """``glibc`` or ``musl``, from the libraries that an object needs; None if unknown."""
    dynamic = elf.dynamic
    needed = dynamic.needed if dynamic else ()
    if any(name.startswith("libc.musl-") or name == "libc.so" for name in needed):
        return "musl"
    if "libc.so.6" in needed or any(record.version.startswith("GLIBC_") for record in elf.needed_versions):
        return "glibc"
    return None


def _needs_glibc_loader(elf: Elf) -> bool:
    dynamic = elf.dynamic
    return any(name.startswith(("ld-linux", "ld64.so")) for name in (dynamic.needed if dynamic else ()))


def _predicted(file: Node, libc: str, program: Elf) -> str | None:
    if libc == "glibc":
        architecture = {"x86-64": "x86_64", "arm64": "aarch64"}.get(program.machine_name, program.machine_name)
        return f"libc.musl-{architecture}.so.1: cannot open shared object file: No such file or directory"
    loader = {"x86-64": "ld-linux-x86-64.so.2", "arm64": "ld-linux-aarch64.so.1"}.get(program.machine_name)
    if loader is None:
        return None
    return f"Error loading shared library {loader}: No such file or directory (needed by {file.path})"


def static_glibc_nss(context: CheckContext) -> Iterator[Finding]:
    """``static-glibc-nss``: a static glibc program that resolves names through libraries that may be missing."""
    if not context.start.programs:
        return
    program = context.start.programs[-1]
    node = context.rootfs.lookup(program.path)
    if program.libc or not isinstance(node, Node):
        return
    try:
        if not elf_of(context.rootfs, node).is_static:
            return
    except ElfError:
        return
    if not find_marks(context.rootfs, program.path, _NSS_MARKS[:1]):
        return
    yield finding(
        CheckCode.STATIC_GLIBC_NSS,
        Severity.INFO,
        subject=Subject.ENTRYPOINT,
        path=program.path,
        evidence=(
            f"{program.path} is static and has the text libnss_%s.so: glibc's name lookups load libraries at run time",
            "hosts and users from files and DNS are built in since glibc 2.34; other sources need the very same glibc",
        ),
        fix="Link it with musl, or (Go) build with CGO_ENABLED=0 or -tags netgo,osusergo.",
    )


RULES = (native_addon_mismatch, static_glibc_nss)
"""The rules of this module, in the order in which `check` runs them."""
