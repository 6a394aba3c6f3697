"""Converts options to requests and settings. Options override the configuration file."""

from __future__ import annotations

from dataclasses import replace

from weighbridge.build.builder import BuildSettings
from weighbridge.build.cache import BuildCaches, parse_cache_source, parse_cache_target
from weighbridge.cli.options import BuildOptions, RangeOptions
from weighbridge.config import DEFAULT_CONFIG, Config, load_config, misplaced_config
from weighbridge.errors import ConfigError
from weighbridge.plan.base_rules import changes_gate, config_at, ruled_by
from weighbridge.plan.git import default_branch, open_repository, resolve_commit
from weighbridge.run.plan import resolve_range
from weighbridge.run.request import DiffRequest


def range_request(ranged: RangeOptions, *, platform: str | None) -> DiffRequest:
    """The request for images of two commits. Raises ConfigError and GitError."""
    config, base_config, notes = _range_config(ranged)
    # A change never chooses what runs on this machine: base's file counts, or the file that a person names.
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
