"""Each layer of an image that was really built is mapped to the line that made it."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.image.image import HistoryEntry
from weighbridge.domain.image.origins import layer_origins

DOCKERFILE = """\
ARG TAG=bookworm
FROM debian:${TAG} AS build
ARG VERSION=1
ENV A=1 B=${VERSION}
RUN mkdir -p /x && \\
    # a comment in between
    echo "one" > /x/one
WORKDIR /w
COPY src b ./
ONBUILD RUN echo trigger > /trigger
RUN echo same >> /same
RUN echo same >> /same
FROM build
LABEL a=b
RUN ["/bin/sh", "-c", "echo exec > /exec"]
COPY --from=build --chown=1:1 /x/one /y/
SHELL ["/bin/bash", "-c"]
RUN echo bash > /bash
ADD b /added
CMD echo hi
"""

HEREDOCS = """\
FROM busybox:musl
RUN <<EOF
echo 1 > /one
echo 2 > /two
EOF
RUN <<SCRIPT
#!/bin/sh
echo 3 > /three
SCRIPT
COPY <<EOF /file
text
EOF
RUN cat > /four <<END
4
END
"""


def history_of(engine, image: str) -> list[HistoryEntry]:
    """The history of the image's config, out of `docker save`, with nothing but tarfile."""
    saved = subprocess.run(
        ["docker", "save", image], env=engine_environment(engine), check=True, capture_output=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(saved)) as archive:
        (manifest,) = json.load(archive.extractfile("manifest.json"))
        config = json.load(archive.extractfile(manifest["Config"]))
    return [
        HistoryEntry(created_by=one.get("created_by"), empty_layer=one.get("empty_layer", False))
        for one in config["history"]
    ]


def engine_environment(engine) -> dict[str, str]:
    return {"DOCKER_HOST": engine.docker_host, **engine.environment}


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a").write_text("a")
    (tmp_path / "b").write_text("b")
    return tmp_path


def test_layers_of_two_stages_are_mapped(any_engine, need_images, build_image, context):
    need_images(any_engine, "debian:bookworm")
    (context / "Dockerfile").write_text(DOCKERFILE)
    history = history_of(any_engine, build_image(any_engine, context))
    origins = layer_origins(history, parse_dockerfile(DOCKERFILE, path="Dockerfile"))
    own = [one.line for one in origins if not one.from_base_image]
    assert own == [5, 8, 9, 11, 12, 10, 15, 16, 18, 19]
    assert len(origins) > len(own)


def test_heredocs_are_mapped(containerd_engine, need_images, build_image, context):
    need_images(containerd_engine, "busybox:musl")
    (context / "Dockerfile").write_text(HEREDOCS)
    history = history_of(containerd_engine, build_image(containerd_engine, context, arguments=["--load"]))
    origins = layer_origins(history, parse_dockerfile(HEREDOCS, path="Dockerfile"))
    assert [one.line for one in origins if not one.from_base_image] == [2, 6, 10, 13]
