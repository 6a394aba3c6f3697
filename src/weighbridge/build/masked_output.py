"""Masks the secrets of a build in its output."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from weighbridge.domain.secret_values import HIDDEN, SecretMask, is_secret
from weighbridge.progress.text import without_controls

_STEP = re.compile(r"#\d+ (?:\d+\.\d+ )?")
"""BuildKit's prefix of a step's output: its number and the seconds."""
_MAXIMUM_SECRET_BYTES = 65_536
_NOT_BY_ENVIRONMENT = re.compile(
    r"(?:DOCKER|BUILDX|BUILDKIT|COMPOSE|LD|DYLD|GO|SSL|GIT|SSH|XDG|HTTPS?|ALL|NO|FTP)_|PATH$|HOME$", re.IGNORECASE
)
"""Variables that may change the behaviour of the docker client: a build argument never becomes one of them."""


class MaskedLines:
    """Forwards the lines of a build, masked. Holds one line back, because a secret may continue in the next one."""

    def __init__(self, mask: SecretMask, tell: Callable[[str], None]) -> None:
        self._mask = mask
        self._tell = tell
        self._held: str | None = None
        self._hidden = 0
        """Characters at the beginning of the held line that continue a secret."""

    def add(self, line: str) -> None:
        """Add one line, or a piece of an overlong one."""
        clean = without_controls(line)
        if not self._mask:
            self._tell(self._mask.text(clean))
            return
        opening, body = _parts(clean)
        hidden = 0
        if self._held is not None:
            ends, hidden = self._mask.across(_parts(self._held)[1], body)
            self._forward(ends)
        self._held, self._hidden = opening + body, hidden

    def end(self) -> None:
        """Forward the last line."""
        if self._held is not None:
            self._forward(0)
            self._held = None

    def _forward(self, ends: int) -> None:
        """Forward the held line without its first hidden characters and its last `ends`."""
        assert self._held is not None
        opening, body = _parts(self._held)
        if self._hidden + ends >= len(body) > 0 and self._hidden + ends > 0:
            shown = HIDDEN
        else:
            kept = body[self._hidden : len(body) - ends]
            shown = f"{HIDDEN * (self._hidden > 0)}{self._mask.text(kept)}{HIDDEN * (ends > 0)}"
        self._tell(self._mask.text(opening + shown))


def _parts(line: str) -> tuple[str, str]:
    """BuildKit's prefix of a line, and the rest, which the program printed."""
    step = _STEP.match(line)
    opening = step[0] if step else ""
    return opening, line[len(opening) :]


def build_secrets(
    build_args: Mapping[str, str], secret_files: Mapping[str, Path], environment: Mapping[str, str]
) -> Iterator[str]:
    """The secrets of a build: secret arguments and variables, and the contents of secret files."""
    for named in (build_args, environment):
        yield from (value for name, value in named.items() if is_secret(name, value))
    for path in secret_files.values():
        try:
            with path.open("rb") as file:
                yield file.read(_MAXIMUM_SECRET_BYTES).decode("utf-8", "surrogateescape")
        except OSError:
            continue  # the build itself reports the missing file


def by_environment(build_args: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """The secret arguments that docker gets as environment variables, to keep them out of the list of processes."""
    return {
        name: value
        for name, value in build_args.items()
        if is_secret(name, value) and name not in environment and not _NOT_BY_ENVIRONMENT.match(name)
    }
