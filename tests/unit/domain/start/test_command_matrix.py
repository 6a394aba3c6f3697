"""Every recorded command of ordinary and broken images: the prediction without an engine equals the real run.

`make matrix-commands` records both anew.
"""

from __future__ import annotations

import collections

import pytest
from startmatrix.commands import facts_path, judge_command, predict_commands, read_commands
from startmatrix.facts import Facts
from startmatrix.scripts import Verdict

IMAGES = ("T", "P", "N", "A", "R", "S")


@pytest.fixture(scope="module")
def commands():
    return read_commands()


def test_matrix_has_commands_of_every_image(commands):
    assert tuple(commands.images) == IMAGES
    assert len(commands.cells) >= 380
    assert len({str(cell) for cell in commands.cells}) == len(commands.cells)


@pytest.mark.parametrize("image", IMAGES)
def test_predictions_of_commands_match_real_runs(image, commands):
    facts = Facts(facts_path(image))
    counts, wrong, alarms = collections.Counter(), set(), []
    cells = [cell for cell in commands.cells if cell.image == image]
    for cell, prediction in predict_commands(cells, commands.images[image], facts.below(image), facts):
        verdict = judge_command(cell, prediction)
        counts[verdict] += 1
        if verdict in {Verdict.WRONG, Verdict.WRONG_TEXT}:
            wrong.add(str(cell))
            if cell.exit_code in {None, 0}:
                alarms.append(f"{cell}: {prediction.findings[-1].predicts}")
    assert alarms == []
    assert wrong == set()
    assert counts[Verdict.NOT_CHECKED] < 0.2 * counts.total()
