"""What the matrix is made of: files of a subject, its config in each form, the bases, and a recorded outcome."""

from __future__ import annotations

import enum
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

BASES: dict[str, str | None] = {
    "scratch": None,
    "busybox": "busybox:latest",
    "busybox-glibc": "busybox:glibc",
    "musl": "alpine:latest",
    "glibc-2.31": "debian:bullseye",
    "glibc-2.36": "debian:bookworm",
    "glibc-2.41": "debian:trixie",
}
"""Each base by its name in the matrix, and the image that it is; None is an image without layers."""


class Form(enum.StrEnum):
    """How the Dockerfile gives the command."""

    EXEC = "exec"
    SHELL = "shell"


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file of a subject's layer: a part (built or downloaded), or text, or a link, or a directory."""

    part: str | None = None
    content: bytes = b""
    link: str | None = None
    directory: bool = False
    mode: int = 0o755
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """One program with its files and its config.

    `command` is the exec form of CMD, `shell` the text of the shell form. `marker` is in the output if and only if the
    program itself ran. `undecided` says why a prediction may be "not checked" (empty: it may not). `health` makes the
    command a health check: the container itself then only waits.
    """

    name: str
    files: Mapping[str, File] = field(default_factory=dict)
    command: tuple[str, ...]
    marker: str
    shell: str | None = None
    entrypoint: tuple[str, ...] | None = None
    entrypoint_in_shell_form: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    workdir: str = ""
    volumes: tuple[str, ...] = ()
    health: bool = False
    undecided: str = ""
    cause: int | None = None
    """The number of the real root cause (checks.md) that this subject stands for."""

    def config(self, form: Form) -> dict[str, object]:
        """The image config's `config` object, in Docker's spelling."""
        text = self.shell if self.shell is not None else shlex.join(self.command)
        in_shell = ["/bin/sh", "-c", text]
        argv = list(self.command) if form is Form.EXEC else in_shell
        config: dict[str, object] = {
            "Env": [f"{name}={value}" for name, value in self.env.items()],
            "WorkingDir": self.workdir,
            "User": self.user,
            "Volumes": {volume: {} for volume in self.volumes} or None,
        }
        if self.health:
            test = ["CMD", *self.command] if form is Form.EXEC else ["CMD-SHELL", text]
            return {
                **config,
                "Entrypoint": None,
                "Cmd": ["/pause"],
                "Healthcheck": {"Test": test, "Interval": 300_000_000, "Timeout": 20_000_000_000},
            }
        entrypoint = self.entrypoint
        if form is Form.SHELL and self.entrypoint_in_shell_form is not None:
            entrypoint = self.entrypoint_in_shell_form
        return {**config, "Entrypoint": list(entrypoint) if entrypoint else None, "Cmd": argv or None}


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a container really did: `ran` says that the marker was seen; `text` is what engine and program printed."""

    ran: bool
    exit_code: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Cell:
    """One subject on one base in one form."""

    subject: str
    base: str
    form: Form

    def __str__(self) -> str:
        return f"{self.subject}/{self.base}/{self.form}"


def cell_named(text: str) -> Cell:
    """The cell that `str` wrote."""
    subject, base, form = text.split("/")
    return Cell(subject=subject, base=base, form=Form(form))
