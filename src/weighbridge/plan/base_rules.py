"""Reads the configuration of a commit, and takes the settings of the gate from base.

A pull request may define how its images are built. It may not define which limits apply, nor which images are weighed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from weighbridge.config import DEFAULT_CONFIG, MAXIMUM_CONFIG_BYTES, Config, ImageSettings, parse_config
from weighbridge.domain.gate.settings import Limits
from weighbridge.errors import ConfigError
from weighbridge.plan.git import EntryType, Repository, list_tree
from weighbridge.plan.git_blobs import read_blobs


def config_at(repository: Repository, commit: str, path: str | None) -> Config | None:
    """The configuration in `commit`; ``None`` if there is none. Raises ConfigError and GitError."""
    wanted = PurePosixPath(path or DEFAULT_CONFIG).as_posix()
    entry = next((entry for entry in list_tree(repository, commit) if entry.path == wanted), None)
    if entry is None:
        return None
    if entry.type not in {EntryType.FILE, EntryType.EXECUTABLE}:
        raise ConfigError(f"{wanted}: a {entry.type} in {commit[:12]}, not a file")
    ((_, data),) = read_blobs(repository, [entry.sha], maximum_bytes=MAXIMUM_CONFIG_BYTES)
    return parse_config(data, path=wanted)


def ruled_by(base: Config, head: Config, *, rules: Config | None = None) -> Config:
    """Head's settings, with all settings of the gate from `rules`: base's, or those of the tip of its branch."""
    rules = rules or base
    # An entry that head removes stays: without it the image gets another name, and its limits no longer apply.
    images = {**{name: one for name, one in rules.images.items() if one.dockerfile is None}, **base.images}
    return replace(
        head,
        limits=rules.limits,
        checks=rules.checks,
        discover=rules.discover,  # an excluded image would have no limits
        override=rules.override,
        build=rules.build,  # a pull request must not choose the builder and the credentials
        budgets=rules.budgets,
        tips=replace(head.tips, fail_on=rules.tips.fail_on, fail_above=rules.tips.fail_above),
        comment=rules.comment,
        report=rules.report,  # a pull request must not publish the contents of files
        history=rules.history,  # the ratchet compares with the recorded sizes
        images={name: _image_ruled_by(rules.images.get(name), one) for name, one in {**images, **head.images}.items()},
    )


def changes_gate(base: Config, head: Config, ruled: Config) -> bool:
    """True if head changes settings of the gate, and `ruled` does not have the change.

    A branch that began before the base branch changed them has other settings than `ruled`, and changes none.
    """
    settings = gate_settings(head)
    return settings not in (gate_settings(ruled), gate_settings(ruled_by(base, head)))


def gate_settings(config: Config) -> object:
    """The settings that `ruled_by` takes from base, for comparison."""
    return (
        config.limits,
        config.budgets,
        config.tips.limit,
        config.comment,
        config.report,
        config.checks,
        config.discover,
        config.override,
        config.build,
        config.history,
        {name: (image.limits, image.required_platforms) for name, image in config.images.items()},
    )


def _image_ruled_by(base: ImageSettings | None, head: ImageSettings) -> ImageSettings:
    """An image as head defines it, with base's limits; a platform that base requires stays required."""
    if base is None:
        return replace(head, limits=Limits())
    return replace(
        head,
        from_image=base.from_image,
        limits=base.limits,
        required_platforms=base.required_platforms | head.required_platforms,
    )
