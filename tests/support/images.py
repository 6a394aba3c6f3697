"""Images of made-up layers for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from weighbridge.domain.image.image import Image, ImageConfig, Layer
from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.origins import LayerOrigin
from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.image.weighed import WeighedImage, weigh_image


class ZeroContents:
    """Files of zeros."""

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        """Up to `length` zeros, as many as the file has from `offset`."""
        return bytes(max(0, min(length, node.size_bytes - offset)))


def layers_of(changesets: Iterable[Changeset]) -> tuple[Layer, ...]:
    """Layers of an image without a history and without download sizes."""
    return tuple(Layer(diff_id=one.diff_id, created_by=None, download_bytes=None, changeset=one) for one in changesets)


def weigh_files(
    *layers: Mapping[str, int | None], digest: str = "same", base_image_layers: int = 0, cmd: tuple[str, ...] = ()
) -> WeighedImage:
    """An image of layers ``{path: size}``; ``None`` removes a file. `digest` names the content of all files."""
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
            instruction=None,
            text=f"RUN step {number}",
            line=None if number < base_image_layers else number + 1,
            from_base_image=number < base_image_layers,
        )
        for number in range(len(layers))
    ]
    image = Image(image_id="sha256:image", config=ImageConfig(cmd=cmd or None), layers=layers_of(changesets))
    return weigh_image(image, origins, ZeroContents())
