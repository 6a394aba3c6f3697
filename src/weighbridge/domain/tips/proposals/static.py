"""Static builds: adds a flag to the build command, and names the risks of a static program."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weighbridge.domain.checks.libc import libc_needed
from weighbridge.domain.dockerfile import Instruction
from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.dockerfile.run_commands import RunCommand, RunScript
from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.start.go import read_go_build_info
from weighbridge.domain.tips.proposals.needs import Needs
from weighbridge.domain.tips.proposals.written import Written

_MAX_PROGRAM_BYTES = 128 * 1024 * 1024
_CHUNK_BYTES = 4 * 1024 * 1024
_OVERLAP_BYTES = 256
_CGO_CALL = re.compile(rb"([A-Za-z0-9_./~-]{1,100})\._C(?:2)?func_\w")
_GO_RUNTIMES_OWN = frozenset({"net", "os/user", "runtime/cgo", "plugin"})
_LINKERS = re.compile(r"(?:[\w-]+-)?(?:gcc|cc|clang)(?:-[\d.]+)?")
_LINKERS_CXX = re.compile(r"(?:[\w-]+-)?(?:g\+\+|c\+\+|clang\+\+)(?:-[\d.]+)?")
_NO_PROGRAM = frozenset({"-c", "-S", "-E", "-M", "-MM", "-shared", "--version", "-v", "-fsyntax-only"})
_C_LIBRARY = frozenset({"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libresolv.so.2"})
_CXX_LIBRARY = _C_LIBRARY | {"libstdc++.so.6", "libgcc_s.so.1"}
_CRT_STATIC = "-C target-feature=+crt-static"


@dataclass(frozen=True, kw_only=True, slots=True)
class StaticBuild:
    """The edits that make the program static, their line and `flag`, and a remark."""

    edits: tuple[Edit, ...]
    line: int
    flag: str
    remark: str = ""


def static_build(written: Written, rootfs: Rootfs, needs: Needs) -> StaticBuild | None:
    """The static build of the dynamic program of `needs`; ``None`` if no flag of its build command can do it."""
    if needs.is_static:
        return None
    info = read_go_build_info(needs.elf)
    if info is not None:
        return _go(written, rootfs, needs) if info.uses_cgo else None
    if needs.opens_libraries or (needs.libc or libc_needed(needs.elf)) != "glibc":
        return None
    remark = ""
    if needs.looks_up_names:
        remark = (
            "It looks names up: a static glibc program finds hosts and users in files and DNS only. Other sources need"
            " the same version of glibc in the image."
        )
    if needs.names <= _C_LIBRARY and (build := _linked(written, _LINKERS, remark)) is not None:
        return build
    if needs.names <= _CXX_LIBRARY and (build := _linked(written, _LINKERS_CXX, remark)) is not None:
        return build
    return _rust(written, remark) if needs.names <= _C_LIBRARY | {"libgcc_s.so.1"} else None


def musl_build(written: Written, needs: Needs, *, static: bool) -> tuple[Edit, ...]:
    """The edits that compile a C program with musl on Debian; empty unless it is one plain ``gcc`` command."""
    if needs.is_static or not needs.names <= _C_LIBRARY or read_go_build_info(needs.elf) is not None:
        return ()
    found = list(_compilations(written, re.compile(r"gcc|cc")))
    if len(found) != 1:
        return ()
    instruction, script, command = found[0]
    if any(re.match(r"-(?:l|I|L|f|W,)|-pthread|--sysroot", value) for value in command.values):
        return ()
    begin = script.start
    program = command.name_end - len(command.name)
    compiler = "musl-gcc -static" if static else "musl-gcc"
    if instruction.heredocs or command.start != program:
        return ()
    install = "apt-get update && apt-get install -y --no-install-recommends musl-tools && "
    if begin == program:
        return (Edit(start=begin, end=command.name_end, replacement=install + compiler),)
    return (
        Edit(start=begin, end=begin, replacement=install),
        Edit(start=program, end=command.name_end, replacement=compiler),
    )


def cgo_packages(rootfs: Rootfs, node: Node) -> frozenset[str]:
    """The Go packages of a program that call C (cmd/cgo names the calls ``PACKAGE._Cfunc_NAME``)."""
    key = ("cgo-packages", node.diff_id, node.stored_path)
    known = rootfs.memo.get(key)
    if isinstance(known, frozenset):
        return known
    found: set[str] = set()
    tail = b""
    for offset in range(0, min(node.size_bytes, _MAX_PROGRAM_BYTES), _CHUNK_BYTES):
        chunk = tail + rootfs.read_at(node, offset, _CHUNK_BYTES)
        found.update(name.decode() for name in _CGO_CALL.findall(chunk))
        tail = chunk[-_OVERLAP_BYTES:]
    result = frozenset(found)
    rootfs.memo[key] = result
    return result


def _go(written: Written, rootfs: Rootfs, needs: Needs) -> StaticBuild | None:
    calling = cgo_packages(rootfs, needs.program)
    others = calling - _GO_RUNTIMES_OWN
    commands = [
        command
        for _, script in _runs(written)
        for command in script.commands
        if command.name == "go" and command.values[:1] in {("build",), ("install",)} and script.has_places
    ]
    if not commands:
        return None
    line = written.context.line_of(commands[0].start)
    if others:
        return _with_cgo(commands, line, sorted(others)[:3])
    edits: tuple[Edit, ...] = ()
    for command in commands:
        given = re.compile(r"CGO_ENABLED=\S*").search(written.source.text, command.start, command.name_end)
        place = command.name_end - len("go")
        start, end = given.span() if given is not None else (place, place)
        edits += (Edit(start=start, end=end, replacement="CGO_ENABLED=0" if given is not None else "CGO_ENABLED=0 "),)
    named = " and ".join(sorted(calling))
    remark = f"Only {named} of its packages calls C, and Go has a replacement for it." if named else ""
    return StaticBuild(edits=edits, line=line, flag="CGO_ENABLED=0", remark=remark)


def _with_cgo(commands: Sequence[RunCommand], line: int, calling: Sequence[str]) -> StaticBuild | None:
    """A static link with cgo enabled; ``None`` if the build command already has tags or linker flags."""
    if any(value.startswith(("-tags", "-ldflags")) for command in commands for value in command.values):
        return None
    flag = '-tags netgo,osusergo -ldflags "-extldflags -static"'
    edits = tuple(
        Edit(start=command.arguments[0].end, end=command.arguments[0].end, replacement=f" {flag}")
        for command in commands
    )
    return StaticBuild(
        edits=edits, line=line, flag=flag, remark=f"cgo stays enabled, because {', '.join(calling)} calls C."
    )


def _linked(written: Written, compilers: re.Pattern[str], remark: str) -> StaticBuild | None:
    found = list(_compilations(written, compilers))
    if len(found) != 1 or "-static" in found[0][2].values:
        return None
    _, _, command = found[0]
    edit = Edit(start=command.name_end, end=command.name_end, replacement=" -static")
    return StaticBuild(edits=(edit,), line=written.context.line_of(command.start), flag="-static", remark=remark)


def _rust(written: Written, remark: str) -> StaticBuild | None:
    for _, script in _runs(written):
        for command in script.commands:
            if not script.has_places:
                continue
            line = written.context.line_of(command.start)
            if command.name == "rustc" and not any("--crate-type" in value for value in command.values):
                edit = Edit(start=command.name_end, end=command.name_end, replacement=f" {_CRT_STATIC}")
                return StaticBuild(edits=(edit,), line=line, flag=_CRT_STATIC, remark=remark)
            builds = command.name == "cargo" and command.values[:1] in {("build",), ("install",)}
            if builds and "RUSTFLAGS" not in command.assigned and "RUSTFLAGS" not in written.context.variables:
                flag = f'RUSTFLAGS="{_CRT_STATIC}"'
                place = command.name_end - len("cargo")
                edit = Edit(start=place, end=place, replacement=f"{flag} ")
                return StaticBuild(edits=(edit,), line=line, flag=flag, remark=remark)
    return None


def _compilations(written: Written, compilers: re.Pattern[str]) -> Iterator[tuple[Instruction, RunScript, RunCommand]]:
    """The commands that compile and link a program in one step."""
    for instruction, script in _runs(written):
        for command in script.commands:
            if compilers.fullmatch(command.name) and script.has_places and not _NO_PROGRAM & set(command.values):
                yield instruction, script, command


def _runs(written: Written) -> Iterator[tuple[Instruction, RunScript]]:
    """The ``RUN`` instructions of every stage that the image needs."""
    for stage in written.source.dockerfile.reachable_stages(written.source.target):
        for one in stage.instructions:
            if one.name == "RUN":
                yield one, written.context.script(one)
