"""Reads single files of an image in the engine, through a container that is never started."""

from __future__ import annotations

from collections.abc import Callable

from weighbridge.domain.image.rootfs import Node
from weighbridge.sources.engine_images import EngineFiles, EngineImages
from weighbridge.sources.engine_records import ImageToRead
from weighbridge.sources.file_contents import LayerFiles


class EngineContents:
    """Reads files of an image through the engine, for layers that no other source holds."""

    def __init__(self, files: EngineFiles) -> None:
        self._files = files

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end of the file."""
        return self._files.read(node.path.lstrip("/"), offset=offset, length=length)

    def close(self) -> None:
        """Remove the container."""
        self._files.close()


def engine_contents(engine: EngineImages, wanted: ImageToRead) -> Callable[[], LayerFiles]:
    """Opens the files of an image in the engine through a container that is never started."""
    return lambda: EngineContents(EngineFiles(lambda: engine.client, wanted.image.image_id))
