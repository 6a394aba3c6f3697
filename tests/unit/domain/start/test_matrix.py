"""Every cell of the start matrix: the prediction from recorded facts equals the recorded real start.

`make matrix` records both anew; tests/engine/test_matrix.py holds them to real files and real containers.
"""

from __future__ import annotations

import collections

import pytest
from startmatrix.facts import Facts
from startmatrix.judging import GOOD, Agreement, judge
from startmatrix.model import BASES
from startmatrix.session import all_cells
from startmatrix.subjects import subjects
from startmatrix.truth import read_truth


@pytest.fixture(scope="module")
def facts():
    return Facts()


@pytest.fixture(scope="module")
def truth():
    return read_truth()


def test_matrix_is_as_large_as_promised(truth):
    assert len(subjects()) >= 60
    assert len(BASES) == 7
    assert sorted(truth) == sorted(all_cells())


@pytest.mark.parametrize("base", BASES)
def test_prediction_matches_real_start(base, facts, truth):
    known = subjects()
    wrong, counts = [], collections.Counter()
    for cell in (cell for cell in all_cells() if cell.base == base and facts.has(known[cell.subject])):
        subject = known[cell.subject]
        agreement, story = judge(subject, facts.predict(subject, cell, start_only=True), truth[cell])
        if agreement is Agreement.MISS:  # another check may predict the text that the program printed
            agreement, story = judge(subject, facts.predict(subject, cell), truth[cell])
        counts[agreement] += 1
        if agreement not in GOOD:
            wrong.append(f"{agreement}: {cell}: {story}")
    assert wrong == []
    assert counts.total() > 200
    # What may be left undecided is the exception.
    assert counts[Agreement.NOT_CHECKED] < 0.06 * counts.total()
