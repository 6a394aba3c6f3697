"""Servers that check the image before they serve: s6-svscan, sshd, and Debian's apache2 and cron.

Sources: s6-svscan(8); OpenSSH's sshd.c (``main``); Debian's
/etc/apache2/apache2.conf. The messages were recorded from s6 2.11, OpenSSH 9.2 and apache 2.4.
"""

from __future__ import annotations

import posixpath

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.image.rootfs import LookupFailure, Node
from weighbridge.domain.start.attempt import UNKNOWN, Process, Program
from weighbridge.domain.start.interpreters.options import Grammar, read_options
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_SVSCAN = Grammar(values="cCdtX", flags="Ss")
_SSHD = Grammar(flags="46DdeiqTtV", values="CcEfghopu")
_PRIVILEGE_SEPARATION = b"/run/sshd"
_MAX_PROGRAM_BYTES = 4 * 1024 * 1024


def read_svscan(process: Process, program: Program) -> Reading | None:
    """The folder that ``s6-svscan`` watches; None for other programs."""
    if posixpath.basename(program.path) != "s6-svscan":
        return None
    view = View(process=process, program=program)
    line = read_options(view.words, _SVSCAN)
    if line.unknown is not None:
        return view.unknown_option(line)
    if not line.operands:
        return view.looked("watches the working directory")
    folder = line.operands[0]
    node = view.find(folder)
    if isinstance(node, LookupFailure):
        return view.absent(node) or view.file_missing(folder, "s6-svscan: fatal: unable to chdir")
    return view.looked(f"{folder} is found, not read")


def read_sshd(process: Process, program: Program) -> Reading | None:
    """What ``sshd`` needs before it listens: an absolute name, its keys, and its folder; None for other programs."""
    if posixpath.basename(program.path) != "sshd":
        return None
    view = View(process=process, program=program)
    line = read_options(view.words, _SSHD)
    if line.unknown is not None:
        return view.unknown_option(line)
    if line.has("-V"):
        return view.looked("prints and ends")
    if not view.name.startswith("/") and not line.has("-t", "-T", "-i"):
        return view.refuses(
            view.name,
            "sshd re-exec requires execution with an absolute path",
            fix=f"Name it with its path: {program.path}.",
        )
    if process.credentials.uid or line.has("-f", "-h", "-o", "-t", "-T"):
        return view.looked("its configuration is not read")
    folder = view.find("/run/sshd")
    node = view.file(program.path)
    content = process.rootfs.read(node, limit_bytes=_MAX_PROGRAM_BYTES) if node is not None else b""
    if _PRIVILEGE_SEPARATION + b"\0" in content and isinstance(folder, LookupFailure):
        text = "Missing privilege separation directory: /run/sshd"
        return view.absent(folder) or view.misconfigured(text, "/run/sshd", "not in the image: RUN mkdir -p /run/sshd")
    return view.looked("its configuration is not read")


def read_apache(process: Process, program: Program) -> Reading | None:
    """Debian's ``apache2`` without the variables of its start script; None for other programs."""
    if posixpath.basename(program.path) != "apache2" or process.is_open:
        return None
    view = View(process=process, program=program)
    if set(view.words) & {"-v", "-V", "-h", "-l", "-L", "-f", "-d"}:
        return view.looked("its configuration is not read")
    node = view.file("/etc/apache2/apache2.conf")
    text = view.configuration(node) if node is not None else None
    if text is None or "\nDefaultRuntimeDir ${APACHE_RUN_DIR}\n" not in text:
        return view.looked("its configuration is not read")
    folder = process.env.get("APACHE_RUN_DIR")
    if folder == UNKNOWN:
        return view.looked("its configuration is not read")
    found = view.find(folder) if folder else None
    if isinstance(found, Node) and found.is_directory:
        return view.looked("its configuration is not read")
    undecided = view.absent(found) if isinstance(found, LookupFailure) else None
    why = f"{folder} is not in the image" if folder else "APACHE_RUN_DIR is not set. Run apache2ctl -D FOREGROUND"
    text = "DefaultRuntimeDir must be a valid directory, absolute or relative to ServerRoot"
    return undecided or view.misconfigured(text, "/etc/apache2/apache2.conf", why)


def read_cron(process: Process, program: Program) -> Reading | None:
    """Debian's ``cron``, which writes its process ID to /var/run; None for other programs."""
    if posixpath.basename(program.path) != "cron" or process.credentials.uid == 0:
        return None
    view = View(process=process, program=program)
    node = view.file(program.path)
    content = process.rootfs.read(node, limit_bytes=_MAX_PROGRAM_BYTES) if node is not None else b""
    folder = view.find("/var/run")
    is_there = isinstance(view.find("/var/run/crond.pid"), Node)
    if b"can't open or create" not in content or is_there or not isinstance(folder, Node):
        return None
    if process.credentials.may_write(folder.entry):
        return view.looked("its tables are not read")
    return view.fails(
        CheckCode.PRIVILEGE_MISSING,
        path=program.path,
        predicts="can't open or create /var/run/crond.pid: Permission denied",
        evidence=(f"user {process.credentials.uid} may not write to {folder.path}",),
        fix="Start the container as root.",
    )
