"""Small weighed images for the browser: layers from dictionaries, with waste, a base image and hostile names."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.image.image import Image, ImageConfig, Layer
from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.origins import LayerOrigin
from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.image.weighed import WeighedImage, weigh_image
from weighbridge.domain.tips.tip import DockerfileSource
from weighbridge.explore.subject import BrowsedImage, make_subject

DOCKERFILE = "FROM debian:bookworm\nRUN make-tool\nCOPY app /app\n"
LAYERS: tuple[Mapping[str, int | None], ...] = (
    {"bin/sh": 100, "usr/lib/libc.so": 2000, "var/cache/list": 50},
    {"opt/tool/bin/tool": 5000, "opt/tool/share/doc.txt": 300, "var/cache/list": 70},
    {"app/main": 900, "app/[bold]evil\x1b[31m\nname": 10, "opt/tool/share/doc.txt": None},
)
"""Files with their sizes, by layer; ``None`` removes one."""


class ZeroContents:
    """Files of zeros."""

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        return bytes(max(0, min(length, node.size_bytes - offset)))


def weigh(*layers: Mapping[str, int | None], digest: str = "same") -> WeighedImage:
    """An image whose first layer is the base image's; `digest` names the content of all files."""
    changesets = [
        Changeset(
            diff_id=f"sha256:{digest}{number}",
            entries=[
                Entry(path=path, kind=EntryKind.WHITEOUT)
                if size is None
                else Entry(path=path, kind=EntryKind.FILE, size_bytes=size, content_digest=digest)
                for path, size in files.items()
            ],
        )
        for number, files in enumerate(layers)
    ]
    origins = [
        LayerOrigin(
            instruction=None, text=f"RUN step {number}", line=number + 1 if number else None, from_base_image=not number
        )
        for number in range(len(layers))
    ]
    image = Image(
        image_id="sha256:image",
        config=ImageConfig(cmd=("/app/main",)),
        layers=tuple(
            Layer(diff_id=one.diff_id, created_by=None, download_bytes=None, changeset=one) for one in changesets
        ),
    )
    return weigh_image(image, origins, ZeroContents())


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
