"""Renders lint findings as SARIF 2.1.0 for code-scanning services.

Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from weighbridge import __version__
from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.linted import LintedFile
from weighbridge.domain.lint.model import LintFinding

_LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_ALL_CODES = tuple(LintCode)


def render_lint_sarif(files: Sequence[LintedFile]) -> str:
    """One run with a rule per code; a finding with edits has a fix, an ignored finding has a suppression."""
    run = {
        "tool": {
            "driver": {"name": "weighbridge", "version": __version__, "rules": [_rule(code) for code in _ALL_CODES]}
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(file, one) for file in files for one in file.findings],
    }
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _rule(code: LintCode) -> dict[str, Any]:
    return {"id": code, "shortDescription": {"text": code.summary.replace("`", "")}}


def _result(file: LintedFile, one: LintFinding) -> dict[str, Any]:
    artifact = {"uri": quote(file.path.encode("utf-8", "surrogateescape"))}
    result: dict[str, Any] = {
        "ruleId": one.code,
        "ruleIndex": _ALL_CODES.index(one.code),
        "level": _LEVEL[one.severity],
        "message": {"text": f"{one.message}. {one.fix}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": artifact,
                    "region": {"startLine": one.line, "endLine": one.end_line},
                }
            }
        ],
    }
    if one.edits:
        replacements = [
            {
                "deletedRegion": {"charOffset": edit.start, "charLength": edit.end - edit.start},
                "insertedContent": {"text": edit.replacement},
            }
            for edit in one.edits
        ]
        changes = [{"artifactLocation": artifact, "replacements": replacements}]
        result["fixes"] = [{"description": {"text": one.fix}, "artifactChanges": changes}]
    if one.ignored_because is not None:
        result["suppressions"] = [{"kind": "inSource", "justification": one.ignored_because}]
    return result
