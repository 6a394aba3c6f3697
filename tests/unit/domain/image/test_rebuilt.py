"""Layers built twice to the same content are one layer, from below and as far as nothing differs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from weighbridge.domain.image.image import Image, ImageConfig, Layer
from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.rebuilt_layers import FormerContents, with_rebuilt_layers
from weighbridge.domain.image.rootfs import Node


def layer(diff_id: str, content: str, created_by: str = "RUN x") -> Layer:
    entry = Entry(path=f"f-{content}", kind=EntryKind.FILE, size_bytes=3, content_digest=content)
    return Layer(
        diff_id=diff_id,
        created_by=created_by,
        download_bytes=10,
        changeset=Changeset(diff_id=diff_id, entries=(entry,)),
    )


def image(*layers: Layer) -> Image:
    return Image(image_id="sha256:x", config=ImageConfig(), layers=layers)


def test_equal_layers_are_replaced_up_to_first_difference():
    base = image(layer("base", "0"), layer("old1", "1"), layer("old2", "2"), layer("old3", "3"))
    head = image(layer("base", "0"), layer("new1", "1"), layer("new2", "changed"), layer("new3", "3"))
    found, former = with_rebuilt_layers(base, head)
    assert [one.diff_id for one in found.layers] == ["base", "new1", "old2", "old3"]
    assert former == {"new1": "old1"}


def test_other_instruction_with_same_content_is_other_layer():
    base, head = image(layer("old", "1", "COPY a /")), image(layer("new", "1", "COPY b /"))
    assert with_rebuilt_layers(base, head) == (base, {})


def test_images_with_equal_layers_only_have_all_of_them_replaced():
    base, head = image(layer("old1", "1"), layer("old2", "2")), image(layer("new1", "1"), layer("new2", "2"))
    found, former = with_rebuilt_layers(base, head)
    assert found.layers == head.layers
    assert former == {"new1": "old1", "new2": "old2"}


@pytest.mark.parametrize(
    "change",
    [
        {"mode": 0o600},
        {"uid": 7},
        {"path": "d/f-1"},
        {"size_bytes": 4},
        {"content_digest": None},
        {"capabilities": b"x"},
    ],
    ids=str,
)
def test_layer_with_another_entry_is_other_layer(change):
    old, new = layer("old", "1"), layer("new", "1")
    entry = replace(new.changeset.entries[0], **change)
    head = image(replace(new, changeset=Changeset(diff_id="new", entries=(entry,))))
    assert with_rebuilt_layers(image(old), head) == (image(old), {})


def test_content_is_read_by_former_diff_id():
    asked = []

    class Contents:
        def read(self, node: Node, *, offset: int, length: int) -> bytes:
            asked.append(node.diff_id)
            return b""

    entry = Entry(path="f", kind=EntryKind.FILE)
    contents = FormerContents(Contents(), {"new": "old"})
    for diff_id in ("new", "other"):
        contents.read(Node(path="/f", entry=entry, diff_id=diff_id, stored_path="f"), offset=0, length=1)
    assert asked == ["old", "other"]
