"""Problems of JSON in words, as msgspec raises them."""

from __future__ import annotations

import msgspec
import pytest

from weighbridge.json_problems import json_problem


class Inner(msgspec.Struct):
    size: int | None


class Outer(msgspec.Struct):
    name: str
    inner: Inner


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"inner": {"size": 1}}', "it has no field `name`"),
        (b'{"name": "a", "inner": {}}', "`inner` has no field `size`"),
        (b'{"name": 1, "inner": {}}', "`name` is a whole number, not a text"),
        (b'{"name": "a", "inner": {"size": "x"}}', "`inner.size` is a text, not a whole number or null"),
        (b"[]", "it is a list, not an object"),
        (b'{"name": "a', "the JSON ends too early"),
        (b"{name: 1}", "the JSON is damaged (wrong at byte 1)"),
        (b'{"name": "\xff"}', "the JSON is not UTF-8 (wrong at byte 0)"),
    ],
)
def test_problem_is_said_in_words(data, words):
    with pytest.raises((msgspec.MsgspecError, UnicodeDecodeError)) as caught:
        msgspec.json.decode(data, type=Outer)
    assert json_problem(caught.value) == words


def test_depth_is_said_in_words():
    with pytest.raises(RecursionError) as caught:
        msgspec.json.decode(b"[" * 100_000)
    assert json_problem(caught.value) == "the JSON is nested too deeply"
