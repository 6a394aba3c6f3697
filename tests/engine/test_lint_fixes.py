"""Lint's safe fixes on a real engine: what built before builds afterwards, and the images do the same."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from weighbridge.cli.lint_files import LintRequest, lint_paths
from weighbridge.domain.lint.model import LintSettings

DOCKERFILE = """FROM debian:bookworm AS base
RUN apt-get update && apt-get install -y --no-install-recommends sudo
RUN useradd -u 70001 -m app && echo 'app ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/app

FROM base AS dev
RUN apt-get install -y --no-install-recommends less
CMD ["less", "--version"]

FROM debian:bookworm
WORKDIR ./src
RUN mkdir web
WORKDIR ./web
RUN mkdir dist && echo hi > dist/index.html

FROM base AS final
USER app
RUN sudo apt-get update && sudo apt-get install -y --no-install-recommends jq
COPY --from=2 ./src/web/dist /www
ENV A=1
ENV B=2
CMD ["sh", "-c", "cat /www/index.html && id -u && jq --version"]
"""
BROKEN = """FROM debian:bookworm AS build
WORKDIR /src
RUN cp /bin/true program

FROM debian:bookworm
COPY --from=build program /program
CMD ["/program"]
"""


def _output(engine: Any, folder: Path, target: str) -> str:
    """What the image of a target prints when it is built and started; the image is removed."""
    name = f"weighbridge-test:{uuid.uuid4().hex[:12]}"
    built = engine.docker("build", "--target", target, "--tag", name, folder)
    assert built.returncode == 0, built.stderr
    try:
        started = engine.docker("run", "--rm", "--network=none", name)
    finally:
        engine.docker("rmi", "--force", name)
    assert started.returncode == 0, started.stderr
    return str(started.stdout)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    return tmp_path


def test_safe_fixes_keep_every_target_building_and_doing_same(engine: Any, need_images: Any, folder: Path) -> None:
    need_images(engine, "debian:bookworm")
    before = {target: _output(engine, folder, target) for target in ("dev", "final")}
    (file,) = lint_paths(LintRequest(paths=[folder / "Dockerfile"], settings=LintSettings(), fix=True))
    assert {"package-cache", "sparse-logs", "stage-by-number"} <= {one.code for one in file.fixed}
    text = (folder / "Dockerfile").read_text()
    assert "jq && sudo rm -rf /var/lib/apt/lists/*" in text  # the user is not root
    assert "sudo\nRUN useradd" in text  # stage dev installs from the lists of this line
    assert "COPY --from=build-2 ./src/web/dist /www" in text
    assert {target: _output(engine, folder, target) for target in ("dev", "final")} == before


def test_safe_fix_of_relative_source_makes_broken_build_work(engine: Any, need_images: Any, folder: Path) -> None:
    need_images(engine, "debian:bookworm")
    (folder / "Dockerfile").write_text(BROKEN)
    assert engine.docker("build", folder).returncode != 0
    lint_paths(LintRequest(paths=[folder / "Dockerfile"], settings=LintSettings(), fix=True))
    assert "COPY --from=build /src/program /program" in (folder / "Dockerfile").read_text()
    assert engine.docker("build", "--tag", "weighbridge-test:fixed", folder).returncode == 0
    assert engine.docker("run", "--rm", "weighbridge-test:fixed").returncode == 0
    engine.docker("rmi", "--force", "weighbridge-test:fixed")
