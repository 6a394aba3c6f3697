"""The Dockerfile's own checks, seen without building: what makes an image large or keeps it from starting.

One rule, one function; each code is stable. What other linters are for (style,
pinning, deprecated words) is left to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import Dockerfile
from weighbridge.domain.gate.ignores import inline_ignores
from weighbridge.domain.lint.context import LintContext
from weighbridge.domain.lint.copies import copied_libraries_by_hand, copy_from_relative_path, permission_copies
from weighbridge.domain.lint.model import TRUSTED_BASES, LintFinding, LintSettings
from weighbridge.domain.lint.packages import dev_dependencies, package_cache, recommended_packages
from weighbridge.domain.lint.shell_form import shell_form_on_shell_less_base
from weighbridge.domain.lint.stages import single_stage_build, stage_by_number, unusual_run_base
from weighbridge.domain.lint.users import sparse_logs

__all__ = [
    "CODES",
    "PARSE_ERROR",
    "RULES",
    "TRAP_CODES",
    "TRUSTED_BASES",
    "LintFinding",
    "LintSettings",
    "lint_dockerfile",
]

_Rules = dict[str, Callable[[LintContext], Iterator[LintFinding]]]

_TRAPS: _Rules = {
    "copy-from-relative-path": copy_from_relative_path,
    "shell-form-on-shell-less-base": shell_form_on_shell_less_base,
    "single-stage-build": single_stage_build,
    "stage-by-number": stage_by_number,
    "unusual-run-base": unusual_run_base,
    "copied-libraries-by-hand": copied_libraries_by_hand,
}
_TIPS: _Rules = {
    "recommended-packages": recommended_packages,
    "package-cache": package_cache,
    "permission-copies": permission_copies,
    "dev-dependencies": dev_dependencies,
    "sparse-logs": sparse_logs,
}

RULES: _Rules = _TRAPS | _TIPS

TRAP_CODES = tuple(_TRAPS)
"""The codes that only the Dockerfile shows, each with a page in ``docs/checks/``; the others are tips as well."""

CODES = tuple(RULES)
"""Every code that `lint_dockerfile` can give; stable."""

PARSE_ERROR = "dockerfile-error"
"""The code under which ``weighbridge lint`` reports a file that does not parse; it cannot be ignored."""

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


def lint_dockerfile(
    text: str, dockerfile: Dockerfile, settings: LintSettings | None = None, *, target: str | None = None
) -> tuple[LintFinding, ...]:
    """The findings of all rules, by line; `dockerfile` is `text` parsed, `target` the stage that is built of it.

    Those that a comment ``# weighbridge: ignore=CODE reason`` accepts carry its reason.
    """
    context = LintContext(text, dockerfile, settings or LintSettings(), target=target)
    reasons = {one.code: one.reason for one in reversed(inline_ignores(text))} if "weighbridge:" in text else {}
    found = [finding for rule in RULES.values() for finding in rule(context)]
    found.sort(key=lambda one: (one.line, _ORDER[one.severity], one.code))
    return tuple(replace(one, ignored_because=reasons.get(one.code)) for one in found)
