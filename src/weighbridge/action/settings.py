"""The settings of a run: what head says of its images, and what base says of the gate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from weighbridge.action.commits import Sides
from weighbridge.action.inputs import Inputs
from weighbridge.config import DEFAULT_CONFIG, MAXIMUM_CONFIG_BYTES, Config, ImageSettings, parse_config
from weighbridge.domain.gate.verdict import Limits
from weighbridge.errors import ConfigError
from weighbridge.github.event import Event, MergeGroupEvent, PullRequestEvent
from weighbridge.plan.git import EntryType, Repository, list_tree, read_blobs


def settings(inputs: Inputs, event: Event, repository: Repository, sides: Sides) -> tuple[Config, tuple[str, ...]]:
    """The settings of head, with the limits of base where head is not yet accepted; and what to say about it."""
    head = _config_at(repository, sides.head_sha, inputs.config)
    notes: tuple[str, ...] = ()
    config = head or Config()
    if isinstance(event, PullRequestEvent | MergeGroupEvent) and not inputs.allow_limit_changes:
        try:
            base = _config_at(repository, sides.base_sha, inputs.config) or Config()
        except ConfigError as error:
            notes = (f"The limits are head's, because base's configuration is not valid: {error}",)
        else:
            ruled = _ruled_by(base, config)
            if _gate_of(ruled) != _gate_of(config):
                path = inputs.config or DEFAULT_CONFIG
                notes = (
                    f"{path} changes limits, checks, exclusions, history, override label or builder here. What base "
                    "says is in force until the change is merged (`allow-limit-changes: true` lets it count at once).",
                )
            config = ruled
    elif inputs.config is not None and head is None:
        raise ConfigError(f"{inputs.config}: there is no such file in {sides.head_sha[:12]}")
    config = config.with_gate(
        max_increase=inputs.max_increase,
        max_size_bytes=inputs.max_size_bytes,
        max_size_text=inputs.max_size_text,
        fail_on=inputs.fail_on,
    )
    if inputs.override_label is not None:
        config = replace(config, override=replace(config.override, label=inputs.override_label))
    if inputs.history_branch is not None:
        config = replace(config, history=replace(config.history, branch=inputs.history_branch))
    if inputs.verify_tips is not None:
        config = replace(config, tips=replace(config.tips, verify=inputs.verify_tips))
    return config, notes


def _config_at(repository: Repository, commit: str, path: str | None) -> Config | None:
    """The configuration in `commit`; ``None`` where there is none. Raises ConfigError."""
    wanted = PurePosixPath(path or DEFAULT_CONFIG).as_posix()
    entry = next((entry for entry in list_tree(repository, commit) if entry.path == wanted), None)
    if entry is None:
        return None
    if entry.type not in {EntryType.FILE, EntryType.EXECUTABLE}:
        raise ConfigError(f"{wanted}: a {entry.type} in {commit[:12]}, not a file")
    ((_, data),) = read_blobs(repository, [entry.sha], maximum_bytes=MAXIMUM_CONFIG_BYTES)
    return parse_config(data, path=wanted)


def _ruled_by(base: Config, head: Config) -> Config:
    """What head says of images and how to find them, with everything that decides about the gate as base says it."""
    return replace(
        head,
        limits=base.limits,
        checks=base.checks,
        discover=base.discover,  # an image that is passed over is an image without limits
        override=base.override,
        build=base.build,  # which builder and which credentials are used is not for a pull request to say
        history=base.history,  # where sizes are recorded decides what a ratchet is held against
        # An entry that head drops stays: without it the image would go by another name, and its limits by none.
        images={
            **base.images,
            **{name: _image_ruled_by(base.images.get(name), image) for name, image in head.images.items()},
        },
    )


def _image_ruled_by(base: ImageSettings | None, head: ImageSettings) -> ImageSettings:
    """An image as head defines it, with base's limits; a platform that base requires stays required."""
    if base is None:
        return replace(head, limits=Limits())
    return replace(head, limits=base.limits, required_platforms=base.required_platforms | head.required_platforms)


def _gate_of(config: Config) -> object:
    return (
        config.limits,
        config.checks,
        config.discover,
        config.override,
        config.build,
        config.history,
        {name: (image.limits, image.required_platforms) for name, image in config.images.items()},
    )
