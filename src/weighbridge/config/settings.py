"""The settings of the configuration file, and their defaults."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from weighbridge.build.cache import CachePlace
from weighbridge.domain.gate.limits import SizeLimit, parse_size_limit
from weighbridge.domain.gate.settings import Budget, FailOn, Limits, OnUnknown, TipLimit
from weighbridge.domain.image.file_map_nodes import MAXIMUM_NODES
from weighbridge.domain.result.extras import Extras


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageSettings:
    """One image of the configuration. Settings that are ``None`` are found automatically. `line` is its line.

    `dockerfile` and `context` are paths below the repository's root, ``.`` for the root. Without `dockerfile` the image
    is built elsewhere, and only `mode: compare` weighs it; `from_image` is its base image. Empty `platforms` mean the
    engine's own platform. It is an error if one of the `required_platforms` cannot be built here.
    `prepare` has the words of a command that makes files which git does not hold.
    """

    name: str
    line: int
    dockerfile: str | None = None
    from_image: str | None = None
    context: str | None = None
    target: str | None = None
    platforms: tuple[str, ...] = ()
    required_platforms: frozenset[str] = frozenset()
    build_args: Mapping[str, str] = field(default_factory=dict)
    prepare: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, kw_only=True, slots=True)
class IgnoredFinding:
    """A finding that the repository's owner accepts, with the reason. `image` is a glob; ``None`` means every image."""

    code: str
    reason: str
    image: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Discover:
    """How images are found.

    `include` and `exclude` are globs of Dockerfile paths. With `include`, only matching files count; `exclude` wins,
    also for Compose and bake files. `bake_targets` are the targets and groups of bake files to build. `all_dockerfiles`
    also includes vendored files, test data, development containers and templates, as `include` does.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    bake_targets: tuple[str, ...] = ("default",)
    all_dockerfiles: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Lint:
    """Assumptions of ``weighbridge lint``: `trusted_bases` are image names without tag, ``*`` matches anything."""

    trusted_bases: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Checks:
    """Which findings fail the gate."""

    fail_on: FailOn = FailOn.REGRESSION
    ignore: tuple[IgnoredFinding, ...] = ()


class VerifyTips(enum.StrEnum):
    """When the patches of tips are built and measured."""

    AFTER_VERDICT = "after-verdict"
    DEFAULT_BRANCH = "default-branch"
    """Only in runs on the default branch."""
    NEVER = "never"


VERIFY_TIPS: Mapping[str, VerifyTips] = {
    **{value.value: value for value in VerifyTips},
    "true": VerifyTips.AFTER_VERDICT,
    "false": VerifyTips.NEVER,
}
"""The values of ``tips.verify`` and of the input ``verify-tips``."""


class FailOnTips(enum.StrEnum):
    """The tips that fail the job: those that the change introduces, or none."""

    INTRODUCED = "introduced"
    NEVER = "never"


_FAIL_ABOVE = parse_size_limit("1MB")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tips:
    """How tips are made. `minimum_saving_bytes` ``None`` means the built-in minimum; `include` names optional tips.

    `verify` says when patches are built and measured, `ladder` adds the image on other bases; the rest limits that:
    `maximum_builds` of one image and `maximum_builds_in_all` of a run, the time of one build and of all together, and
    the disk that they may fill, each counted as large as its image is now. What an earlier run measured is used up to
    `maximum_age_seconds`. A change that adds more than `fail_above` which a computed tip saves fails the job if
    `fail_on` says so.
    """

    verify: VerifyTips = VerifyTips.AFTER_VERDICT
    ladder: bool = True
    minimum_saving_bytes: int | None = None
    include: tuple[str, ...] = ()
    maximum_builds: int = 16
    maximum_builds_in_all: int = 60
    build_time_limit_seconds: float = 300.0
    time_limit_seconds: float = 600.0
    disk_limit_bytes: int = 20_000_000_000
    maximum_age_seconds: float = 604_800.0
    fail_on: FailOnTips = FailOnTips.NEVER
    fail_above: SizeLimit = _FAIL_ABOVE

    @property
    def limit(self) -> TipLimit | None:
        """The limit on what a change adds and a tip saves; ``None`` if tips never fail the job."""
        return TipLimit(above=self.fail_above) if self.fail_on is FailOnTips.INTRODUCED else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Build:
    """How images are built. Excludes the destination of a cache: the user who runs the program chooses it."""

    builder_name: str | None = None
    cache_from: tuple[CachePlace, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class OverrideSettings:
    """How a person overrides a failed gate: the label of the pull request."""

    label: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CommentSettings:
    """When a comment is posted: `above_bytes` is the least change of an image, grown or shrunk, that is worth one."""

    above_bytes: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportSettings:
    """Parts of the report: `text_diffs` are diffs of small text files, `file_maps` the maps of all files."""

    text_diffs: bool = False
    file_maps: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class HistorySettings:
    """Where the size history is stored besides the cache folder: `branch` is a separate branch of the repository."""

    branch: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """All settings, by default those without a file. `path` is the configuration file, for messages."""

    path: str | None = None
    limits: Limits = field(default_factory=Limits)
    discover: Discover = field(default_factory=Discover)
    images: Mapping[str, ImageSettings] = field(default_factory=dict)
    build: Build = field(default_factory=Build)
    checks: Checks = field(default_factory=Checks)
    lint: Lint = field(default_factory=Lint)
    tips: Tips = field(default_factory=Tips)
    override: OverrideSettings = field(default_factory=OverrideSettings)
    history: HistorySettings = field(default_factory=HistorySettings)
    budgets: tuple[Budget, ...] = ()
    comment: CommentSettings = field(default_factory=CommentSettings)
    report: ReportSettings = field(default_factory=ReportSettings)
    gate: Limits = field(default_factory=Limits)

    @property
    def fail_on(self) -> FailOn:
        """Which error findings fail the gate."""
        return self.checks.fail_on

    @property
    def extras(self) -> Extras:
        """The parts of a comparison that the settings ask for."""
        return Extras(
            text_changes=self.report.text_diffs,
            tip_growth=self.tips.limit is not None,
            file_map_nodes=MAXIMUM_NODES if self.report.file_maps else 0,
        )

    @property
    def on_unknown(self) -> OnUnknown | None:
        """The effect of a limit on several images that cannot be checked; ``None`` is `OnUnknown.FAIL`."""
        return self.gate.over(self.limits).on_unknown

    def limits_of(self, image: str, *, base_image: str | None = None) -> Limits:
        """The limits of an image. Precedence: command line, the image's own, the whole repository's.

        `image` is a name in the plan, where ``@`` precedes one of several platforms. `base_image` is the name in base,
        if it differs. The limits of that name count, because a change that renames its image must not choose them; the
        limits of the new name count only if base's name has none.
        """
        if base_image is not None:
            found = self.limits_of(base_image)
            return found if found.are_any else self.limits_of(image)
        settings = self.images.get(image) or self.images.get(image.rpartition("@")[0])
        own = Limits() if settings is None else settings.limits
        return self.gate.over(own.over(self.limits))

    def limits_growth(self, image: str) -> bool:
        """True if a hard limit, or a budget of several images, compares the sizes of base and head of an image."""
        limits = self.limits_of(image)
        budgets = self._budgets_of(image)
        return limits.need_base or limits.ratchet is not None or any(one.max_increase for one in budgets)

    def has_limits(self, image: str) -> bool:
        """True if a hard limit, or a budget of several images, applies to an image."""
        return self.limits_of(image).are_any or bool(self._budgets_of(image))

    def _budgets_of(self, image: str) -> list[Budget]:
        return [one for one in self.budgets if one.covers(image)]

    def with_gate(self, limits: Limits, *, fail_on: FailOn | None = None) -> Config:
        """These settings with `limits` overriding them, for every image. ``None`` keeps the configured value."""
        checks = self.checks if fail_on is None else replace(self.checks, fail_on=fail_on)
        return replace(self, gate=limits.over(self.gate), checks=checks)
