"""Images of the engine that are known: asks for their record in one small request, without the SDK of docker.

To load the SDK takes longer than to show a known image. This way is for an engine at a Unix socket that no part of the
run has connected to. Whatever it cannot answer with certainty, `from_engine` reads and reports.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import msgspec

from weighbridge.errors import ImageError, WeighbridgeError
from weighbridge.sources.engine_records import ImageToRead, KnownEngineImages, engine_image
from weighbridge.sources.file_contents import LayerFiles
from weighbridge.sources.read_image import ReadImage
from weighbridge.sources.reference import ImageReference
from weighbridge.sources.source import ImageSource, ReadOutcomes, SourceSetup

_TIMEOUT_SECONDS = 3
_MAXIMUM_BYTES = 4 << 20
"""Of one answer: a record of an image has some kilobytes."""


class KnownInEngine:
    """Reads known images of the engine with the cache alone, all others as `ImagesInEngine`."""

    def __init__(self, setup: SourceSetup) -> None:
        self._setup = setup
        self._known = KnownEngineImages(setup.cache, setup.known_layers)
        self._others: ImageSource | None = None

    def read(self, titles: Mapping[ImageReference, str], *, estimate_sizes: bool) -> ReadOutcomes:
        """Known images from the cache; the others together."""
        outcomes: dict[ImageReference, ReadImage | WeighbridgeError] = {}
        path = self._setup.engine_socket() if self._setup.engine_socket is not None else None
        if path is not None:
            for reference, title in titles.items():
                image = self._known_image(path, reference, title, estimate_sizes)
                if image is None:
                    break  # the SDK is needed, and asks for the rest as well
                outcomes[reference] = image
        left = {reference: title for reference, title in titles.items() if reference not in outcomes}
        if left:
            outcomes |= self._in_engine().read(left, estimate_sizes=estimate_sizes)
        return outcomes

    def diff_ids(self, reference: ImageReference) -> tuple[str, ...]:
        """The diff IDs of an image in the engine, lowest layer first. Raises `EngineError`."""
        return self._in_engine().diff_ids(reference)

    def reads_alone(self) -> bool:
        """True if this process can and may read the engine's own storage."""
        return self._in_engine().reads_alone()

    def close(self) -> None:
        """Does nothing: who connects to the engine also closes the connection."""

    def _known_image(self, path: str, reference: ImageReference, title: str, estimate_sizes: bool) -> ReadImage | None:
        document = engine_record(path, reference.place)
        try:
            image = engine_image(document or {})
        except (ImageError, KeyError):
            return None
        wanted = ImageToRead(image=image, platform=self._setup.platform or image.platform, title=title)
        return self._known.find(wanted, lambda: self._files(wanted), estimate_sizes=estimate_sizes)

    def _files(self, wanted: ImageToRead) -> LayerFiles:
        from weighbridge.sources.engine_contents import engine_contents  # noqa: PLC0415 - see the module docstring
        from weighbridge.sources.from_engine import connected_engine  # noqa: PLC0415 - see the module docstring

        return engine_contents(connected_engine(self._setup.connect), wanted)()

    def _in_engine(self) -> ImageSource:
        if self._others is None:
            from weighbridge.sources.from_engine import ImagesInEngine  # noqa: PLC0415 - see the module docstring

            self._others = ImagesInEngine(self._setup)
        return self._others


def engine_record(path: str, name: str) -> dict[str, Any] | None:
    """The engine's record of the image `name`; ``None`` without a whole and valid answer.

    Asks in HTTP/1.0, whose answer ends with the connection (RFC 9112, 6.3).
    """
    request = f"GET /images/{quote(name, safe='/:')}/json HTTP/1.0\r\nHost: docker\r\n\r\n"
    with suppress(OSError, msgspec.MsgspecError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_TIMEOUT_SECONDS)
        connection.connect(path)
        connection.sendall(request.encode())
        head, _, body = _answer(connection).partition(b"\r\n\r\n")
        if head.split(b" ", 2)[1:2] == [b"200"]:
            return msgspec.json.decode(body, type=dict[str, Any])
    return None


def _answer(connection: socket.socket) -> bytes:
    """All bytes up to the end of the connection. Raises OSError if they are too many or too late."""
    received = bytearray()
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while piece := connection.recv(65_536):
        received += piece
        if len(received) > _MAXIMUM_BYTES or time.monotonic() > deadline:
            raise TimeoutError
    return bytes(received)
