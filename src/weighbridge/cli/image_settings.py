"""The configuration of commands on existing images. Imports nothing that plans or builds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from weighbridge.cli.options import GateOptions
from weighbridge.config import Config, load_config
from weighbridge.domain.gate.limits import parse_limit, parse_size_limit
from weighbridge.domain.gate.settings import FailOn, Limits, OnUnknown
from weighbridge.errors import UsageError

_Value = TypeVar("_Value")


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
