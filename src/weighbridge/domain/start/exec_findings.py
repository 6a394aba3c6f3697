"""Why ``execve`` refuses a file, as findings with evidence and a fix. The caller adds the text that is printed."""

from __future__ import annotations

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding
from weighbridge.domain.image.rootfs import LookupFailure, LookupReason, Node, Rootfs
from weighbridge.domain.start.attempt import Process
from weighbridge.domain.start.capabilities import FileCapabilities
from weighbridge.domain.start.elf import Elf
from weighbridge.domain.start.go import read_go_build_info
from weighbridge.domain.start.loader.objects import libc_of_loader, problem

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def missing_evidence(rootfs: Rootfs, path: str, failure: LookupFailure) -> tuple[str, ...]:
    """Why a path leads to no file: what lacks, and the symlink that leads there."""
    if failure.reason is LookupReason.PERMISSION_DENIED:
        return (f"{path}: the user may not pass through {failure.at}",)
    evidence = [
        f"{failure.at}: not in the image"
        if failure.reason is LookupReason.NOT_FOUND
        else f"{failure.at}: {failure.reason}"
    ]
    link = rootfs.lookup(path, follow=False)
    if isinstance(link, Node) and link.entry.link_target is not None:
        evidence.insert(0, f"{link.path} is a symlink to {with_visible_returns(link.entry.link_target)}")
    return tuple(evidence)


def not_executable(process: Process, path: str, node: Node) -> Finding:
    """The finding for a file that is no program for the user of the process."""
    credentials = process.credentials
    if node.is_directory:
        evidence, fix = f"{node.path} is a directory", "Name the program in it."
    elif not node.is_file:
        evidence, fix = f"{node.path} is a {node.kind}", "Name a regular file."
    else:
        evidence = f"{node.path}: mode {node.mode:04o}, owner {node.uid}:{node.gid}, run as {credentials.uid}"
        fix = "COPY --chmod=755, or chmod +x it in the build context (git keeps the bit)."
    return problem(CheckCode.ENTRYPOINT_NOT_EXECUTABLE, path=path, predicts=None, evidence=(evidence,), fix=fix)


def interpreter_unusable(script: Node, interpreter: str, refusal: Finding, *, is_denied: bool) -> Finding:
    """The finding for a script whose interpreter cannot be opened; `refusal` is that of the interpreter."""
    evidence = (f"{script.path}: #!{with_visible_returns(interpreter)}", *refusal.evidence)
    if interpreter.endswith("\r"):
        return problem(
            CheckCode.SHEBANG_CRLF,
            path=script.path,
            predicts=None,
            evidence=(
                f"{script.path}: line 1 ends in CR LF, so the kernel looks for {with_visible_returns(interpreter)}",
                "no file of that name",
            ),
            fix="Store the script with LF line ends (.gitattributes: *.sh text eol=lf).",
        )
    if is_denied:
        return problem(
            CheckCode.ENTRYPOINT_NOT_EXECUTABLE,
            path=script.path,
            predicts=None,
            evidence=evidence,
            fix="Make the interpreter executable for the user that runs the container.",
        )
    return problem(
        CheckCode.SHEBANG_INTERPRETER_MISSING,
        path=script.path,
        predicts=None,
        evidence=evidence,
        fix=f"Install {interpreter} in the final stage, or write the script for an existing shell (#!/bin/sh).",
    )


def bad_format(node: Node, head: bytes, facts: tuple[str, ...]) -> Finding:
    """The finding for a file that the kernel takes neither as ELF nor as a script."""
    if not head:
        what = "is empty"
    elif head.startswith(_BYTE_ORDER_MARK):
        what = "begins with a byte order mark, so its #! is not seen"
    elif head.startswith(b"#!"):
        what = "has a #! line without an interpreter, or one of more than 255 bytes"
    else:
        what = f"begins with {head[:8]!r}: neither ELF nor #!"
    return problem(
        CheckCode.ENTRYPOINT_BAD_FORMAT,
        path=node.path,
        predicts=None,
        evidence=(*facts, f"{node.path} {what}"),
        fix="Begin the script with #!/bin/sh and nothing before it, or run it as: sh SCRIPT.",
    )


def beyond_bounding_set(node: Node, capabilities: FileCapabilities) -> Finding:
    """The finding for a file with effective capabilities that a container does not have by default."""
    beyond = capabilities.beyond_bounding_set
    listed = ",".join(f"cap_{name}" for name in beyond)
    return problem(
        CheckCode.PRIVILEGE_MISSING,
        path=node.path,
        predicts=None,
        evidence=(
            f"{node.path}: its file capabilities make {listed} effective",
            "a container does not have that by default, so the kernel refuses to execute the file, for root too",
        ),
        fix=f"setcap -r {node.path} in the layer that adds the file, or start the container with "
        + " ".join(f"--cap-add {name.upper()}" for name in beyond)
        + ".",
    )


def existing_loaders(rootfs: Rootfs) -> tuple[str, ...]:
    """The loaders that the image has, to explain the mismatch."""
    found = []
    for directory in ("/lib", "/lib64"):
        node = rootfs.lookup(directory)
        if not isinstance(node, Node) or not node.is_directory:
            continue
        for child in rootfs.children(node):
            name = child.path.rpartition("/")[2]
            if name.startswith(("ld-musl-", "ld-linux")):
                target = rootfs.lookup(child.path)
                if isinstance(target, Node) and target.is_file:
                    found.append(f"the image has {child.path} ({libc_of_loader(rootfs, target)})")
    return tuple(dict.fromkeys(found))


def loader_fix(elf: Elf, loader_name: str) -> str:
    """How to build or place a program without its loader in the image, as specifically as the program allows."""
    go = read_go_build_info(elf)
    if go is not None:
        return (
            f"Build it with CGO_ENABLED=0 (its build information says {go.go_version}, CGO_ENABLED="
            f"{go.settings.get('CGO_ENABLED', 'unknown')}), or run it on a final stage with its C library."
        )
    if "musl" in loader_name:
        return "Link it statically (musl-gcc -static), or run it on a final stage with musl, such as alpine."
    return "Link it statically (-static), or run it on a final stage with glibc, such as busybox:glibc or debian."


def with_visible_returns(text: str) -> str:
    """`text` with visible carriage returns."""
    return text.replace("\r", "\\r")
