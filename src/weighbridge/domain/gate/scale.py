"""The figures of an image that the gate judges."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from weighbridge.domain.gate.settings import Limits


class Rule(enum.StrEnum):
    """The reason of a failed gate; the names are those of the report."""

    MAX_INCREASE = "max-increase"
    MAX_SIZE = "max-size"
    MAX_NEW_SIZE = "max-new-size"
    MAX_OWN_INCREASE = "max-own-increase"
    MAX_DEPENDENCY_INCREASE = "max-dependency-increase"
    MAX_BASE_IMAGE_INCREASE = "max-base-image-increase"
    MAX_DOWNLOAD_SIZE = "max-download-size"
    MAX_DOWNLOAD_INCREASE = "max-download-increase"
    MAX_WASTED = "max-wasted"
    MAX_LAYERS = "max-layers"
    NOT_CHECKED = "not-checked"
    RATCHET = "ratchet"
    BUDGET = "budget"
    TIP = "tip"
    CHECK = "check"
    BUILD = "build"
    UNREADABLE = "unreadable"
    UNAVAILABLE = "unavailable"
    DEFECT = "defect"


class GrowthKind(enum.StrEnum):
    """A part of an image's growth. The bytes of all parts add up to the growth."""

    OWN = "own"
    """Files of the repository, and other output of instructions."""
    DEPENDENCIES = "dependencies"
    """Packages of languages and of the distribution."""
    BASE_IMAGE = "base-image"
    """Layers of the base image."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorFinding:
    """An error that a check found in head, and whether base has it too."""

    code: str
    message: str
    introduced: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SideFigures:
    """The figures of one side besides its unpacked bytes; ``None`` means unknown.

    `hidden_files` are the files that the Dockerfile's own layers hide: path without a leading slash, and bytes.
    """

    download_bytes: int | None = None
    layers: int | None = None
    hidden_files: Sequence[tuple[str, int]] | None = None


UNKNOWN_FIGURES = SideFigures()


@dataclass(frozen=True, kw_only=True, slots=True)
class AsBaseDefines:
    """Head, built as base defines the image: `change` names the difference in head's definition.

    `head_bytes` is ``None`` if that build failed; `failure` then says why.
    """

    change: str
    head_bytes: int | None = None
    failure: str | None = None
    figures: SideFigures = UNKNOWN_FIGURES


@dataclass(frozen=True, kw_only=True, slots=True)
class GateInput:
    """One image for the gate to judge. A size is ``None`` if that side does not exist or is unknown.

    Growth up to `noise_bytes`, the difference between two builds of base, exceeds no limit. `ratchet_bytes` is the size
    where the image's ratchet begins. `growth_unknown_because` says why the growth is unknown although base has the
    image. `growth_bytes` are the parts of the growth; ``None`` if they are unknown.
    `tip_growth` is the additional saving of each computed tip over base. `as_base_defines` is head built
    with base's definition, if head changes it: the larger of the two counts.
    """

    name: str
    base_bytes: int | None
    head_bytes: int | None
    limits: Limits
    errors: Sequence[ErrorFinding] = ()
    head_failure: tuple[Rule, str] | None = None
    noise_bytes: int = 0
    ratchet_bytes: int | None = None
    is_new: bool = False
    growth_unknown_because: str | None = None
    as_base_defines: AsBaseDefines | None = None
    base: SideFigures = field(default=UNKNOWN_FIGURES)
    head: SideFigures = field(default=UNKNOWN_FIGURES)
    growth_bytes: Mapping[GrowthKind, int] | None = None
    is_base_image_known: bool = True
    tip_growth: Mapping[str, int] = field(default_factory=dict)
