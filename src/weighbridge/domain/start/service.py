"""How a Compose service configures the start of its image (Compose specification, "services")."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceStart:
    """What a service of a Compose file changes of its image's start.

    `line` is the line of the command in `file`. A value that is ``None`` is that of the image. `mounts` are the paths
    that volumes, tmpfs and configs cover. `has_more_variables` means that files outside of the image set further ones.
    `has_more_privilege`: the service adds capabilities. `healthcheck` is its own test, which begins with ``NONE``,
    ``CMD`` or ``CMD-SHELL``. `unknown_because` says why the command is unknown.
    """

    service: str
    file: str
    line: int
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    user: str | None = None
    working_dir: str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    mounts: tuple[str, ...] = ()
    has_more_variables: bool = False
    has_more_privilege: bool = False
    healthcheck: tuple[str, ...] | None = None
    unknown_because: str | None = None

    @property
    def changes_start(self) -> bool:
        """Whether the container starts in another way than the image's own."""
        changes = (self.entrypoint, self.command, self.user, self.working_dir)
        return any(change is not None for change in changes)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: service {self.service}"
