"""What tests use of the `Engine` in tests/conftest.py, for their annotations."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Protocol


class Engine(Protocol):
    """A real container engine."""

    docker_host: str
    store: str
    environment: dict[str, str]
    client: Any

    def docker(self, *arguments: str | Path, timeout_seconds: float = 600) -> subprocess.CompletedProcess[str]:
        """Run the `docker` client."""

    def run(self, image: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Start a container without a network, and wait for its end."""

    def recording_environment(self, folder: Path) -> dict[str, str]:
        """The environment of a subprocess whose image names are recorded in `folder`."""

    def left_tags(self, folder: Path) -> list[str]:
        """The recorded names of images that are still there."""
