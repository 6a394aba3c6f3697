"""The settings of a run: images from head's configuration, the gate from base's configuration."""

from __future__ import annotations

from dataclasses import dataclass, replace

from weighbridge.action.commits import Sides
from weighbridge.action.inputs import Inputs
from weighbridge.config import DEFAULT_CONFIG, Config, misplaced_config
from weighbridge.errors import ConfigError
from weighbridge.github.event import Event, MergeGroupEvent, PullRequestEvent
from weighbridge.plan.base_rules import changes_gate, config_at, ruled_by
from weighbridge.plan.git import Repository, list_tree


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSettings:
    """`config` is head's.

    Before head is merged it has the gate settings of base, and `base` is base's configuration.
    """

    config: Config
    base: Config | None = None
    notes: tuple[str, ...] = ()


def _config_of_base(repository: Repository, sides: Sides, rules: Config, path: str | None) -> Config:
    """The configuration that defines base's images: `rules`, except where base is not the tip of its branch."""
    if sides.base_sha == sides.rules_sha:
        return rules
    try:
        return config_at(repository, sides.base_sha, path) or Config()
    except ConfigError:
        return Config()


def settings(inputs: Inputs, event: Event, repository: Repository, sides: Sides) -> RunSettings:
    """The settings of a run, and notes on them. Raises ConfigError and GitError."""
    head = config_at(repository, sides.head_sha, inputs.config)
    notes: tuple[str, ...] = ()
    config = head or Config()
    base: Config | None = None
    if isinstance(event, PullRequestEvent | MergeGroupEvent) and not inputs.allow_limit_changes:
        try:
            rules = config_at(repository, sides.rules_sha, inputs.config) or Config()
        except ConfigError as error:
            notes = (f"The limits are head's, because base's configuration is invalid: {error}",)
        else:
            base = _config_of_base(repository, sides, rules, inputs.config)
            ruled = ruled_by(base, config, rules=rules)
            if changes_gate(base, config, ruled):
                path = inputs.config or DEFAULT_CONFIG
                notes = (
                    f"{path} changes limits, checks, exclusions, history, override label or builder. Base's settings "
                    "apply until the change is merged. Set `allow-limit-changes: true` to apply it at once.",
                )
            config = ruled
    elif inputs.config is not None and head is None:
        raise ConfigError(f"{inputs.config}: not found in {sides.head_sha[:12]}")
    config = config.with_gate(inputs.limits, fail_on=inputs.fail_on)
    if inputs.override_label is not None:
        config = replace(config, override=replace(config.override, label=inputs.override_label))
    if inputs.history_branch is not None:
        config = replace(config, history=replace(config.history, branch=inputs.history_branch))
    if inputs.verify_tips is not None:
        config = replace(config, tips=replace(config.tips, verify=inputs.verify_tips))
    if head is None and inputs.config is None:
        misplaced = misplaced_config({entry.path for entry in list_tree(repository, sides.head_sha)}.__contains__)
        notes += (misplaced,) if misplaced else ()
    return RunSettings(config=config, base=base, notes=notes)
