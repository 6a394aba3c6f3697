"""Small weighed images for the browser: layers from dictionaries, with waste, a base image and hostile names."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import pytest
from images import weigh_files

from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.tips.tip import DockerfileSource
from weighbridge.explore.subject import BrowsedImage, make_subject

DOCKERFILE = "FROM debian:bookworm\nRUN make-tool\nCOPY app /app\n"
LAYERS: tuple[Mapping[str, int | None], ...] = (
    {"bin/sh": 100, "usr/lib/libc.so": 2000, "var/cache/list": 50},
    {"opt/tool/bin/tool": 5000, "opt/tool/share/doc.txt": 300, "var/cache/list": 70},
    {"app/main": 900, "app/[bold]evil\x1b[31m\nname": 10, "opt/tool/share/doc.txt": None},
)
"""Files with their sizes, by layer; ``None`` removes one."""


weigh = functools.partial(weigh_files, base_image_layers=1, cmd=("/app/main",))
"""An image whose first layer is the base image's."""


@pytest.fixture
def one_image() -> BrowsedImage:
    source = DockerfileSource(text=DOCKERFILE, dockerfile=parse_dockerfile(DOCKERFILE, path="Dockerfile"))
    return make_subject("shop", weigh(*LAYERS), source=source)


@pytest.fixture
def two_images() -> BrowsedImage:
    """Base lacks `app/new`, has `app/old`, a smaller `app/main`, a larger tool, and another `usr/lib/libc.so`."""
    base = weigh({"app/main": 500, "app/old": 40, "opt/tool": 900, "usr/lib/libc.so": 7, "etc/same": 1}, digest="a")
    head = weigh({"app/main": 800, "app/new": 60, "opt/tool": 100, "usr/lib/libc.so": 7, "etc/same": 1}, digest="b")
    return make_subject("old → new", head, base=base)


@pytest.fixture
def make_image() -> Callable[..., WeighedImage]:
    return weigh
