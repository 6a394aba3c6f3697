"""The tar reader, held to what real engines made of odd layers: ``tests/data/tar_layers``."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

import pytest

from weighbridge.errors import ImageError
from weighbridge.sources.tar import StreamCursor, members

_DATA = Path(__file__).parents[2] / "data/tar_layers"
_RECORDS = [
    (record["case"], engine, zlib.decompress(base64.b64decode(record["layer"])), record["files"])
    for engine in ("overlay2", "containerd")
    for record in json.loads((_DATA / f"{engine}.json").read_text())
]
_ACCEPTED = [one for one in _RECORDS if one[3] is not None]
_REFUSED = {one[0]: one[2] for one in _RECORDS if one[3] is None}


def _read(layer: bytes) -> dict[str, int]:
    """The sizes of the layer's regular files; a hard link counts as one, as in an exported container."""
    sizes: dict[str, int] = {}
    for member in members(StreamCursor([layer])):
        if member.type_flag == ord("0"):
            sizes[member.name.decode().rstrip("/")] = member.size_bytes
        elif member.type_flag == ord("1"):
            sizes[member.name.decode()] = sizes[member.link_name.decode()]
    return {name: size for name, size in sizes.items() if name != "t"} if "l" in sizes else sizes


@pytest.mark.parametrize(
    ("case", "engine", "layer", "files"), _ACCEPTED, ids=[f"{one[0]}-{one[1]}" for one in _ACCEPTED]
)
def test_layer_accepted_by_engine_has_its_sizes(case, engine, layer, files):
    assert _read(layer) == files


_READ_ALTHOUGH_REFUSED = {
    # The engine finds these while it unpacks the data; only headers are read here.
    "1.0 less than stored",
    "contiguous file",
    "old GNU sparse",
    "old GNU sparse less than stored",
    # One of two engines refuses it.
    "same name twice",
    # What follows the first block of zeros is not read.
    "zero block, then a file",
}


@pytest.mark.parametrize("case", sorted(_REFUSED.keys() - _READ_ALTHOUGH_REFUSED))
def test_layer_refused_by_engines_is_error(case):
    with pytest.raises(ImageError):
        _read(_REFUSED[case])
