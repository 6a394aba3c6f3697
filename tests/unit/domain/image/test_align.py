"""Layers are aligned as sequences: one changed instruction is one row."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.domain.image.align import LayerPair, WeighedLayer, align_layers
from weighbridge.domain.image.diff import diff_layers, upgrade_bytes


def layer(
    diff_id: str, instruction: str | None = None, size: int = 100, *, download: int | None = 40, base: bool = False
) -> WeighedLayer:
    return WeighedLayer(
        diff_id=diff_id,
        instruction=instruction if instruction is not None else f"RUN make {diff_id}",
        line=None,
        unpacked_bytes=size,
        download_bytes=download,
        from_base_image=base,
    )


def shape(rows: tuple[LayerPair, ...]) -> list[tuple[str | None, str | None]]:
    return [(row.base.diff_id if row.base else None, row.head.diff_id if row.head else None) for row in rows]


def test_inserted_instruction_is_one_added_row() -> None:
    # Later layers keep their instructions but get other diff IDs, as a rebuild gives them.
    base = [layer("a", "COPY a"), layer("b", "RUN apt-get install b"), layer("c", "RUN make c")]
    head = [
        layer("a", "COPY a"),
        layer("x", "RUN pip install x"),
        layer("b2", "RUN apt-get install b"),
        layer("c2", "RUN make c"),
    ]
    assert shape(align_layers(base, head)) == [("a", "a"), (None, "x"), ("b", "b2"), ("c", "c2")]


def test_edited_instruction_is_one_changed_row() -> None:
    base = [layer("a", "COPY a"), layer("b", "RUN apt-get install -y curl git"), layer("c", "CMD x")]
    head = [layer("a", "COPY a"), layer("b2", "RUN apt-get install -y curl git make"), layer("c", "CMD x")]
    assert shape(align_layers(base, head)) == [("a", "a"), ("b", "b2"), ("c", "c")]


def test_replaced_instruction_is_removed_and_added_row() -> None:
    base = [layer("a", "COPY hello.c /src/")]
    head = [layer("b", "RUN gcc -o hello hello.c")]
    assert shape(align_layers(base, head)) == [(None, "b"), ("a", None)]


def test_layer_without_history_is_no_edit_of_instruction() -> None:
    base, head = [replace(layer("a"), instruction=None)], [layer("b", "COPY b")]
    assert shape(align_layers(base, head)) == [(None, "b"), ("a", None)]
    assert shape(align_layers(head, base)) == [(None, "a"), ("b", None)]


def test_moved_instruction_is_one_row() -> None:
    base = [layer("a", "COPY a"), layer("b", "RUN b"), layer("c", "RUN c")]
    head = [layer("b", "RUN b"), layer("c", "RUN c"), layer("a2", "COPY a")]
    rows = align_layers(base, head)
    assert sorted(shape(rows)) == [("a", "a2"), ("b", "b"), ("c", "c")]


def test_layers_of_base_image_pair_only_with_each_other() -> None:
    base = [layer("a", "ADD rootfs /", base=True)]
    head = [layer("b", "ADD rootfs /")]
    assert shape(align_layers(base, head)) == [(None, "b"), ("a", None)]


def test_image_missing_in_base_gives_added_rows_only() -> None:
    assert shape(align_layers([], [layer("a"), layer("b")])) == [(None, "a"), (None, "b")]


def test_thousand_layers_per_side_are_aligned_in_bounded_time() -> None:
    base = [layer(f"b{i}", f"RUN step {i}") for i in range(1200)]
    head = [layer(f"h{i}", f"RUN step {i}") for i in range(1200)]
    assert len(align_layers(base, head)) == 1200


def test_repeated_layer_is_pulled_once() -> None:
    assert upgrade_bytes([layer("a")], [layer("a"), layer("b"), layer("b")]) == 40


def test_unknown_blob_size_makes_upgrade_unknown() -> None:
    assert upgrade_bytes([], [layer("a"), layer("b", download=None)]) is None
    assert upgrade_bytes([layer("b")], [layer("a"), layer("b", download=None)]) == 40


layers = st.lists(
    st.builds(
        layer,
        st.sampled_from("abcdefgh"),
        st.sampled_from(["RUN one two", "RUN one two three", "COPY x /", "COPY y /", "ADD x /"]),
        st.integers(0, 1000),
        base=st.booleans(),
    ),
    max_size=12,
)


@given(layers, layers)
def test_rows_add_up_and_hold_each_layer_once(base: list[WeighedLayer], head: list[WeighedLayer]) -> None:
    diff = diff_layers(base, head)
    assert sum(row.delta_bytes for row in diff.rows) == diff.delta.unpacked_bytes
    assert diff.base_image_bytes + diff.own_bytes == diff.delta.unpacked_bytes
    assert [row.head for row in diff.rows if row.head] == head
    assert sorted(id(row.base) for row in diff.rows if row.base) == sorted(id(one) for one in base)


@given(layers, layers)
def test_swapping_base_and_head_negates_every_total(base: list[WeighedLayer], head: list[WeighedLayer]) -> None:
    there, back = diff_layers(base, head), diff_layers(head, base)
    assert there.delta.unpacked_bytes == -back.delta.unpacked_bytes
    assert there.base_image_bytes == -back.base_image_bytes
    assert there.own_bytes == -back.own_bytes


@given(layers)
def test_equal_images_have_only_equal_rows(image: list[WeighedLayer]) -> None:
    assert all(row.base == row.head for row in align_layers(image, image))


@pytest.mark.parametrize(("before", "after", "delta"), [(40, 70, 30), (None, 70, None), (40, None, None)])
def test_download_delta_is_head_minus_base_or_unknown(before: int | None, after: int | None, delta: int | None) -> None:
    diff = diff_layers([layer("a", download=before)], [layer("b", download=after)])
    assert diff.delta.download_bytes == delta


def test_layers_with_one_blob_are_fetched_once() -> None:
    one, other = (replace(layer(name), blob_digest="sha256:1") for name in "ab")
    assert upgrade_bytes([], [one, other]) == 40
    assert upgrade_bytes([], [one, replace(other, blob_digest="sha256:2")]) == 80
    assert upgrade_bytes([], [layer("a"), layer("b")]) == 80
