"""``execve(2)``, emulated: permissions, ``#!`` lines, ELF files of the right machine, and their loader.

Sources: fs/exec.c and fs/binfmt_elf.c of Linux 5.1 and later.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding
from weighbridge.domain.image.rootfs import LookupFailure, LookupReason, Node
from weighbridge.domain.start.attempt import Process, without_own_root
from weighbridge.domain.start.capabilities import FileCapabilities, parse_file_capabilities
from weighbridge.domain.start.elf import Elf, ElfError, ElfType, Machine
from weighbridge.domain.start.exec_findings import (
    bad_format,
    beyond_bounding_set,
    existing_loaders,
    interpreter_unusable,
    loader_fix,
    missing_evidence,
    not_executable,
    with_visible_returns,
)
from weighbridge.domain.start.loader.objects import elf_of, problem
from weighbridge.domain.start.shebang import SHEBANG_BYTES, parse_shebang

MAX_INTERPRETERS = 5
"""Maximum number of nested ``#!`` scripts (exec_binprm)."""

_MACHINES: dict[str, tuple[tuple[int, int], ...]] = {
    # The first is the platform's own; its kernels also run the others.
    "amd64": ((Machine.X86_64, 64), (Machine.I386, 32)),
    "386": ((Machine.I386, 32),),
    "arm64": ((Machine.AARCH64, 64), (Machine.ARM, 32)),
    "arm": ((Machine.ARM, 32),),
    "ppc64le": ((Machine.PPC64, 64),),
    "s390x": ((Machine.S390X, 64),),
    "riscv64": ((Machine.RISCV, 64),),
    "loong64": ((Machine.LOONGARCH, 64),),
}


class Errno(enum.StrEnum):
    """The errors of ``execve``; the values are Go's texts, which the runtime prints."""

    ENOENT = "no such file or directory"
    EACCES = "permission denied"
    ENOEXEC = "exec format error"
    ELOOP = "too many levels of symbolic links"
    ENOTDIR = "not a directory"
    ELIBBAD = "accessing a corrupted shared library"
    EINVAL = "invalid argument"
    EPERM = "operation not permitted"
    ENAMETOOLONG = "file name too long"


