"""Compares the settings of two image configs: environment, labels, ports, volumes, user, start command, health check.

Source: OCI image spec, "Image Configuration"; ``Healthcheck`` is Docker's own. Values that look like secrets are never
shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from weighbridge.domain.image.image import Healthcheck, ImageConfig
from weighbridge.domain.secret_patterns import SECRET_NAME
from weighbridge.domain.secret_values import HIDDEN, is_secret

MAX_CHANGES = 200
_MAX_CHARACTERS = 300
_LONG_HEXADECIMAL = re.compile(r"\b[0-9a-fA-F]{40,}\b")
_WORD = re.compile(r"\w{1,200}")
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class MetadataChange:
    """One changed setting, such as ``ENV PATH`` or ``EXPOSE``; a missing side is ``None``.

    A value that looks like a secret is ``***``; two masked values differ all the same.
    """

    name: str
    base: str | None
    head: str | None


def looks_secret(text: str) -> bool:
    """True if `text` holds the name or the form of a secret."""
    return _is_secret("", text) or any(SECRET_NAME.search(word) for word in _WORD.findall(text))


def metadata_changes(base: ImageConfig, head: ImageConfig) -> tuple[MetadataChange, ...]:
    """The changed settings, in the order of the Dockerfile reference's instructions; `MAX_CHANGES` at most."""
    before, after = _settings(base), _settings(head)
    names = dict.fromkeys((*before, *after))
    changes = (
        MetadataChange(name=name, base=_shown(name, before.get(name)), head=_shown(name, after.get(name)))
        for name in names
        if before.get(name) != after.get(name)
    )
    return tuple(change for change, _ in zip(changes, range(MAX_CHANGES), strict=False))


def _settings(config: ImageConfig) -> dict[str, str]:
    return dict(_pairs(config))


def _pairs(config: ImageConfig) -> Iterator[tuple[str, str]]:
    yield from _named("ENV", config.env)
    yield from _named("LABEL", config.labels)
    for name, words in (
        ("EXPOSE", config.exposed_ports),
        ("VOLUME", tuple(sorted(config.volumes))),
        ("ENTRYPOINT", config.entrypoint),
        ("CMD", config.cmd),
        ("SHELL", config.shell),
        ("HEALTHCHECK", _healthcheck_words(config.healthcheck) if config.healthcheck else None),
    ):
        if shown := " ".join(words or ()):
            yield name, shown
    if config.on_build:
        yield "ONBUILD", "; ".join(config.on_build)
    for name, value in (("USER", config.user), ("WORKDIR", config.workdir), ("STOPSIGNAL", config.stop_signal)):
        if value:
            yield name, value


def _named(kind: str, values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield from ((f"{kind} {name}", value) for name, value in values.items())


def _healthcheck_words(healthcheck: Healthcheck) -> Iterator[str]:
    """The options and the command, as the instruction has them: ``--interval=30s CMD curl localhost``."""
    for option, time_ns in (
        ("interval", healthcheck.interval_ns),
        ("timeout", healthcheck.timeout_ns),
        ("start-period", healthcheck.start_period_ns),
        ("start-interval", healthcheck.start_interval_ns),
    ):
        if time_ns:
            yield f"--{option}={time_ns / _NS_PER_S:g}s"
    if healthcheck.retries:
        yield f"--retries={healthcheck.retries}"
    yield from healthcheck.test


def _shown(name: str, value: str | None) -> str | None:
    if value is None:
        return None
    kind, _, key = name.partition(" ")
    if _is_secret(key if kind in {"ENV", "LABEL"} and value else "", value):
        return HIDDEN
    return value if len(value) <= _MAX_CHARACTERS else f"{value[: _MAX_CHARACTERS - 1]}…"


def _is_secret(name: str, value: str) -> bool:
    return is_secret(name, value) or _LONG_HEXADECIMAL.search(value) is not None
