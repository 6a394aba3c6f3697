"""Readers of hostile input raise the errors that they document, and no others, in bounded time.

A short run is part of the unit tests; ``make fuzz`` runs longer (``FUZZ_EXAMPLES``). An input that was a finding is
kept in tests/data/fuzz/TARGET and is read again in each run.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

import pytest
from fuzz_targets import DATA, TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "8"))
SECONDS_PER_INPUT = float(os.environ.get("FUZZ_SECONDS", "10"))
"""An input of some kilobytes takes milliseconds; this is for a busy machine."""
_BYTES = (
    b"\0",
    b"\xff",
    b"\n",
    b"\xff\xff\xff\x7f",
    b"\x80",
    b"%",
    b"..",
    b"/",
    b'"',
    b"{",
    b"[",
    b"$(",
    b"-1",
    b"\xe2\x80\xa8",
)


@st.composite
def mutated(draw: st.DrawFn, samples: tuple[bytes, ...]) -> bytes:
    """A sample with pieces cut, repeated, replaced and inserted; sometimes bytes that are no sample's."""
    data = bytearray(draw(st.sampled_from((*samples, b""))))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 40))
        piece = draw(st.sampled_from(_BYTES) | st.binary(max_size=12) | st.just(bytes(data[at : at + length])))
        data[at : at + draw(st.sampled_from((0, length, len(piece))))] = piece * draw(st.sampled_from((1, 1, 1, 50)))
    return bytes(data)


def read(name: str, data: bytes) -> None:
    """Give an input to its reader. Raises whatever the reader does not document."""
    target = TARGETS[name]
    begun = time.process_time()
    with suppress(*target.expected):
        target.read(data)
    assert time.process_time() - begun < SECONDS_PER_INPUT


@pytest.mark.parametrize("name", TARGETS)
def test_mutated_input_raises_documented_errors_only(name):
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize="FUZZ_EXAMPLES" not in os.environ,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=mutated(TARGETS[name].samples))
    def try_it(data: bytes) -> None:
        read(name, data)

    try_it()


@pytest.mark.parametrize("name", TARGETS)
def test_unchanged_sample_is_read(name):
    for sample in TARGETS[name].samples:
        read(name, sample)


KEPT = sorted(path for path in (DATA / "fuzz").glob("*/*") if path.is_file())


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_finding_of_earlier_run_stays_mended(path: Path):
    read(path.parent.name, path.read_bytes())
