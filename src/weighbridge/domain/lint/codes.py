"""The catalogue of lint codes: each once, with its severities, its summary, and whether it is on by default.

`weighbridge.domain.lint.RULES` names the rule of each. A code is a tip as well (page in ``docs/tips/``) or a trap that
only a Dockerfile shows (page in ``docs/checks/``). A test holds catalogue, rules and docs to each other.
"""

from __future__ import annotations

import enum

from weighbridge.domain.checks.finding import Severity

_OFF_BY_DEFAULT = frozenset({"unusual-run-base"})
"""Codes that are right too rarely to be on for everybody."""

_ERROR, _WARNING, _INFO = (Severity.ERROR,), (Severity.WARNING,), (Severity.INFO,)


class LintCode(enum.StrEnum):
    """Every code that lint can give; stable.

    `severities` are those that a finding of the code can have, the worst first. `summary` is the row of the index.
    `folder` is that of the page. `on_by_default` codes need no ``--select``.
    """

    severities: tuple[Severity, ...]
    summary: str
    folder: str
    on_by_default: bool

    def __new__(cls, code: str, severities: tuple[Severity, ...], summary: str, folder: str = "checks") -> LintCode:
        """A member is its code as text; the other columns of its line are attributes."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.severities = severities
        member.summary = summary
        member.folder = folder
        member.on_by_default = code not in _OFF_BY_DEFAULT
        return member

    @property
    def page(self) -> str:
        """The page of the code, from the root of the repository."""
        return f"docs/{self.folder}/{self.value}.md"

    DOCKERFILE_ERROR = "dockerfile-error", _ERROR, "no builder can read the file", ""
    IGNORE_COMMENT = "ignore-comment", _WARNING, "a comment that ignores a code has no effect"
    COPY_IS_NO_SHELL = "copy-is-no-shell", _ERROR, "`COPY` and `ADD` read shell operators as file names"
    UNKNOWN_FLAG = "unknown-flag", _ERROR, "the instruction has a flag that BuildKit does not know"
    EXEC_FORM_NOT_JSON = "exec-form-not-json", (Severity.ERROR, Severity.WARNING), "an exec form that is no JSON"
    ARGUMENTS_SWALLOWED = (
        "arguments-swallowed",
        _WARNING,
        "`CMD` does not reach the program, or reaches it as something else",
    )
    COPY_FROM_RELATIVE_PATH = (
        "copy-from-relative-path",
        (Severity.ERROR, Severity.WARNING),
        "`COPY --from` looks at the root, the file is in the stage's working directory",
    )
    SHELL_FORM_ON_SHELL_LESS_BASE = (
        "shell-form-on-shell-less-base",
        (Severity.ERROR, Severity.WARNING),
        "a shell-form instruction on `scratch` or distroless",
    )
    SINGLE_STAGE_BUILD = "single-stage-build", _WARNING, "the compiler stays in the image"
    DEV_PACKAGES = "dev-packages", _WARNING, "`-dev` packages stay in the final image"
    STAGE_BY_NUMBER = "stage-by-number", _INFO, "`--from=0` in a long Dockerfile"
    UNUSUAL_RUN_BASE = "unusual-run-base", _INFO, "the base of the final stage is neither official nor trusted"
    COPIED_LIBRARIES_BY_HAND = "copied-libraries-by-hand", _WARNING, "the C library is copied file by file"
    GIT_HISTORY = "git-history", _WARNING, "`git clone` keeps the whole history in the image"
    DISTRIBUTION_UPGRADE = "distribution-upgrade", _INFO, "an upgrade of all packages stores them a second time"
    CUDA_ON_CPU = "cuda-on-cpu", _WARNING, "wheels with CUDA are installed on an image without CUDA"
    LARGE_BASE = "large-base", _WARNING, "the base image has compilers or tools that running does not need"
    SECRET_COPIED = "secret-copied", _WARNING, "`COPY` or `ADD` takes a key or a settings file with secrets"
    COPY_WITHOUT_IGNORE_FILE = "copy-without-ignore-file", _INFO, "`COPY .` and no `.dockerignore`"
    RECOMMENDED_PACKAGES = (
        "recommended-packages",
        _WARNING,
        "apt-get install also installs recommended packages",
        "tips",
    )
    PACKAGE_CACHE = (
        "package-cache",
        (Severity.WARNING, Severity.INFO),
        "a package manager left files that it can download again",
        "tips",
    )
    PERMISSION_COPIES = (
        "permission-copies",
        _WARNING,
        "files are stored twice because a later layer changes their mode or owner",
        "tips",
    )
    REWRITTEN_FILES = (
        "rewritten-files",
        _WARNING,
        "a layer stores files that a later layer rewrites or removes",
        "tips",
    )
    ARCHIVE_KEPT = "archive-kept", _WARNING, "an archive and its unpacked content are both in the image", "tips"
    DEV_DEPENDENCIES = "dev-dependencies", _WARNING, "packages that the lock file marks as development only", "tips"
    STRIP_BINARIES = "strip-binaries", _INFO, "programs and libraries contain symbols and debugging sections", "tips"
    SPARSE_LOGS = "sparse-logs", _WARNING, "a user with a large UID makes the login logs huge", "tips"


TIP_CODES = frozenset(
    [
        "build-static",
        "compressed-executable",
        "duplicate-files",
        "ignored-files",
        "locale-doc-man",
        "share-base",
        "smaller-base",
        "use-multi-stage",
    ]
)
"""Codes of tips that no lint rule has; a comment may name them for the report of a build."""
