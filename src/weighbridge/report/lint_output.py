"""What ``weighbridge lint`` prints: text for people, JSON for programs, workflow commands for GitHub's annotations."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from weighbridge import __version__
from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.lint import LintFinding
from weighbridge.domain.lint.linted import LintedFile
from weighbridge.progress.lines import without_controls

SCHEMA_VERSION = 1

_COMMAND = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render_lint_text(files: Sequence[LintedFile]) -> str:
    """One finding after the other, each with its place first, as compilers print them; at the end their number."""
    lines = []
    for file in files:
        path = without_controls(file.path)
        lines += [f"{path}:{one.line}: fixed {one.code}: {without_controls(one.message)}" for one in file.fixed]
        for one in file.findings:
            place = f"{path}:{one.line}"
            if one.ignored_because is not None:
                lines.append(f"{place}: ignored {one.code}: {without_controls(one.ignored_because)}")
                continue
            lines.append(f"{place}: {one.severity} {one.code}: {without_controls(one.message)}")
            hint = ("  [--fix]" if one.is_safe else "  [--fix --unsafe-fixes]") if one.edits else ""
            lines.append(f"    {without_controls(one.fix)}{hint}")
        if file.not_fixed:
            lines.append(f"{path}: not fixed: {file.not_fixed}")
    return "\n".join([*lines, _summary(files)]) + "\n"


def render_lint_json(files: Sequence[LintedFile]) -> str:
    """All findings with their patches. Stable and versioned: fields are only ever added."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "weighbridge", "version": __version__},
        "files": len(files),
        "findings": [_as_json(file, one, is_fixed=is_fixed) for file, one, is_fixed in _all(files)],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def render_lint_github(files: Sequence[LintedFile]) -> str:
    """One workflow command a finding, which GitHub shows beside the line."""
    from weighbridge.github.workflow_commands import command  # noqa: PLC0415 - the other formats start without it

    lines = [
        command(
            _COMMAND[one.severity],
            without_controls(f"{one.message}\n{one.fix}"),
            {"file": file.path, "line": one.line, "endLine": one.end_line, "title": f"weighbridge: {one.code}"},
        )
        for file in files
        for one in file.findings
        if one.ignored_because is None
    ]
    return "".join(f"{line}\n" for line in lines)


def _all(files: Sequence[LintedFile]) -> Iterator[tuple[LintedFile, LintFinding, bool]]:
    for file in files:
        yield from ((file, one, True) for one in file.fixed)
        yield from ((file, one, False) for one in file.findings)


def _as_json(file: LintedFile, one: LintFinding, *, is_fixed: bool) -> dict[str, Any]:
    return {
        "path": file.path,
        "line": one.line,
        "end_line": one.end_line,
        "code": one.code,
        "severity": one.severity,
        "message": one.message,
        "fix": one.fix,
        "patch": None if is_fixed else file.patch(one),
        "patch_is_safe": one.is_safe if one.edits else None,
        "ignored_because": one.ignored_because,
        "fixed": is_fixed,
    }


def _summary(files: Sequence[LintedFile]) -> str:
    counts = Counter(one.severity for file in files for one in file.findings if one.ignored_because is None)
    fixed = sum(len(file.fixed) for file in files)
    found = ", ".join(
        f"{counts[severity]} {noun}{'' if counts[severity] == 1 or noun == 'info' else 's'}"
        for severity, noun in ((Severity.ERROR, "error"), (Severity.WARNING, "warning"), (Severity.INFO, "info"))
        if counts[severity]
    )
    what = f"{len(files)} Dockerfile{'' if len(files) == 1 else 's'}"
    return f"{what}: {found or 'nothing found'}" + (f", {fixed} fixed" if fixed else "")
