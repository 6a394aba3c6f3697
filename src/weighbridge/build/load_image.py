"""Loads an image of an OCI layout into the engine, to start it."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import docker.errors
import requests

from weighbridge.errors import EngineError
from weighbridge.network_errors import network_words
from weighbridge.sources.blob_stores import Folder
from weighbridge.sources.layout import blob_name, oci_image

_CHUNK_BYTES = 1 << 20


def load_image(engine: docker.DockerClient, folder: Path, name: str, tag: str) -> None:
    """Load the image `name` of the layout in `folder` into the engine as `tag`.

    Streams it in the format of ``docker save``, which all engines read. Raises EngineError if the engine refuses it,
    ImageError if the layout is damaged.
    """
    stored = oci_image(Folder(folder, f"oci:{folder}"), name, None)
    config = blob_name(stored.description.image_id)
    manifest = [{"Config": config, "RepoTags": [tag], "Layers": stored.names}]
    try:
        archive = _archive(folder, json.dumps(manifest).encode(), [config, *dict.fromkeys(stored.names)])
        for _ in engine.api.load_image(archive):  # type: ignore[no-untyped-call]
            pass
        engine.images.get(tag)
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise EngineError(f"the image could not be loaded into the engine: {network_words(error)}") from error


def _archive(folder: Path, manifest: bytes, names: list[str]) -> Iterator[bytes]:
    """Yields chunks of a tar of the manifest and the files `names` of `folder`."""
    yield _header("manifest.json", len(manifest)) + manifest + _padding(len(manifest))
    for name in names:
        with (folder / name).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            yield _header(name, size)
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
        yield _padding(size)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)
