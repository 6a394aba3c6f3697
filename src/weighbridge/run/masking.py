"""Masks the secrets of a run in its messages and errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from weighbridge.domain.secret_values import SecretMask
from weighbridge.progress.lines import Progress

_MAXIMUM_CAUSES = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskedProgress:
    """Forwards everything to `progress`, with ``***`` for each secret."""

    progress: Progress
    mask: SecretMask

    def step(self, text: str) -> None:
        """A new step of the run begins."""
        self.progress.step(self.mask.text(text))

    def warn(self, text: str) -> None:
        """Print a warning. The run continues."""
        self.progress.warn(self.mask.text(text))

    def expect_builds(self, count: int) -> None:
        """`count` more builds follow."""
        self.progress.expect_builds(count)

    def build_line(self, title: str, line: str) -> None:
        """One line of a build's output. The builder masks the lines, also across line borders."""
        self.progress.build_line(self.mask.text(title), line)

    def build_ended(self, title: str, *, seconds: float, failed: bool) -> None:
        """The build `title` has ended."""
        self.progress.build_ended(self.mask.text(title), seconds=seconds, failed=failed)

    def reading(self, what: str, done_bytes: int, total_bytes: int | None) -> None:
        """`done_bytes` of `what` are read."""
        self.progress.reading(self.mask.text(what), done_bytes, total_bytes)


@contextmanager
def masked_errors(mask: SecretMask) -> Iterator[None]:
    """Mask the secrets in the text of any exception that passes, and in its causes, which ``--debug`` prints."""
    try:
        yield
    except Exception as error:
        one: BaseException | None = error
        for _ in range(_MAXIMUM_CAUSES):
            if one is None:
                break
            one.args = tuple(mask.text(arg) if isinstance(arg, str) else arg for arg in one.args)
            one = one.__cause__ or one.__context__
        raise
