"""Regular expressions that are compiled on first use."""

from __future__ import annotations

import re

import pytest

from weighbridge.domain.late_pattern import late_pattern


def test_late_pattern_matches_as_compiled() -> None:
    pattern = late_pattern(r"(a+)b", re.IGNORECASE)
    assert [match[1] for match in pattern.finditer("AAb ab b")] == ["AA", "a"]
    assert pattern.sub("x", "aab b") == "x b"
    assert pattern.fullmatch("b") is None


def test_late_pattern_invalid_raises_on_first_use() -> None:
    pattern = late_pattern("(")
    with pytest.raises(re.error):
        pattern.search("a")
