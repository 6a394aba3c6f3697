"""The start matrix: what is predicted of each cell, beside what its container really did.

A sample of the cells is predicted from the real files and really run again: the recorded truth must still be true. Each
day has another twelfth of the subjects, with one cell each. WEIGHBRIDGE_MATRIX=NUMBER repeats a day, and
WEIGHBRIDGE_MATRIX=all runs every cell. The unit test `tests/unit/domain/start/test_matrix.py` predicts every cell from
recorded facts.
"""

from __future__ import annotations

import collections
import hashlib

import pytest
from rotation import part_of_today
from startmatrix.judging import GOOD, judge
from startmatrix.model import BASES, Form
from startmatrix.parts import IMAGES
from startmatrix.running import run_cells
from startmatrix.session import all_cells, open_session
from startmatrix.truth import read_truth

PARTS = 12


@pytest.fixture(scope="session")
def matrix(engine, need_images):
    need_images(engine, *(name for name in BASES.values() if name), *IMAGES)
    with open_session(engine.client, engine.environment) as session:
        yield session


def _sample(cells, day):
    """One cell of each twelfth subject, chosen by the number of the day and spread over bases and forms."""
    by_subject = collections.defaultdict(list)
    for cell in cells:
        by_subject[cell.subject].append(cell)
    chosen = list(by_subject.items())[day % PARTS :: PARTS]
    return [among[_number(f"{subject} {day}") % len(among)] for subject, among in chosen]


def _number(text):
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def test_outcome_is_recorded_for_every_cell():
    assert sorted(read_truth()) == sorted(all_cells())


def test_containers_still_match_recorded_output(matrix, engine):
    day = part_of_today("WEIGHBRIDGE_MATRIX")
    cells = all_cells() if day is None else _sample(all_cells(), day)
    print(f"WEIGHBRIDGE_MATRIX={'all' if day is None else day}")
    truth = read_truth()
    outcomes = run_cells(engine.client, cells, dict(matrix.subjects), matrix.layer)
    assert {cell: outcome.ran for cell, outcome in outcomes.items()} == {cell: truth[cell].ran for cell in cells}
    wrong = []
    for cell, outcome in outcomes.items():
        subject = matrix.subjects[cell.subject]
        agreement, story = judge(subject, matrix.predictor.predict(subject, cell), outcome)
        if agreement not in GOOD:
            wrong.append(f"{agreement}: {cell}: {story}")
    assert wrong == []


CAUSES = {
    1: ("c-glibc-2.36", "musl", Form.EXEC, "libc-loader-missing"),
    2: ("go-with-cgo", "scratch", Form.EXEC, "libc-loader-missing"),
    3: ("c-number-2.41", "glibc-2.36", Form.EXEC, "libc-version-missing"),
    4: ("cpp-2.41", "glibc-2.31", Form.EXEC, "libc-version-missing"),
    5: ("library-absent", "glibc-2.36", Form.EXEC, "libc-needed-missing"),
    6: ("cpp-2.36", "busybox-glibc", Form.EXEC, "libc-needed-missing"),
    7: ("node-addon-rollup-musl", "glibc-2.36", Form.EXEC, "native-addon-mismatch"),
    8: ("c-glibc-half-shim", "musl", Form.EXEC, "libc-needed-missing"),
    9: ("command-not-found", "scratch", Form.SHELL, "shell-missing"),
    10: ("script-bash", "busybox", Form.EXEC, "shebang-interpreter-missing"),
    11: ("script-crlf", "busybox", Form.EXEC, "shebang-crlf"),
    12: ("machine-arm64-static", "scratch", Form.EXEC, "architecture-mismatch"),
    13: ("script-not-executable", "glibc-2.36", Form.EXEC, "entrypoint-not-executable"),
    14: ("python-venv-without-python", "glibc-2.36", Form.EXEC, "copied-venv-broken"),
    15: ("user-unknown", "glibc-2.36", Form.EXEC, "runtime-user-missing"),
}
"""The real root causes of checks.md, each as a cell, with the code that names it."""


@pytest.mark.parametrize("cause", CAUSES)
def test_root_cause_is_named(matrix, cause):
    name, base, form, code = CAUSES[cause]
    cell = next(cell for cell in all_cells() if (cell.subject, cell.base, cell.form) == (name, base, form))
    subject = matrix.subjects[name]
    assert subject.cause == cause
    result = matrix.predictor.predict(subject, cell)
    assert code in [finding.code for finding in result.findings]
    assert not read_truth()[cell].ran
