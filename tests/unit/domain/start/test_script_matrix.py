"""Every recorded script: the prediction without an engine equals the recorded real run.

``make matrix-scripts`` records both anew.
"""

from __future__ import annotations

import collections

import pytest
from startmatrix.facts import Facts
from startmatrix.scripts import SCRIPT_FACTS, SHELLS, Verdict, judge_cell, predict_cells, read_cells

KNOWN_LIMITS = frozenset({"idiom-whichcheck2"})
"""A busybox that runs its applets itself prints their bare names: predicted as starting."""


@pytest.fixture(scope="module")
def facts():
    return Facts(SCRIPT_FACTS)


def test_matrix_has_every_script_under_every_shell():
    cells = read_cells()
    assert {(cell.base, cell.shell) for cell in cells} == set(SHELLS)
    assert len(cells) >= 5000
    assert len({str(cell) for cell in cells}) == len(cells)


@pytest.mark.parametrize(("base", "shell"), SHELLS)
def test_predictions_of_scripts_match_real_runs(base, shell, facts):
    counts, wrong = collections.Counter(), []
    cells = [cell for cell in read_cells() if (cell.base, cell.shell) == (base, shell)]
    for cell, prediction in predict_cells(cells, facts.below(base), facts):
        verdict = judge_cell(cell, prediction)
        counts[verdict] += 1
        if verdict in {Verdict.WRONG, Verdict.WRONG_TEXT} and cell.name not in KNOWN_LIMITS:
            wrong.append(f"{verdict}: {cell}: {prediction.starts}; really {cell.exit_code} {cell.output!r}")
    assert wrong == []
    assert counts[Verdict.NOT_CHECKED] < 0.1 * counts.total()
