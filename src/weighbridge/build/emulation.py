"""Checks with a tiny build whether a builder can run programs of another platform."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Protocol

from weighbridge.build.builder import BuildRequest
from weighbridge.build.client import BuildClient
from weighbridge.domain.start.elf.tiny import tiny_program
from weighbridge.errors import BuildError
from weighbridge.sources.reference import ImageReference

_CANNOT_RUN = re.compile(r"exec format error|Invalid ELF image", re.IGNORECASE)
_DOCKERFILE = 'FROM scratch\nCOPY program /program\nRUN ["/program"]\n'


class _Builds(Protocol):
    @property
    def client(self) -> BuildClient: ...

    def build(self, request: BuildRequest) -> ImageReference: ...


def can_run(builder: _Builds, platform: str) -> bool:
    """False if the builder cannot run a program of `platform` (``os/arch[/variant]``).

    Builds a program of a hundred bytes from scratch. An inconclusive result is True: the image's own build then reports
    the problem.
    """
    system, _, rest = platform.partition("/")
    program = tiny_program(rest.partition("/")[0])
    if system != "linux" or program is None or not builder.client.has_buildkit:
        return True
    with tempfile.TemporaryDirectory(prefix="weighbridge-platform-") as scratch:
        folder = Path(scratch)
        (folder / "program").write_bytes(program)
        (folder / "program").chmod(0o755)
        (folder / "Dockerfile").write_text(_DOCKERFILE, encoding="ascii")
        try:
            builder.build(
                BuildRequest(
                    title=f"can {platform} run here",
                    dockerfile=folder / "Dockerfile",
                    context=folder,
                    platform=platform,
                    no_cache=True,
                )
            )
        except BuildError as error:
            return not any(_CANNOT_RUN.search(line) for line in (str(error), *error.log_tail))
    return True
