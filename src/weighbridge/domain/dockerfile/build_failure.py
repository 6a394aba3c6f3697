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
"""What a source of ``COPY`` is called that is not there: by BuildKit, and by the classic builder (``stat …``)."""


def explain_build_failure(dockerfile: Dockerfile, said: Iterable[str]) -> str | None:
    """What to change in `dockerfile`, given the lines that its failed build `said`; ``None`` if no trap fits.

    Known is ``COPY --from=STAGE path``: the path begins at the stage's root and not in its ``WORKDIR`` (Dockerfile
    reference, COPY --from), so a relative one is looked for in the wrong folder.
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
