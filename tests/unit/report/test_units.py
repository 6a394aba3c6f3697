import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.report.units import bar, format_bytes, format_delta, format_percent, format_share, percent

SIZES = st.integers(min_value=0, max_value=10**21)
FACTORS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15, "EB": 10**18}


def parse(text):
    number, unit = text.split(" ")
    return float(number), unit


@pytest.mark.parametrize(
    ("size_bytes", "written"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (16_400, "16.4 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (64_200_000, "64.2 MB"),
        (999_949_999, "999.9 MB"),
        (999_950_000, "1.00 GB"),
        (1_140_000_000, "1.14 GB"),
        (-7_100_000, "−7.1 MB"),
        (None, "not known"),
    ],
)
def test_sizes_are_written_in_si_units(size_bytes, written):
    assert format_bytes(size_bytes) == written


@pytest.mark.parametrize(
    ("delta_bytes", "written"),
    [(41_200_000, "+41.2 MB"), (-7_100_000, "−7.1 MB"), (0, "±0 B"), (-1, "−1 B"), (None, "not known")],
)
def test_differences_have_sign_and_true_minus(delta_bytes, written):
    assert format_delta(delta_bytes) == written


@given(SIZES)
def test_formatted_size_is_exact_to_last_place(size_bytes):
    number, unit = parse(format_bytes(size_bytes))
    places = 0 if unit == "B" else 1 if unit in {"kB", "MB"} else 2
    assert abs(number * FACTORS[unit] - size_bytes) <= FACTORS[unit] * 0.5000001 / 10**places


@given(SIZES)
def test_thousand_of_unit_is_one_of_next_unit(size_bytes):
    number, unit = parse(format_bytes(size_bytes))
    assert number < 1000 or unit == "EB"


@given(SIZES, SIZES)
def test_size_text_is_monotonic(one, other):
    values = [number * FACTORS[unit] for number, unit in (parse(format_bytes(size)) for size in sorted((one, other)))]
    assert values == sorted(values)


@given(st.integers(min_value=1, max_value=10**20))
def test_loss_differs_from_gain_in_sign_only(size_bytes):
    assert format_delta(-size_bytes)[1:] == format_delta(size_bytes)[1:] == format_bytes(size_bytes)


@given(SIZES)
def test_percentage_of_zero_or_unknown_is_none(size_bytes):
    assert percent(0, size_bytes) is None
    assert percent(None, size_bytes) is None
    assert percent(size_bytes, None) is None
    assert format_percent(percent(0, size_bytes)) == ""


@given(st.integers(min_value=1, max_value=10**15), SIZES)
def test_percentage_has_sign_of_change(before, after):
    written = format_percent(percent(before, after))
    assert written[0] == ("+" if after > before else "−" if after < before else "±")
    assert re.fullmatch(r"[+−±]<?[0-9]+(\.[0-9])? %", written)


@pytest.mark.parametrize(
    ("value", "written"),
    [(64.17, "+64 %"), (-58.2, "−58 %"), (0.42, "+0.4 %"), (0.01, "+<0.1 %"), (0, "±0 %"), (9.96, "+10 %")],
)
def test_percentages_have_needed_precision(value, written):
    assert format_percent(value) == written


@given(st.integers(min_value=0, max_value=10**12), st.integers(min_value=1, max_value=10**12), st.integers(1, 40))
def test_bar_length_is_share_and_never_zero(part, whole, width):
    drawn = bar(part, whole, width=width)
    assert len(drawn) <= width
    assert bool(drawn) == (part > 0)
    if part <= whole:
        assert abs(len(drawn) - part * width / whole) <= 1.2


@pytest.mark.parametrize(
    ("part", "whole", "written"), [(38, 100, "38 %"), (1, 1000, "<1 %"), (0, 10, "0 %"), (1, 0, "")]
)
def test_shares_of_whole(part, whole, written):
    assert format_share(part, whole) == written