_FROM_LOOKUP = {
    LookupReason.NOT_FOUND: Errno.ENOENT,
    LookupReason.NOT_A_DIRECTORY: Errno.ENOTDIR,
    LookupReason.TOO_MANY_SYMLINKS: Errno.ELOOP,
    LookupReason.PERMISSION_DENIED: Errno.EACCES,
    LookupReason.NAME_TOO_LONG: Errno.ENAMETOOLONG,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """A program that the kernel has mapped. `executed_as` is the path passed to ``execve`` (also for a script)."""

    program: Node
    elf: Elf
    argv: tuple[str, ...]
    executed_as: str
    loader: Node | None
    loader_name: str | None
    facts: tuple[str, ...]
    script: Node | None = None
    secure: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """``execve`` failed with `errno`. `finding` lacks only the text, which the caller prints."""

    errno: Errno
    finding: Finding
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Undecided:
    """The outcome depends on the running container."""

    reason: str


def machines_of(architecture: str) -> tuple[tuple[int, int], ...]:
    """The ``(e_machine, bits)`` that kernels of an image's architecture run; empty for an unknown architecture."""
    return _MACHINES.get(architecture, ())


def execve(process: Process, path: str, argv: tuple[str, ...]) -> Running | Refused | Undecided:
    """Emulate ``execve`` of `path` with `argv` as `process`; runs nothing."""
    executed_as = path
    facts: list[str] = []
    script: Node | None = None
    for _ in range(MAX_INTERPRETERS + 1):
        node = _open_executable(process, path)
        if isinstance(node, Undecided):
            return node
        if isinstance(node, Refused):
            if script is None:
                return node
            is_denied = node.errno is Errno.EACCES
            finding = interpreter_unusable(script, path, node.finding, is_denied=is_denied)
            return Refused(errno=node.errno, finding=finding)
        head = process.rootfs.read(node, limit_bytes=SHEBANG_BYTES)
        if head.startswith(b"\x7fELF"):
            return _execute_elf(process, node, argv, executed_as=executed_as, facts=tuple(facts), script=script)
        shebang = parse_shebang(head)
        if shebang is None:
            finding = bad_format(node, head, tuple(facts))
            return Refused(errno=Errno.ENOEXEC, finding=finding, facts=tuple(facts))
        line = f"#!{shebang.interpreter}" + (f" {shebang.argument}" if shebang.argument else "")
        facts.append(f"{node.path}: {with_visible_returns(line)}")
        argument = () if shebang.argument is None else (shebang.argument,)
        argv = (shebang.interpreter, *argument, path, *argv[1:])
        script, path = node, shebang.interpreter
    return Refused(
        errno=Errno.ELOOP,
        finding=problem(
            CheckCode.SHEBANG_INTERPRETER_MISSING,
            path=executed_as,
            predicts=None,
            evidence=(*facts[:6], "each #! leads to another script; the kernel gives up after five"),
            fix="Name a program, not a script, in the #! line.",
        ),
        facts=tuple(facts),
    )


def _open_executable(process: Process, path: str) -> Node | Refused | Undecided:
    node = process.rootfs.lookup(without_own_root(path), cwd=process.cwd, may_search=process.credentials.may_search)
    if isinstance(node, LookupFailure):
        if node.at_run_time:
            return Undecided(reason=f"{path}: the content of {node.at} depends on the running container")
        code = (
            CheckCode.ENTRYPOINT_NOT_EXECUTABLE
            if node.reason is LookupReason.PERMISSION_DENIED
            else CheckCode.ENTRYPOINT_MISSING
        )
        return Refused(
            errno=_FROM_LOOKUP[node.reason],
            finding=problem(code, path=path, predicts=None, evidence=missing_evidence(process.rootfs, path, node)),
        )
    if not node.is_file:
        return Refused(errno=Errno.EACCES, finding=not_executable(process, path, node))
    if not process.credentials.may_execute(node.entry):
        return Refused(errno=Errno.EACCES, finding=not_executable(process, path, node))
    return node


def _execute_elf(
    process: Process,
    node: Node,
    argv: tuple[str, ...],
    *,
    executed_as: str,
    facts: tuple[str, ...],
    script: Node | None,
) -> Running | Refused | Undecided:
    def bad(what: str, code: CheckCode = CheckCode.ENTRYPOINT_BAD_FORMAT, errno: Errno = Errno.ENOEXEC) -> Refused:
        finding = problem(code, path=node.path, predicts=None, evidence=(*facts, f"{node.path}: {what}"))
        return Refused(errno=errno, finding=finding, facts=facts)

    try:
        elf = elf_of(process.rootfs, node)
    except ElfError as error:
        return bad(f"a broken ELF file: {error}")
    allowed = machines_of(process.architecture)
    if (elf.machine, elf.bits) not in allowed:
        return bad(
            f"built for {elf.machine_name}; the image is for {process.architecture}",
            code=CheckCode.ARCHITECTURE_MISMATCH,
        )
    if not elf.is_executable_type:
        return bad(f"an ELF file of type {elf.type}, no program")
    try:
        loader_name = elf.interpreter
        if not elf.segments:
            return bad("an ELF file without program headers")
    except ElfError as error:
        return bad(f"a broken ELF file: {error}")
    if (elf.machine, elf.bits) != allowed[0] and process.architecture == "arm64":
        return Undecided(reason=f"{node.path} is a 32 bit program, which not every arm64 machine can run")
    capabilities: FileCapabilities | None = None
    if node.entry.capabilities is not None:
        capabilities = parse_file_capabilities(node.entry.capabilities)
        if capabilities is None:
            return Undecided(reason=f"{node.path}: its file capabilities are malformed")
    running = Running(
        program=node,
        elf=elf,
        argv=argv,
        executed_as=executed_as,
        loader=None,
        loader_name=None,
        facts=facts,
        script=script,
        secure=_is_secure(process, node, capabilities),
    )
    started = _without_loader(running) if loader_name is None else _with_loader(process, running, loader_name)
    # The kernel opens the loader first (load_elf_binary), and checks the privileges later (begin_new_exec).
    if isinstance(started, Running) and capabilities is not None and capabilities.refuses_execution:
        return Refused(errno=Errno.EPERM, finding=beyond_bounding_set(node, capabilities), facts=facts)
    return started


def _without_loader(running: Running) -> Running | Undecided:
    """The kernel executes such a file without a check. The outcome for a broken file or a library is unknown."""
    path, elf = running.program.path, running.elf
    try:
        _ = elf.dynamic
    except ElfError as error:
        return Undecided(reason=f"{path} has no PT_INTERP, and its dynamic section is broken: {error}")
    if elf.type == ElfType.DYN and not elf.entry_address:
        return Undecided(reason=f"{path} is a shared library, which is mapped and jumped into")
    return running


def _is_secure(process: Process, node: Node, capabilities: FileCapabilities | None) -> bool:
    """``AT_SECURE`` (cap_bprm_creds_from_file): a set-id bit changes the user, or a user gains capabilities."""
    if capabilities is not None and process.credentials.uid != 0 and capabilities.raises_privilege:
        return True
    changes_user = bool(node.mode & 0o4000) and node.uid != process.credentials.uid
    changes_group = node.mode & 0o2010 == 0o2010 and node.gid != process.credentials.gid
    return changes_user or changes_group


def _with_loader(process: Process, running: Running, loader_name: str) -> Running | Refused | Undecided:
    node, rootfs = running.program, process.rootfs
    fact = f"{node.path}: PT_INTERP {with_visible_returns(loader_name)}"
    loader = rootfs.lookup(loader_name, cwd=process.cwd, may_search=process.credentials.may_search)
    facts = (*running.facts, fact)
    if isinstance(loader, LookupFailure):
        if loader.at_run_time:
            return Undecided(reason=f"{loader_name}: the content of {loader.at} depends on the running container")
        evidence = (*facts, *missing_evidence(rootfs, loader_name, loader))
        finding = problem(
            CheckCode.LIBC_LOADER_MISSING,
            path=node.path,
            predicts=None,
            evidence=(*evidence, *existing_loaders(rootfs)),
            fix=loader_fix(running.elf, loader_name),
        )
        return Refused(errno=_FROM_LOOKUP[loader.reason], finding=finding, facts=facts)
    if not loader.is_file or not process.credentials.may_execute(loader.entry):
        finding = problem(
            CheckCode.LIBC_LOADER_MISSING,
            path=node.path,
            predicts=None,
            evidence=(*facts, f"{loader.path}: mode {loader.mode:04o}, not executable"),
            fix=f"chmod +x {loader.path}",
        )
        return Refused(errno=Errno.EACCES, finding=finding, facts=facts)
    try:
        loader_elf = elf_of(rootfs, loader)
        good = (loader_elf.machine, loader_elf.bits) == (running.elf.machine, running.elf.bits)
    except ElfError:
        good = False
    if not good:
        finding = problem(
            CheckCode.LIBC_LOADER_MISSING,
            path=node.path,
            predicts=None,
            evidence=(*facts, f"{loader.path} is no ELF file for {running.elf.machine_name}"),
            fix="Put the C library's own loader there.",
        )
        return Refused(errno=Errno.ELIBBAD, finding=finding, facts=facts)
    return Running(
        program=node,
        elf=running.elf,
        argv=running.argv,
        executed_as=running.executed_as,
        loader=loader,
        loader_name=loader_name,
        facts=facts,
        script=running.script,
        secure=running.secure,
    )
