"""The Dockerfile's own checks, seen without building: what makes an image large or keeps it from starting.

One rule, one function; each code is stable and stands in `codes`. Style, pinning and deprecated words are left to other
linters. To add a rule: one line in `codes`, one in `RULES`, one page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from weighbridge.domain.dockerfile import Dockerfile
from weighbridge.domain.lint.bases import cuda_on_cpu, large_base
from weighbridge.domain.lint.binaries import strip_binaries
from weighbridge.domain.lint.caches import package_cache
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.commands import arguments_swallowed
from weighbridge.domain.lint.contents import copy_without_ignore_file, secret_copied
from weighbridge.domain.lint.context import LintContext
from weighbridge.domain.lint.copies import copied_libraries_by_hand, copy_from_relative_path
from weighbridge.domain.lint.downloads import archive_kept, git_history
from weighbridge.domain.lint.ignores import ignore_comments, read_comments, reason_for
from weighbridge.domain.lint.model import LintFinding, LintSettings, Surroundings
from weighbridge.domain.lint.node import dev_dependencies
from weighbridge.domain.lint.packages import dev_packages, distribution_upgrade, recommended_packages
from weighbridge.domain.lint.permission_copies import permission_copies
from weighbridge.domain.lint.rewritten_files import rewritten_files
from weighbridge.domain.lint.shell_form import shell_form_on_shell_less_base
from weighbridge.domain.lint.stages import single_stage_build, stage_by_number, unusual_run_base
from weighbridge.domain.lint.syntax import copy_is_no_shell, exec_form_not_json, unknown_flag
from weighbridge.domain.lint.users import sparse_logs

RULES: dict[LintCode, Callable[[LintContext], Iterator[LintFinding]]] = {
    LintCode.IGNORE_COMMENT: ignore_comments,
    LintCode.COPY_IS_NO_SHELL: copy_is_no_shell,
    LintCode.UNKNOWN_FLAG: unknown_flag,
    LintCode.EXEC_FORM_NOT_JSON: exec_form_not_json,
    LintCode.ARGUMENTS_SWALLOWED: arguments_swallowed,
    LintCode.COPY_FROM_RELATIVE_PATH: copy_from_relative_path,
    LintCode.SHELL_FORM_ON_SHELL_LESS_BASE: shell_form_on_shell_less_base,
    LintCode.SINGLE_STAGE_BUILD: single_stage_build,
    LintCode.DEV_PACKAGES: dev_packages,
    LintCode.STAGE_BY_NUMBER: stage_by_number,
    LintCode.UNUSUAL_RUN_BASE: unusual_run_base,
    LintCode.COPIED_LIBRARIES_BY_HAND: copied_libraries_by_hand,
    LintCode.GIT_HISTORY: git_history,
    LintCode.DISTRIBUTION_UPGRADE: distribution_upgrade,
    LintCode.CUDA_ON_CPU: cuda_on_cpu,
    LintCode.LARGE_BASE: large_base,
    LintCode.SECRET_COPIED: secret_copied,
    LintCode.COPY_WITHOUT_IGNORE_FILE: copy_without_ignore_file,
    LintCode.RECOMMENDED_PACKAGES: recommended_packages,
    LintCode.PACKAGE_CACHE: package_cache,
    LintCode.PERMISSION_COPIES: permission_copies,
    LintCode.REWRITTEN_FILES: rewritten_files,
    LintCode.ARCHIVE_KEPT: archive_kept,
    LintCode.DEV_DEPENDENCIES: dev_dependencies,
    LintCode.STRIP_BINARIES: strip_binaries,
    LintCode.SPARSE_LOGS: sparse_logs,
}
"""The rule of each code; `LintCode.DOCKERFILE_ERROR` has none, for a file that does not parse reaches no rule."""


def lint_dockerfile(
    text: str,
    dockerfile: Dockerfile,
    settings: LintSettings | None = None,
    *,
    target: str | None = None,
    surroundings: Surroundings | None = None,
) -> tuple[LintFinding, ...]:
    """The findings of the wanted rules, by line; `dockerfile` is `text` parsed, `target` the stage that is built of it.

    `surroundings` are the files next to it; ``None`` if unknown. Findings that a comment
    ``# weighbridge: ignore=CODE reason`` accepts carry its reason.
    """
    settings = settings or LintSettings()
    context = LintContext(text, dockerfile, settings, target=target, surroundings=surroundings)
    found = [finding for code, rule in RULES.items() if settings.wants(code) for finding in rule(context)]
    found.sort(key=lambda one: (one.line, one.severity.rank, one.code))
    if "weighbridge:" not in text:
        return tuple(found)
    comments = read_comments(context)
    return tuple(one._replace(ignored_because=reason_for(context, one, comments)) for one in found)


def merged_findings(findings: Sequence[LintFinding]) -> tuple[LintFinding, ...]:
    """One finding for each cause: the first one, with the lines and the edits of the others.

    The patch of the whole is safe where each of them is; findings without a patch leave the others theirs.
    """
    groups: dict[tuple[LintCode, str, str | None], list[LintFinding]] = {}
    for one in findings:
        groups.setdefault((one.code, one.cause or f"{one.message}{one.line}", one.ignored_because), []).append(one)
    result = []
    for group in groups.values():
        first = group[0]
        lines = tuple(dict.fromkeys(one.line for one in group if one.line != first.line))
        edits = tuple(dict.fromkeys(edit for one in group for edit in one.edits))
        is_safe = all(one.is_safe for one in group if one.edits)
        result.append(first._replace(other_lines=lines, edits=edits, is_safe=is_safe))
    result.sort(key=lambda one: (one.line, one.severity.rank, one.code))
    return tuple(result)
