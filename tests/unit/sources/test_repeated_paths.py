"""One path named several times in one layer."""

from __future__ import annotations

import hashlib
import io
import tarfile

import pytest

from weighbridge.domain.image.layer import EntryKind
from weighbridge.sources.changeset import LayerIndex, index_layer

FIRST, SECOND = b"1" * 700, b"2" * 300


def layer_of(*members: tuple[str, bytes | str | None]) -> tuple[LayerIndex, bytes]:
    """A layer of files (bytes), hard links (text) and directories (``None``), indexed, and its tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if content is None:
                member.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                member.type, member.linkname = tarfile.LNKTYPE, content
            else:
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content) if isinstance(content, bytes) else None)
    blob = buffer.getvalue()
    return index_layer([blob], expected_diff_id=f"sha256:{hashlib.sha256(blob).hexdigest()}"), blob


def contents(layer: LayerIndex, blob: bytes) -> dict[str, bytes | str | None]:
    """What each path of the layer is: the bytes of a file, the target of a link, ``None`` for the rest."""
    found: dict[str, bytes | str | None] = {}
    for entry, offset in zip(layer.changeset.entries, layer.data_offsets, strict=True):
        assert entry.path not in found
        is_file = entry.kind is EntryKind.FILE
        found[entry.path] = blob[offset : offset + entry.size_bytes] if is_file else entry.link_target
    return found


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([("a", FIRST), ("a", SECOND)], {"a": SECOND}),
        ([("a", FIRST), ("b", SECOND), ("a", "b")], {"b": SECOND, "a": "b"}),
        ([("a", FIRST), ("b", "a"), ("a", SECOND)], {"b": FIRST, "a": SECOND}),
        ([("a", FIRST), ("b", "a"), ("c", "b"), ("a", SECOND)], {"b": FIRST, "c": "b", "a": SECOND}),
        ([("a", FIRST), ("b", "a"), ("b", SECOND), ("a", SECOND)], {"b": SECOND, "a": SECOND}),
        ([("d", None), ("d/a", FIRST), ("d", None)], {"d/a": FIRST, "d": None}),
        ([("d", None), ("d/e/a", FIRST), ("x", "d/e/a"), ("d", SECOND)], {"x": FIRST, "d": SECOND}),
        ([("a", FIRST), ("a", None)], {"a": None}),
    ],
)
def test_repeated_path_uses_last_entry(
    members: list[tuple[str, bytes | str | None]], expected: dict[str, bytes | str | None]
) -> None:
    layer, blob = layer_of(*members)
    assert contents(layer, blob) == expected
    assert layer.changeset.unpacked_bytes == sum(len(one) for one in expected.values() if isinstance(one, bytes))


def test_repeated_path_of_kept_file_keeps_last_content() -> None:
    layer, _ = layer_of(("etc/passwd", b"old"), ("etc/passwd", b"new"))
    assert layer.kept == {"etc/passwd": b"new"}
    layer, _ = layer_of(("etc/passwd", b"old"), ("x", b""), ("etc/passwd", "x"))
    assert layer.kept == {}


def test_repeated_whiteout_is_one_removal_and_keeps_new_file() -> None:
    layer, _ = layer_of((".wh.a", b""), (".wh.a", b""), ("a", FIRST))
    assert [(entry.kind, entry.path) for entry in layer.changeset.entries] == [
        (EntryKind.WHITEOUT, "a"),
        (EntryKind.FILE, "a"),
    ]
