"""Explains a build failure that a known mistake in the Dockerfile causes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from weighbridge.domain.dockerfile import Dockerfile, Instruction, Source
from weighbridge.domain.lint.workdir import Misplaced, misplaced

_MISSING = re.compile(
    r'(?P<quoted>"[^"]{1,300}"):? not found'
    r"|stat (?P<plain>\S{1,300}): (?:file does not exist|no such file or directory)"
    r"|(?P<absent>\S{1,300}): no such file or directory"
)
"""Messages for a missing source of ``COPY``, of BuildKit and of the classic builder (``stat …``)."""


def explain_build_failure(dockerfile: Dockerfile, said: Iterable[str]) -> str | None:
    """How to fix `dockerfile`, given the output lines `said` of its failed build; ``None`` if the mistake is unknown.

    Known mistake: ``COPY --from=STAGE path``. The path begins at the stage's root and not in its ``WORKDIR``
    (Dockerfile reference, COPY --from), so a relative path refers to the wrong folder.
    """
    missing = {path for line in said for path in _missing_paths(line)}
    if not missing:
        return None
    for stage in dockerfile.stages:
        for instruction in (*stage.triggers, *stage.instructions):
            for source in instruction.sources:
                found = misplaced(dockerfile, source)
                if found is not None and found.path.lstrip("/") in missing:
                    return _explained(dockerfile, instruction, source, found)
    return None


def _missing_paths(line: str) -> Iterable[str]:
    for match in _MISSING.finditer(line[:4000]):
        path = match["quoted"] or match["plain"] or match["absent"]
        yield path.strip('":').lstrip("/")


def _explained(dockerfile: Dockerfile, instruction: Instruction, source: Source, found: Misplaced) -> str:
    return (
        f"{dockerfile.path}:{instruction.line}: {source.written} is {found.path} of the stage {found.stage.label}:"
        f" --from begins at its root, but the stage works in {found.folder}."
        f" Write the absolute path: {found.absolute_path} (copy-from-relative-path)."
    )
