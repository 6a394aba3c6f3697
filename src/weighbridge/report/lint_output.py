"""Renders the output of ``weighbridge lint``: text; JSON, SARIF, GitLab, checkstyle and GitHub for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from weighbridge import __version__
from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.linted import LintedFile
from weighbridge.domain.lint.model import LintFinding
from weighbridge.progress.text import without_controls

SCHEMA_VERSION = 1

_COMMAND = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_GITLAB = {Severity.ERROR: "critical", Severity.WARNING: "minor", Severity.INFO: "info"}
_COLOR = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFO: "36"}
_MAXIMUM_SOURCE = 160
_MAXIMUM_OTHER_LINES = 12


def render_lint(files: Sequence[LintedFile], format_: str, *, color: bool = False) -> str:
    """All findings in the named format. Secrets are masked, except in the patches of JSON, which must apply."""
    files = [_masked(file) for file in files]
    match format_:
        case "json":
            return render_lint_json(files)
        case "github":
            return render_lint_github(files)
        case "gitlab":
            return render_lint_gitlab(files)
        case "checkstyle":
            return render_lint_checkstyle(files)
        case "sarif":
            from weighbridge.report.sarif import render_lint_sarif  # noqa: PLC0415 - other formats start without it

            return render_lint_sarif(files)
        case "concise":
            return render_lint_text(files, shows_source=False)
        case _:
            return render_lint_text(files, color=color)


def _masked(file: LintedFile) -> LintedFile:
    """The file with ``***`` for the secrets in what is said about it. Its text stays: patches are made from it."""
    if not (file.findings or file.fixed or file.not_fixed or file.not_linted):
        return file

    def mask(one: LintFinding) -> LintFinding:
        reason = one.ignored_because
        reason = None if reason is None else _shown(reason)
        return one._replace(message=_shown(one.message), fix=_shown(one.fix), ignored_because=reason)

    return file._replace(
        findings=tuple(map(mask, file.findings)),
        fixed=tuple(map(mask, file.fixed)),
        not_fixed=None if file.not_fixed is None else _shown(file.not_fixed),
        not_linted=None if file.not_linted is None else _shown(file.not_linted),
    )


def _shown(text: str) -> str:
    from weighbridge.domain.secret_values import ANY_SECRET  # noqa: PLC0415 - a run without findings starts without it

    return ANY_SECRET.text(text)


# --- text ---------------------------------------------------------------------------------------------------------


def render_lint_text(files: Sequence[LintedFile], *, color: bool = False, shows_source: bool = True) -> str:
    """The findings in order, each beginning with its place, as compilers print them, and a summary.

    `shows_source` adds the line of the file with a caret, the fix and the size. `color` uses ANSI escapes.
    """
    lines = []
    for file in files:
        path = without_controls(file.path)
        lines += [f"{path}:{one.line}: fixed {one.code}: {without_controls(one.message)}" for one in file.fixed]
        source = file.text.split("\n") if shows_source and file.findings else []
        for one in file.findings:
            place = _styled(f"{path}:{one.line}:", "1", color=color)
            if one.ignored_because is not None:
                lines.append(f"{place} ignored {one.code}: {without_controls(one.ignored_because)}")
                continue
            severity = _styled(one.severity, f"1;{_COLOR[one.severity]}", color=color)
            lines.append(f"{place} {severity} {_styled(one.code, '1', color=color)}: {without_controls(one.message)}")
            if shows_source:
                lines += _excerpt(source, one, color=color)
                lines += _notes(one)
        if file.not_fixed:
            lines.append(f"{path}: not fixed: {file.not_fixed}")
        if file.not_linted:
            lines.append(f"{path}: not linted: {file.not_linted}")
    return "\n".join([*lines, *_by_rule(files), _summary(files)]) + "\n"


def _excerpt(source: Sequence[str], one: LintFinding, *, color: bool) -> Iterator[str]:
    """The line of the file, with a caret below the relevant text."""
    if not 0 < one.line <= len(source):
        return
    plain = without_controls(source[one.line - 1].rstrip().replace("\t", " "))
    masked = _shown(plain)
    text = masked[:_MAXIMUM_SOURCE]
    if not text.strip():
        return
    number = str(one.line)
    yield f"    {_styled(f'{number} |', '2', color=color)} {text}"
    start, width = one.column - 1, one.width
    if masked != plain:  # a mask moves the text after it
        start, end = (len(_shown(plain[:place])) for place in (start, start + width))
        width = end - start
    if one.width and start < len(text):
        caret = "^" * max(min(width, len(text) - start), 1)
        bar = _styled("|", "2", color=color)
        yield f"    {' ' * len(number)} {bar} {' ' * start}{_styled(caret, _COLOR[one.severity], color=color)}"


def _notes(one: LintFinding) -> Iterator[str]:
    hint = ("  [--fix]" if one.is_safe else "  [--fix --unsafe-fixes]") if one.edits else ""
    yield f"    {without_controls(one.fix)}{hint}"
    if one.other_lines:
        shown = ", ".join(str(line) for line in one.other_lines[:_MAXIMUM_OTHER_LINES])
        more = len(one.other_lines) - _MAXIMUM_OTHER_LINES
        noun = "line" if len(one.other_lines) == 1 else "lines"
        yield f"    Also on {noun} {shown}" + (f" and {more} more" if more > 0 else "")
    if one.about_bytes is not None:
        yield f"    Order of magnitude: {_about(one.about_bytes)} (an estimate, not measured)"


def _about(count: int) -> str:
    if count >= 1_000_000_000:
        return f"{count / 1_000_000_000:.0f} GB"
    return f"{count / 1_000_000:.0f} MB"


def _styled(text: str, code: str, *, color: bool) -> str:
    return f"\033[{code}m{text}\033[0m" if color else text


def _by_rule(files: Sequence[LintedFile]) -> list[str]:
    """The number of findings per code, most frequent first; empty for fewer than two findings."""
    counts = Counter(one.code for file in files for one in file.findings if one.ignored_because is None)
    if counts.total() < 2:
        return []
    width = len(str(max(counts.values())))
    longest = max(map(len, counts))
    return ["", *(f"{count:>{width}}  {code:<{longest}}  {code.summary}" for code, count in counts.most_common())]


def _summary(files: Sequence[LintedFile]) -> str:
    shown = [one for file in files for one in file.findings if one.ignored_because is None]
    counts = Counter(one.severity for one in shown)
    fixed = sum(len(file.fixed) for file in files)
    found = ", ".join(
        f"{counts[severity]} {noun}{'' if counts[severity] == 1 or noun == 'info' else 's'}"
        for severity, noun in ((Severity.ERROR, "error"), (Severity.WARNING, "warning"), (Severity.INFO, "info"))
        if counts[severity]
    )
    linted = [file for file in files if not file.not_linted]
    what = f"{len(linted)} Dockerfile{'' if len(linted) == 1 else 's'}"
    if len(linted) < len(files):
        what += f", {len(files) - len(linted)} not linted"
    if not files:
        return "no Dockerfile found: nothing is checked"
    return f"{what}: {found or 'nothing found'}" + (f", {fixed} fixed" if fixed else "") + _fixable(shown)


def _fixable(shown: Sequence[LintFinding]) -> str:
    safe = sum(1 for one in shown if one.edits and one.is_safe)
    unsafe = sum(1 for one in shown if one.edits and not one.is_safe)
    parts = [f"{safe} fixable with --fix"] if safe else []
    if unsafe:
        parts.append(f"{unsafe}{' more' if safe else ' fixable'} with --fix --unsafe-fixes")
    return f" ({', '.join(parts)})" if parts else ""


# --- formats for programs ---------------------------------------------------------------------------------------------


def render_lint_json(files: Sequence[LintedFile]) -> str:
    """All findings with their patches. Stable and versioned: new versions only add fields."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "weighbridge", "version": __version__},
        "files": sum(not file.not_linted for file in files),
        "findings": [_as_json(file, one, is_fixed=is_fixed) for file, one, is_fixed in _all(files)],
        "not_linted": [{"path": file.path, "reason": file.not_linted} for file in files if file.not_linted],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def render_lint_github(files: Sequence[LintedFile]) -> str:
    """One workflow command per finding, which GitHub shows at the line."""
    from weighbridge.report.workflow_command import command  # noqa: PLC0415 - other formats start faster without it

    lines = [
        command(
            _COMMAND[one.severity],
            without_controls(f"{one.message}\n{one.fix}"),
            {"file": file.path, "line": one.line, "endLine": one.end_line, "title": f"weighbridge: {one.code}"},
        )
        for file, one in _counting(files)
    ]
    return "".join(f"{line}\n" for line in lines)


