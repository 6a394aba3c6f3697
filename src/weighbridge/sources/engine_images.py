"""Finds images in the container engine, and saves them with ``docker save``.

The engine's own sizes are never used: with the containerd store they have another meaning (moby/moby#53398).
"""

from __future__ import annotations

import contextlib
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

import docker
import docker.errors
import requests

from weighbridge.engine.connection import cleaning_up
from weighbridge.engine.leftovers import RUN_LABEL, new_mark, this_place
from weighbridge.errors import EngineError, ImageError
from weighbridge.network_errors import network_words
from weighbridge.sources.engine_records import EngineImage, engine_image
from weighbridge.sources.engine_transfer import send_unchunked
from weighbridge.sources.reference import advice_on_missing
from weighbridge.sources.tar import CHUNK_BYTES, Piece, StreamCursor, members

CONNECT_TIMEOUT_SECONDS = 20
STALL_TIMEOUT_SECONDS = 900
"""Maximum silence of ``docker save``: the engine exports every layer to a folder before it sends the first byte."""

MAX_SPOOLED_FILES = 8
_SPOOL_IN_MEMORY_BYTES = 4 << 20
_CONTAINER_LABEL = "io.weighbridge.reads"

_REGULAR = ord("0")


class EngineImages:
    """The engine behind a client of the Docker SDK. Every failure is an `EngineError`."""

    def __init__(self, client: docker.DockerClient) -> None:
        self.client = client
        self._api: Any = client.api
        self._root: Path | None = None

    def _url(self, path: str) -> str:
        return f"{self._api.base_url}/v{self._api.api_version}{path}"

    def root_folder(self) -> Path:
        """The engine's data folder, as a path on the engine's own machine; raises `EngineError`."""
        if self._root is None:
            with engine_errors("the engine does not answer"):
                self._root = Path(str(self._api.info().get("DockerRootDir") or "/var/lib/docker"))
        return self._root

    def image(self, reference: str) -> EngineImage:
        """The image `reference`. Raises `EngineError` if the engine has none."""
        with engine_errors(f"{reference}: the engine cannot inspect the image"):
            try:
                document = self._api.inspect_image(reference)
            except docker.errors.NotFound:
                advice = advice_on_missing(reference)
                raise EngineError(f"{reference}: no such image in the engine. {advice}") from None
        return engine_image(document)

    def save(self, image_ids: Sequence[str]) -> Generator[Piece]:
        """``docker save`` of several images as one stream, in which shared layers occur once."""
        url = self._url("/images/get")
        with engine_errors("docker save"):
            send_unchunked(self._api, url)
            response = self._api.get(
                url,
                params={"names": list(image_ids)},
                stream=True,
                timeout=(CONNECT_TIMEOUT_SECONDS, STALL_TIMEOUT_SECONDS),
            )
            with response:
                _raise_for_status(response, "docker save")
                while chunk := response.raw.read(CHUNK_BYTES):
                    yield chunk


class EngineFiles:
    """Reads single files of an image in the engine, through a container that is created and never started.

    A context manager: it removes the container on exit.
    """

    def __init__(self, client: Callable[[], docker.DockerClient], image_id: str) -> None:
        self._client = client
        self._image_id = image_id
        self._container_id: str | None = None
        self._spooled: OrderedDict[str, IO[bytes]] = OrderedDict()

    def read(self, path: str, *, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` of the file `path` of the image's final root."""
        file = self._spooled.get(path)
        if file is None:
            file = self._fetch(path)
            self._spooled[path] = file
            if len(self._spooled) > MAX_SPOOLED_FILES:
                self._spooled.popitem(last=False)[1].close()
        else:
            self._spooled.move_to_end(path)
        file.seek(offset)
        return file.read(length)

    def _fetch(self, path: str) -> IO[bytes]:
        client = self._client()
        api = client.api
        with engine_errors(f"{path} cannot be read from image {self._image_id}"):
            if self._container_id is None:
                created = api.create_container(
                    self._image_id,
                    command=["never-started"],  # an image without an entrypoint needs a command to become a container
                    network_disabled=True,
                    labels={_CONTAINER_LABEL: self._image_id, RUN_LABEL: new_mark(this_place(client))},
                )
                self._container_id = created["Id"]
            chunks, _ = api.get_archive(self._container_id, f"/{path}", chunk_size=CHUNK_BYTES)
            cursor = StreamCursor(chunks)
            for member in members(cursor):
                if member.type_flag == _REGULAR:
                    return _spool(cursor.pieces(member.size_bytes))
        raise ImageError(f"{path} is not a regular file in image {self._image_id}")

    def close(self) -> None:
        """Remove the container."""
        for file in self._spooled.values():
            file.close()
        self._spooled.clear()
        if self._container_id is not None:
            container_id, self._container_id = self._container_id, None
            with contextlib.suppress(EngineError), engine_errors("the container cannot be removed"):
                client = self._client()
                with cleaning_up(client):
                    client.api.remove_container(container_id, v=True, force=True)


def _spool(pieces: Iterator[Piece]) -> IO[bytes]:
    file = tempfile.SpooledTemporaryFile(max_size=_SPOOL_IN_MEMORY_BYTES)  # noqa: SIM115 - closed by EngineFiles
    for piece in pieces:
        file.write(piece)
    return cast("IO[bytes]", file)


def _raise_for_status(response: requests.Response, what: str) -> None:
    if response.status_code < 400:
        return
    text = response.raw.read(2000).decode("utf-8", "replace") if response.raw else ""
    raise EngineError(f"{what}: the engine answered {response.status_code}: {text.strip()}")


@contextlib.contextmanager
def engine_errors(what: str) -> Iterator[None]:
    """Turns exceptions of the SDK, `requests` and `urllib3` into `EngineError`."""
    try:
        yield
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise EngineError(f"{what}: {network_words(error)}") from error
    except Exception as error:
        # A stream that is read directly raises errors of urllib3 and http.client.
        if type(error).__module__.partition(".")[0] in ("urllib3", "http"):
            raise EngineError(f"{what}: {network_words(error)}") from error
        raise
