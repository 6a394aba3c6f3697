"""The known word that a mistyped word stands for."""

from __future__ import annotations

import pytest

from weighbridge.domain.nearest import nearest, share_in_common

KNOWN = ("platform", "platforms", "target", "Dockerfile")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("platfrom", "platform"),
        ("platfoms", "platforms"),
        ("TARGET", "target"),
        ("dockerfiel", "Dockerfile"),
        ("colour", None),
        ("", None),
    ],
)
def test_mistyped_word_stands_for_most_similar_known_word(word, meant):
    assert nearest(word, KNOWN) == meant


def test_higher_likeness_finds_fewer_words():
    assert nearest("plat", KNOWN) == "platform"
    assert nearest("plat", KNOWN, likeness=0.9) is None


def test_nothing_known_gives_no_word():
    assert nearest("target", ()) is None


def test_only_beginning_of_long_word_is_compared():
    assert nearest("a" * 100 + "b" * 1_000_000, ["a" * 100]) == "a" * 100


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ({"a": 2, "b": 1}, {"a": 1, "c": 2}, 1 / 3),
        ({"a": 1}, {"a": 1}, 1),
        ({"a": 1}, {}, 0),
        ({}, {}, 1),
    ],
)
def test_share_in_common_counts_each_part_with_its_number(one, other, share):
    assert share_in_common(one, other) == pytest.approx(share)
    assert share_in_common(other, one) == pytest.approx(share)
