"""Checks Python virtual environments that were copied to another path or Python.

A virtual environment names its interpreter by an absolute link (``bin/python``) and by an absolute ``#!`` in each
script, and keeps its packages in ``lib/pythonX.Y`` of exactly that release (PEP 405).
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.image.layer import EntryKind
from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.start.attempt import Process, Program

_LIBRARY = re.compile(r"^python(3\.[0-9]+)t?$")
_PYTHON = re.compile(r"^python(3\.[0-9]+)?t?$")
_FIX = (
    "Create the virtual environment in the final stage, or copy it to the same path and use the same Python "
    "(the same image) in both stages."
)


def venv_of(rootfs: Rootfs, path: str, cwd: str = "/") -> str | None:
    """The virtual environment whose ``bin`` contains the path `path`; None if there is none."""
    directory = posixpath.dirname(posixpath.dirname(posixpath.normpath(posixpath.join(cwd, path))))
    return directory if rootfs.exists(f"{directory}/pyvenv.cfg") else None


def blame_venv(rootfs: Rootfs, finding: Finding, path: str, cwd: str) -> Finding:
    """`finding` as ``copied-venv-broken`` if it concerns a script or the Python of a virtual environment."""
    if finding.code not in {CheckCode.SHEBANG_INTERPRETER_MISSING, CheckCode.ENTRYPOINT_MISSING}:
        return finding
    venv = venv_of(rootfs, path, cwd)
    if venv is None:
        return finding
    link = rootfs.lookup(f"{venv}/bin/python", follow=False)
    evidence = list(finding.evidence)
    if isinstance(link, Node) and link.kind is EntryKind.SYMLINK and not rootfs.exists(f"{venv}/bin/python"):
        evidence.append(f"{venv}/bin/python is a symlink to {link.entry.link_target}, which is missing")
    return replace(
        finding, code=CheckCode.COPIED_VENV_BROKEN, evidence=(*evidence, f"{venv} is a virtual environment"), fix=_FIX
    )


def check_venv_release(process: Process, program: Program) -> Finding | None:
    """``copied-venv-broken``: the packages are for another release than the environment's Python."""
    if not _PYTHON.match(posixpath.basename(program.path)) or not program.argv:
        return None
    venv = venv_of(process.rootfs, program.argv[0], program.cwd)
    release = _PYTHON.match(posixpath.basename(program.path))
    if venv is None or release is None or release.group(1) is None:
        return None
    library = process.rootfs.lookup(f"{venv}/lib")
    if not isinstance(library, Node):
        return None
    matches = (_LIBRARY.match(posixpath.basename(child.path)) for child in process.rootfs.children(library))
    there = sorted(match.group(1) for match in matches if match)
    if not there or release.group(1) in there:
        return None
    return Finding(
        code=CheckCode.COPIED_VENV_BROKEN,
        severity=Severity.WARNING if program.script is None else Severity.ERROR,
        subject=Subject.ENTRYPOINT,
        path=venv,
        predicts="ModuleNotFoundError: No module named",
        evidence=(
            f"{venv}/lib has the packages of Python {', '.join(there)}",
            f"{venv}/bin/python leads to {program.path}",
        ),
        fix=_FIX,
    )
