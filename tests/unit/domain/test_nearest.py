"""The known word that a mistyped word stands for."""

from __future__ import annotations

import pytest

from weighbridge.domain.nearest import nearest

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
