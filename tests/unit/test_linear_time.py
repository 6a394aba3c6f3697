"""The helper that tells linear from quadratic time."""

from __future__ import annotations

import pytest
from linear_time import assert_linear


def test_linear_steps_pass():
    assert_linear(lambda size: sum(range(size * 100)), largest=4_000)


def test_quadratic_steps_fail():
    with pytest.raises(AssertionError, match="8 times the input took"):
        assert_linear(lambda size: sum(1 for a in range(size) for b in range(size)), largest=2_000)
