"""Reads ``.github/weighbridge.yml`` into settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from weighbridge.config.grammar import MAXIMUM_CONFIG_BYTES
from weighbridge.config.settings import Config
from weighbridge.errors import ConfigError

DEFAULT_CONFIG = ".github/weighbridge.yml"
_MISPLACED = (
    *(".github/weighbridge.yaml", "weighbridge.yml", "weighbridge.yaml", ".weighbridge.yml", ".weighbridge.yaml"),
    ".github/.weighbridge.yml",
)


def load_config(repository: Path, file: Path | None = None) -> Config:
    """The settings of `file` (default: ``.github/weighbridge.yml`` of `repository`); the defaults without a file.

    Raises ConfigError if the file is invalid, or if a named `file` cannot be read.
    """
    path = file or repository / DEFAULT_CONFIG
    shown = str(file) if file is not None else DEFAULT_CONFIG
    try:
        with path.open("rb") as stream:
            data = stream.read(MAXIMUM_CONFIG_BYTES + 1)
    except FileNotFoundError as error:
        if file is None:
            return Config()
        raise ConfigError(f"{shown}: no such file") from error
    except OSError as error:
        raise ConfigError(f"{shown}: cannot read the file: {error.strerror}") from error
    return parse_config(data, path=shown)


def misplaced_config(is_file: Callable[[str], bool]) -> str | None:
    """A note on a configuration file that nothing reads, because of its place; ``None`` without one.

    `is_file` says whether the repository has a file at a path.
    """
    if is_file(DEFAULT_CONFIG):
        return None
    found = next(filter(is_file, _MISPLACED), None)
    return found and f"{found} is not read. Move it to {DEFAULT_CONFIG}, or name it as the configuration file."


def parse_config(data: bytes, *, path: str = DEFAULT_CONFIG) -> Config:
    """Parse the bytes of a configuration file. Raises ConfigError; its message begins with ``path:line``."""
    # Imported on use: most commands have no configuration file, and YAML is slow to load.
    from weighbridge.config.nodes import NodeReader  # noqa: PLC0415
    from weighbridge.config.sections import read_config  # noqa: PLC0415

    reader = NodeReader(path)
    root = reader.compose(data)
    return Config(path=path) if root is None else read_config(reader, root)
