"""The reason of an override: label names are compared as GitHub compares them."""

from __future__ import annotations

import pytest

from weighbridge.github.override import newest_reason


@pytest.mark.parametrize(
    ("bodies", "reason"),
    [
        (["skip: CUDA needs it"], "CUDA needs it"),
        (["SKIP — first", "**skip** second"], "second"),
        (["\u017fkip: a long s is another letter"], None),
        (["s\u212aip: a kelvin sign is another letter"], None),
        (["please skip: not at the beginning", "skip"], None),
        (["skip \u202e\x1b[31mred\nsecond line"], "??[31mred"),
    ],
)
def test_reason_of_label_is_newest_first_line_that_begins_with_it(bodies, reason):
    assert newest_reason(bodies, "skip") == reason
