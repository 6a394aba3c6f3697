"""Limits and sizes as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.domain.gate.limits import parse_limit, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500MB", 500_000_000),
        ("1.5 GB", 1_500_000_000),
        ("64MiB", 67_108_864),
        ("12kB", 12_000),
        ("0B", 0),
        ("2 tib", 2 * 2**40),
    ],
)
def test_size_is_read_in_bytes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("500", '"500" has no unit: write 500MB, 500MiB or 500B'),
        ("+5MB", '"+5MB" is a growth; a size has no "+". Write for example 500MB'),
        ("10%", '"10%" is a percentage, but a size is needed. Write for example 500MB'),
        ("5 parsec", '"5 parsec" has the unknown unit "parsec": write B, kB, MB, GB, TB, KiB, MiB, GiB or TiB'),
        ("0.5B", '"0.5B" is not a whole number of bytes'),
        ("100000", '"100000" has no unit: write 100000B'),
        ("99999", '"99999" has no unit: write 99999MB, 99999MiB or 99999B'),
        (f"{'9' * 200}MB", "a limit of 202 characters is too long"),
        ("many", '"many" is not a size: write a number with a unit, for example 500MB or 64MiB'),
    ],
)
def test_invalid_size_is_refused_with_correct_form(text, message):
    with pytest.raises(ValueError, match=r"^") as caught:
        parse_size(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("limit", "base", "head", "broken"),
    [
        ("+10%", 100, 110, False),
        ("+10%", 100, 111, True),
        ("+10%", 1000, 900, False),
        ("+10%", 0, 5, True),
        ("+0%", 100, 101, True),
        ("+5B", 100, 105, False),
        ("+5B", 100, 106, True),
        ("+5B", 0, 6, True),
        ("+5B and +10%", 100, 108, False),
        ("+5B and +10%", 100, 111, True),
        ("+5B or +10%", 100, 108, True),
        ("+5B or +10%", 100, 105, False),
        ("+0.1%", 10**18, 10**18 + 10**15, False),
        ("+0.1%", 10**18, 10**18 + 10**15 + 1, True),
        ("+10%", None, 10**9, False),
        ("+0B", None, 10**9, False),
    ],
)
def test_limit_reached_exactly_is_not_exceeded(limit, base, head, broken):
    assert parse_limit(limit).broken_by(base, head) is broken


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "150%",
            '"150%" is ambiguous: write "+150%" for a growth of 150% (for a maximum size use max-size: 500MB)',
        ),
        ("5MB", '"5MB" has no "+": write "+5MB" for a growth; for a maximum size use max-size'),
        ("-5%", '"-5%" is negative: a limit is a maximum growth, for example +10% or +5MB'),
        ("+5MB and +1% or +2%", '"+5MB and +1% or +2%" mixes "and" with "or": write one of them'),
        ("a lot", '"a lot" is not a limit: write +10%, +5MB, "+5MB and +10%" or "+5MB or +10%"'),
        ("+5", '"+5" has no unit: write +5MB or +5%'),
        ("+ 5", '"+ 5" has no unit: write +5MB or +5%'),
        ("+100000", '"+100000" has no unit: write +100000B'),
        ("+5MB, +10%", '"+5MB, +10%" has a comma: write "+10% and +5MB" or "+10% or +5MB"'),
        ("+5%%", '"+5%%" is not a limit: write +10%, +5MB, "+5MB and +10%" or "+5MB or +10%"'),
        ("+5MB and -1%", '"+5MB and -1%" is negative: a limit is a maximum growth, for example +10% or +5MB'),
        ("+5 parsec", '"5 parsec" has the unknown unit "parsec": write B, kB, MB, GB, TB, KiB, MiB, GiB or TiB'),
        ("+" + "5" * 200, "a limit of 201 characters is too long"),
    ],
)
def test_limit_ambiguous_is_refused_with_correct_form(text, message):
    with pytest.raises(ValueError, match=r"^") as caught:
        parse_limit(text)
    assert str(caught.value) == message


_TERMS = st.one_of(
    st.integers(0, 10**9).map(lambda number: f"+{number}%"),
    st.decimals("0", "9999", places=2).map(lambda number: f"+{number}%"),
    st.tuples(st.integers(0, 10**9), st.sampled_from(["B", "kB", "MB", " GB", "MiB"])).map(
        lambda one: f"+{one[0]}{one[1]}"
    ),
)


@given(st.lists(_TERMS, min_size=1, max_size=3), st.sampled_from([" and ", " or ", " AND "]))
def test_limit_shown_parses_to_same_limit(terms, joined):
    limit = parse_limit(joined.join(terms))
    assert parse_limit(str(limit)) == limit


@given(st.text(max_size=120))
def test_any_text_parses_or_raises_value_error(text):
    for parse in (parse_limit, parse_size):
        try:
            read = parse(text)
        except ValueError as error:
            read = str(error)
        assert read is not None
