"""What a lint rule says: where, why it matters, what to do, and where possible the edit that does it."""

from __future__ import annotations

from typing import NamedTuple

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.lint.codes import LintCode

TRUSTED_BASES = (
    "gcr.io/distroless/*",
    "mcr.microsoft.com/*",
    "public.ecr.aws/docker/library/*",
    "registry.access.redhat.com/ubi*",
    "registry.k8s.io/*",
    "nvcr.io/nvidia/*",
    "nvidia/*",
    "docker.elastic.co/*",
    "cgr.dev/chainguard/*",
    "registry.suse.com/*",
    "quay.io/centos/*",
    "quay.io/fedora/*",
)
"""Images besides the official ones that a final stage may stand on without a remark; ``*`` also matches ``/``."""


class LintFinding(NamedTuple):
    """One finding of one rule in one Dockerfile.

    `message` says what is there and why it matters, `fix` what to do. `edits` do it mechanically, where that is
    possible; `is_safe` says that they change nothing that a build or the program could miss (a cache, the form of an
    instruction). `cause` is the same for findings that one decision mends. `other_lines` are those of the findings
    with the same cause, where they are one. `about_bytes` is an order of magnitude, never a measurement; ``None`` if
    none is known. `column` (from 1) is where the line's evidence begins. `ignored_because` is the reason given in the
    Dockerfile.
    """

    code: LintCode
    severity: Severity
    line: int
    end_line: int
    message: str
    fix: str
    edits: tuple[Edit, ...] = ()
    is_safe: bool = True
    cause: str = ""
    other_lines: tuple[int, ...] = ()
    about_bytes: int | None = None
    column: int = 1
    width: int = 0
    ignored_because: str | None = None


class LintSettings(NamedTuple):
    """What the user may choose. `trusted_bases` are patterns of image names without tag; ``*`` matches anything.

    `codes` are the wanted ones; ``None`` for those that are on by default.
    """

    trusted_bases: tuple[str, ...] = TRUSTED_BASES
    codes: frozenset[LintCode] | None = None

    def wants(self, code: LintCode) -> bool:
        """True for a code whose rule is to be asked."""
        return code.on_by_default if self.codes is None else code in self.codes


class Surroundings(NamedTuple):
    """The files next to a Dockerfile, as far as they are known.

    `package_json` is the text of the file of that name in the Dockerfile's folder (``None``: not there), `yarn_lock`
    the first lines of yarn's lock file, `names` the names of the files of that folder. `has_ignore_file` says that the
    folder or one above it, up to the repository's root, has a ``.dockerignore``. `is_below_root` says that the
    folder stands below the root of a repository, so that no ``.git`` is in it. `cargo_toml` is the text of that file.
    """

    names: frozenset[str] = frozenset()
    package_json: str | None = None
    yarn_lock: str | None = None
    has_ignore_file: bool = False
    is_below_root: bool = False
    cargo_toml: str | None = None
