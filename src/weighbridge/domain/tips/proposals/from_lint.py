"""Lint's mechanical edits as the changes of tips: one mechanism, whether the image was built or only its file read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from weighbridge.domain.dockerfile.edits import EditSet
from weighbridge.domain.lint import LintFinding, lint_dockerfile
from weighbridge.domain.tips.tip import Basis, Change, DockerfileSource, Tip

_SHARED = frozenset(
    {"recommended-packages", "package-cache", "permission-copies", "sparse-logs", "dev-dependencies"},
)
"""Codes that lint and the computed tips both give."""

_NOT_COMPUTED = frozenset({"recommended-packages"})
"""Those whose bytes only show in a build; the others are there exactly where layers hold them."""


def with_lint_edits(tips: Iterable[Tip], source: DockerfileSource) -> tuple[Tip, ...]:
    """The tips with the changes that lint knows for the same code and instruction, and those that only lint sees.

    Tips of one code about one instruction that share their change are one tip: nobody can do half of it.
    """
    found = [
        finding
        for finding in lint_dockerfile(source.text, source.dockerfile, target=source.target)
        if finding.code in _SHARED and finding.ignored_because is None
    ]
    used: set[tuple[str, int]] = set()
    merged: dict[tuple[str, int], Tip] = {}
    result: list[Tip] = []
    for tip in tips:
        about = _about(tip, found, source)
        used.update((one.code, one.line) for one in about)
        change = _change(about)
        if tip.change is not None or change is None:
            result.append(tip)
            continue
        key = (tip.code, about[0].line)
        known = merged.get(key)
        merged[key] = replace(tip, change=change) if known is None else _joined(known, tip)
    result += merged.values()
    for finding in found:
        if finding.code in _NOT_COMPUTED and (finding.code, finding.line) not in used:
            result.append(
                Tip(
                    code=finding.code,
                    saved_bytes=None,
                    basis=Basis.UNKNOWN,
                    line=finding.line,
                    explanation=f"{_sentence(finding.message)} {_sentence(finding.fix)}",
                    change=_change([finding]),
                )
            )
    return tuple(result)


def _about(tip: Tip, found: Sequence[LintFinding], source: DockerfileSource) -> list[LintFinding]:
    """Lint's findings of the tip's code in the instruction that the tip's line is in."""
    if tip.line is None:
        return []
    final = source.dockerfile.final_stage(source.target)
    for stage in source.dockerfile.chain(final):
        for one in stage.instructions:
            if one.line <= tip.line <= one.end_line:
                return [
                    finding
                    for finding in found
                    if finding.code == tip.code and one.line <= finding.line <= one.end_line
                ]
    return []


def _change(findings: Sequence[LintFinding]) -> Change | None:
    """The edits of all of them; ``None`` where one has none, for then doing the others is not what the tip says."""
    taken = EditSet()
    for finding in findings:
        if not finding.edits or not taken.add(finding.edits):
            return None
    return Change(edits=taken.edits) if taken.edits else None


def _joined(first: Tip, second: Tip) -> Tip:
    saved = None
    if first.saved_bytes is not None and second.saved_bytes is not None:
        saved = first.saved_bytes + second.saved_bytes
    return replace(
        first,
        saved_bytes=saved,
        basis=first.basis if saved is not None else Basis.UNKNOWN,
        explanation=f"{first.explanation} {second.explanation}",
    )


def _sentence(text: str) -> str:
    """`text`, which lint writes without its end, as a sentence. It may begin with a command, which stays as it is."""
    return f"{text.rstrip('.')}."
