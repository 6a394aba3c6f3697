"""Converts lint's edits to changes of tips, so that both use one mechanism."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from weighbridge.domain.dockerfile.edits import EditSet
from weighbridge.domain.lint.model import LintFinding
from weighbridge.domain.lint.rules import lint_dockerfile
from weighbridge.domain.tips.tip import Basis, DockerfileSource, Tip, TipChange

_SHARED = frozenset(
    {"recommended-packages", "package-cache", "permission-copies", "sparse-logs", "dev-dependencies"},
)
"""Codes that lint and the computed tips share."""

_NOT_COMPUTED = frozenset({"recommended-packages"})
"""Codes whose saving only a build can measure. The layers show the saving of the others."""


def with_lint_edits(tips: Iterable[Tip], source: DockerfileSource) -> tuple[Tip, ...]:
    """The tips with lint's changes for the same code and instruction, and the tips that only lint finds.

    Joins tips of one code on one instruction with the same change, because half of a change cannot be applied.
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
    """Lint's findings with the tip's code in the instruction at the tip's line."""
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


def _change(findings: Sequence[LintFinding]) -> TipChange | None:
    """The edits of all findings; ``None`` if a finding has none, because the change would be incomplete."""
    taken = EditSet()
    for finding in findings:
        if not finding.edits or not taken.add(finding.edits):
            return None
    return TipChange(edits=taken.edits) if taken.edits else None


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
    """Lint's `text` as a sentence. A command at its beginning does not change."""
    return f"{text.rstrip('.')}."
