"""What the storage helper says is checked as if it were hostile."""

from __future__ import annotations

import io
from array import array

import msgspec
import pytest

from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.errors import ImageError
from weighbridge.sources.changeset import LayerIndex
from weighbridge.sources.source_layer import SourceLayer
from weighbridge.sources.storage_helper import container_of_network
from weighbridge.sources.storage_helper_stream import (
    Done,
    Estimated,
    ImageRead,
    LayerProgress,
    LayerRead,
    layer_message,
    layer_of,
    read_messages,
    write_message,
)

DIFF_ID = "sha256:" + "a" * 64


def layer(*entries: Entry, is_hashed: bool = True) -> LayerIndex:
    return LayerIndex(
        changeset=Changeset(diff_id=DIFF_ID, entries=entries),
        data_offsets=array("q", [512] * len(entries)),
        tar_bytes=10240,
        kept={"etc/passwd": b"root", "etc/os-release\udce9": b""},
        is_hashed=is_hashed,
    )


FILE = Entry(path="a/caf\udce9", kind=EntryKind.FILE, size_bytes=3, content_digest="xxh3:1")


def stream(*messages: object) -> bytes:
    buffer = io.BytesIO()
    for message in messages:
        write_message(buffer, message)  # type: ignore[arg-type]
    return buffer.getvalue()


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_messages_are_equal_at_any_chunk_size(size: int) -> None:
    sent = [
        LayerProgress(image_id="i", layer=1, layers=2, done_bytes=5),
        layer_message(layer(FILE)),
        Estimated(diff_id=DIFF_ID, compressor="c", size_bytes=7),
        ImageRead(image_id="i", config=b"{}", layers=[SourceLayer(diff_id="sha256:" + 64 * "1", size_bytes=3)]),
    ]
    content = stream(*sent, Done())
    got = list(read_messages(content[at : at + size] for at in range(0, len(content), size)))
    assert got == sent
    assert isinstance(got[1], LayerRead)
    arrived = layer_of(got[1])
    assert (arrived, arrived.kept) == (layer(FILE), layer(FILE).kept)


def test_cut_stream_is_refused_even_between_messages() -> None:
    for content in (stream(LayerProgress(image_id="i", layer=1, layers=1, done_bytes=1)), stream(Done())[:-1], b""):
        with pytest.raises(ImageError, match="ended before its last message"):
            list(read_messages([content]))


def test_message_too_long_or_invalid_is_refused() -> None:
    with pytest.raises(ImageError, match="a message of 18446744073709551615 bytes"):
        list(read_messages([b"\xff" * 8]))
    with pytest.raises(ImageError, match="an invalid message"):
        list(read_messages([(3).to_bytes(8, "little") + b"abc"]))


@pytest.mark.parametrize(
    "entry",
    [
        Entry(path="../../etc/passwd", kind=EntryKind.FILE),
        Entry(path="/etc/passwd", kind=EntryKind.FILE),
        Entry(path="a//b", kind=EntryKind.FILE),
        Entry(path="a", kind=EntryKind.FILE, size_bytes=-1),
        Entry(path="a", kind=EntryKind.DIRECTORY, size_bytes=10),
        Entry(path="a" * 5000, kind=EntryKind.FILE),
    ],
    ids=["leads out", "absolute", "empty part", "negative size", "directory with bytes", "long name"],
)
def test_entry_impossible_in_layer_is_refused(entry: Entry) -> None:
    with pytest.raises(ImageError, match="an impossible entry of a layer"):
        layer_of(layer_message(layer(entry)))


def test_layer_contradicting_its_diff_id_is_refused() -> None:
    message = layer_message(layer(FILE))
    for damaged in (
        msgspec.structs.replace(message, diff_id="sha256:" + "b" * 64),
        msgspec.structs.replace(message, frames=message.frames[:-1]),
        msgspec.structs.replace(message, frames=[]),
        msgspec.structs.replace(message, kept=b"\xc1"),
        layer_message(layer(FILE, is_hashed=False)),
    ):
        with pytest.raises(ImageError, match=r"it sends the (invalid|impossible) layer"):
            layer_of(damaged)


def test_container_is_found_by_docker_mounts(tmp_path) -> None:  # type: ignore[no-untyped-def]
    container = "c" * 64
    lines = [
        "612 590 0:52 / / rw,relatime - overlay overlay rw,lowerdir=/l/A:/l/B",
        f"640 612 254:1 /srv/docker/containers/{container}/resolv.conf /etc/resolv.conf rw - ext4 /dev/vda1 rw",
        f"641 612 254:1 /srv/docker/containers/{container}/hostname /etc/hostname rw - ext4 /dev/vda1 rw",
    ]
    (tmp_path / "mountinfo").write_text("\n".join(lines))
    assert container_of_network(tmp_path / "mountinfo") == container
    (tmp_path / "mountinfo").write_text(lines[0])
    assert container_of_network(tmp_path / "mountinfo") is None
    assert container_of_network(tmp_path / "nothing") is None