def render_lint_gitlab(files: Sequence[LintedFile]) -> str:
    """GitLab's code quality report (docs.gitlab.com, "Code quality report format").

    The fingerprint excludes the line, so that it stays the same when lines are added above the finding.
    """
    from hashlib import sha256  # noqa: PLC0415 - other formats start faster without it

    seen: Counter[str] = Counter()
    issues = []
    for file, one in _counting(files):
        identity = f"{file.path}\0{one.code}\0{one.message}"
        seen[identity] += 1
        fingerprint = sha256(f"{identity}\0{seen[identity]}".encode("utf-8", "surrogatepass")).hexdigest()
        issues.append(
            {
                "description": without_controls(f"{one.message}. {one.fix}"),
                "check_name": one.code,
                "fingerprint": fingerprint,
                "severity": _GITLAB[one.severity],
                "location": {"path": file.path, "lines": {"begin": one.line, "end": one.end_line}},
            }
        )
    return json.dumps(issues, indent=2, ensure_ascii=False) + "\n"


def render_lint_checkstyle(files: Sequence[LintedFile]) -> str:
    """Checkstyle's XML, for Jenkins, reviewdog and editors."""
    from xml.sax.saxutils import quoteattr  # noqa: PLC0415 - other formats start faster without it

    def attribute(text: str) -> str:
        shown = "".join(
            one for one in without_controls(text) if one == "\t" or " " <= one <= "\ud7ff" or one >= "\ue000"
        )
        return quoteattr(shown)

    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<checkstyle version="4.3">']
    for file in files:
        found = [one for one in file.findings if one.ignored_because is None]
        if not found:
            continue
        lines.append(f"  <file name={attribute(file.path)}>")
        lines += [
            f'    <error line="{one.line}" column="{one.column}" severity="{one.severity}"'
            f" message={attribute(f'{one.message}. {one.fix}')} source={attribute(f'weighbridge.{one.code}')}/>"
            for one in found
        ]
        lines.append("  </file>")
    return "\n".join([*lines, "</checkstyle>"]) + "\n"


def _counting(files: Sequence[LintedFile]) -> Iterator[tuple[LintedFile, LintFinding]]:
    return ((file, one) for file in files for one in file.findings if one.ignored_because is None)


def _all(files: Sequence[LintedFile]) -> Iterator[tuple[LintedFile, LintFinding, bool]]:
    for file in files:
        yield from ((file, one, True) for one in file.fixed)
        yield from ((file, one, False) for one in file.findings)


def _as_json(file: LintedFile, one: LintFinding, *, is_fixed: bool) -> dict[str, Any]:
    return {
        "path": file.path,
        "line": one.line,
        "end_line": one.end_line,
        "column": one.column,
        "other_lines": list(one.other_lines),
        "code": one.code,
        "severity": one.severity,
        "message": one.message,
        "fix": one.fix,
        "about_bytes": one.about_bytes,
        "patch": None if is_fixed else file.patch(one),
        "patch_is_safe": one.is_safe if one.edits else None,
        "page": one.code.page if one.code is not LintCode.DOCKERFILE_ERROR else None,
        "ignored_because": one.ignored_because,
        "fixed": is_fixed,
    }
