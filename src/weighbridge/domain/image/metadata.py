"""Compares the settings of two image configs: environment, labels, ports, volumes, user and the start command.

Source: OCI image spec, "Image Configuration"; ``Healthcheck`` is Docker's own. Values that look like secrets are never
shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from weighbridge.domain.image.image import ImageConfig

MASK = "•••"
MAX_CHANGES = 200
_MAX_CHARACTERS = 300
_SECRET_NAME = re.compile(
    r"SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|CREDENTIAL|AUTH(?!OR)"
    r"|_(?:PASS|PWD)\b",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"-----BEGIN |\bgh[opsur]_\w{20}|\bgithub_pat_\w{20}|\bglpat-\w{10}|\bAKIA[0-9A-Z]{12}|\bxox[abprs]-\w"
    r"|\bsk[-_]\w{16}|\beyJ[\w-]{10,}\.|://[^/\s:@]{1,100}:[^/\s@]{1,200}@|\b[0-9a-fA-F]{40,}\b"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class MetadataChange:
    """One changed setting, such as ``ENV PATH`` or ``EXPOSE``; a missing side is ``None``.

    A value that looks like a secret is `MASK`; two masked values differ all the same.
    """

    name: str
    base: str | None
    head: str | None


def looks_secret(text: str) -> bool:
    """True if `text` has the name or the form of a secret."""
    return _SECRET_NAME.search(text) is not None or _SECRET_VALUE.search(text) is not None


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
        ("HEALTHCHECK", config.healthcheck.test if config.healthcheck else None),
    ):
        if words:
            yield name, " ".join(words)
    for name, value in (("USER", config.user), ("WORKDIR", config.workdir), ("STOPSIGNAL", config.stop_signal)):
        if value:
            yield name, value


def _named(kind: str, values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield from ((f"{kind} {name}", value) for name, value in values.items())


def _shown(name: str, value: str | None) -> str | None:
    if value is None:
        return None
    if (name.startswith(("ENV ", "LABEL ")) and _SECRET_NAME.search(name) and value) or _SECRET_VALUE.search(value):
        return MASK
    return value if len(value) <= _MAX_CHARACTERS else f"{value[: _MAX_CHARACTERS - 1]}…"
