"""A text that a program printed with escapes is found, and its place in the original is exact."""

from __future__ import annotations

import re
import time

import pytest

from weighbridge.domain.escaped_text import found_behind_escapes

WORD = re.compile(re.escape("pass/word=é1"))


@pytest.mark.parametrize(
    "written",
    [
        r"pass\/word=é1",
        r"pass/word\u003dé1",
        r"pass/word\u003Dé1",
        r"pass\x2fword\x3dé1",
        r"pass/word=\xc3\xa91",
        r"pass/word=\303\2511",
        r"pass/word\=é1",
        r"pass\u002Fword\u003d\u00e91",
        "pass%2fword%3d%C3%A91",
        "p%61ss/word=%c3%a91",
        "pass%252Fword%253D%25C3%25A91",
        "pass&#47;word&#x3D;&#233;1",
        "pass/\u200bword=\u00adé1",
        "pass/\x1b[1mword\x1b[0m=é1",
        "p\0a\0s\0s\0/\0w\0o\0r\0d\0=\0é\x001",
        "70 61 73 73 2f 77 6f 72 64 3d c3 a9 31",
        "70:61:73:73:2F:77:6F:72:64:3D:C3:A9:31",
        "7061 7373 2f77 6f72 643d c3a9 31",
        "0x70, 0x61, 0x73, 0x73, 0x2f, 0x77, 0x6f, 0x72, 0x64, 0x3d, 0xc3, 0xa9, 0x31",
    ],
)
def test_text_behind_escapes_is_found_at_its_place(written):
    text = f"a=%41 <{written}> b"
    (span,) = found_behind_escapes(text, WORD)
    assert text[slice(*span)] == written


def test_several_places_are_in_order_and_do_not_overlap():
    text = r"pass\/word=é1 and pass%2Fword=é1"
    assert [text[slice(*one)] for one in found_behind_escapes(text, WORD)] == [r"pass\/word=é1", "pass%2Fword=é1"]


@pytest.mark.parametrize("text", ["pass/word=é1", "", "100% of \\u00zz &#x; %zz \\", "aa bb cc dd ee"])
def test_text_without_an_escaped_word_has_none(text):
    assert found_behind_escapes(text, WORD) == []


@pytest.mark.parametrize("unit", ["%41", "%2541x", "aa ", "\\u0041x", "&#1", "\x1b[1", "0x", "\\"])
def test_hostile_escapes_take_linear_time(unit):
    began = time.process_time()
    found_behind_escapes(unit * (200_000 // len(unit)), WORD)
    assert time.process_time() - began < 1
