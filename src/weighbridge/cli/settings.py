"""Converts options to requests and settings. Options override the configuration file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from weighbridge.build.builder import BuildSettings
from weighbridge.build.cache import BuildCaches, parse_cache_source, parse_cache_target
from weighbridge.cli.options import BuildOptions, GateOptions, RangeOptions
from weighbridge.config import DEFAULT_CONFIG, Config, load_config, misplaced_config
from weighbridge.domain.gate.limits import parse_limit, parse_size_limit
from weighbridge.domain.gate.settings import FailOn, Limits, OnUnknown
from weighbridge.errors import ConfigError, UsageError
from weighbridge.plan.base_rules import changes_gate, config_at, ruled_by
from weighbridge.plan.git import default_branch, open_repository, resolve_commit
from weighbridge.run.plan import resolve_range
from weighbridge.run.request import DiffRequest

_Value = TypeVar("_Value")


def range_request(ranged: RangeOptions, *, platform: str | None) -> DiffRequest:
    """The request for images of two commits. Raises ConfigError and GitError."""
    config, base_config, notes = _range_config(ranged)
    # A change never chooses what runs on this machine: base's file counts, or the one that a person names.
    trusted = config if ranged.config_file is not None else base_config or Config()
    return DiffRequest(
        repo=ranged.repo,
        base=ranged.base,
        head=ranged.head,
        config=_with_all_dockerfiles(config, ranged),
        base_config=base_config,
        notes=notes,
        image_globs=ranged.image_globs,
        all_images=ranged.all_images,
        target=ranged.target,
        context=ranged.context,
        platform=platform,
        build_args=ranged.build_args,
        prepare={name: one.prepare for name, one in trusted.images.items() if ranged.prepare and one.prepare},
        secret_files=ranged.secret_files,
    )


def _with_all_dockerfiles(config: Config, ranged: RangeOptions) -> Config:
    if not ranged.all_dockerfiles:
        return config
    return replace(config, discover=replace(config.discover, all_dockerfiles=True))


def _range_config(ranged: RangeOptions) -> tuple[Config, Config | None, tuple[str, ...]]:
    """The applicable configuration, base's definitions of images, and notes on them.

    A file from `--config` applies unchanged, because a person chose it. Otherwise the tip of base's branch provides the
    gate, because the author of a branch chooses where it begins. Without a file there, base provides it; if base has no
    file either, head's limits apply: they can only be stricter than none.
    """
    config = load_config(ranged.repo, ranged.config_file)
    if ranged.config_file is not None:
        return config, None, ()
    repository = open_repository(ranged.repo)
    base_revision, _ = resolve_range(repository, ranged.base, ranged.head)
    tip = resolve_commit(repository, ranged.base or default_branch(repository))
    try:
        base = config_at(repository, str(base_revision.sha), None)
        rules = base if tip == base_revision.sha else config_at(repository, tip, None) or base
    except ConfigError as error:
        return config, None, (f"The limits are head's, because base's configuration is invalid: {error}",)
    ruled = ruled_by(base or Config(), config, rules=rules)
    if rules is None:
        images = {name: replace(one, limits=config.images[name].limits) for name, one in ruled.images.items()}
        ruled = replace(
            ruled,
            limits=config.limits,
            budgets=config.budgets,
            comment=config.comment,
            report=config.report,
            images=images,
        )
    misplaced = misplaced_config(lambda name: (ranged.repo / name).is_file())
    notes: tuple[str, ...] = (misplaced,) if misplaced else ()
    if changes_gate(base or Config(), config, ruled):
        notes += (
            f"{DEFAULT_CONFIG} changes limits, checks, exclusions, history, override label or builder. Base's settings"
            f" apply until the change is merged. Set --config {DEFAULT_CONFIG} to apply it at once.",
        )
    return ruled, base or Config(), notes


def build_settings(config: Config, building: BuildOptions) -> BuildSettings:
    """The build settings of the options; they override `config`."""
    return BuildSettings(
        timeout_seconds=building.build_timeout,
        builder_name=building.builder or config.build.builder_name,
        caches=BuildCaches(
            sources=tuple(map(parse_cache_source, building.cache_from)) or config.build.cache_from,
            targets=tuple(map(parse_cache_target, building.cache_to)),
        ),
    )


def images_config(config_file: Path | None, gate: GateOptions) -> Config:
    """The configuration for existing images: the named file, if any. Limits of the options override it."""
    return with_gate(load_config(Path(), config_file) if config_file else Config(), gate)


def _parsed(option: str, text: str | None, parse: Callable[[str], _Value]) -> _Value | None:
    """The value of an option; ``None`` where it is not given. Raises UsageError that names the option."""
    try:
        return parse(text) if text is not None else None
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error


def with_gate(config: Config, gate: GateOptions) -> Config:
    """`config` with the limits of the options for every image. Raises UsageError."""
    limits = Limits(
        max_increase=_parsed("--max-increase", gate.max_increase, parse_limit),
        max_size=_parsed("--max-size", gate.max_size, parse_size_limit),
        max_new_size=_parsed("--max-new-size", gate.max_new_size, parse_size_limit),
        on_unknown=OnUnknown(gate.on_unknown) if gate.on_unknown else None,
    )
    return config.with_gate(limits, fail_on=FailOn(gate.fail_on) if gate.fail_on else None)
