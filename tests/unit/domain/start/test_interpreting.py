"""The place where readers of interpreters join the walk."""

from __future__ import annotations

import pytest

from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.start import interpreters
from weighbridge.domain.start.handover import Handover
from weighbridge.domain.start.interpreters import Reading
from weighbridge.domain.start.predict import Starts, predict_start

FAILURE = Finding(code="x", severity=Severity.ERROR, subject=Subject.ENTRYPOINT, predicts="no such script")


@pytest.mark.parametrize(
    ("reading", "starts", "up_to"),
    [
        (None, Starts.YES, None),
        (Reading(up_to="lang: main is found, not read"), Starts.YES, "lang: main is found, not read"),
        (Reading(failure=FAILURE), Starts.NO, None),
        (Reading(not_checked="lang: reads its standard input"), Starts.NOT_CHECKED, None),
        (Reading(executes=Handover(tool="lang", command=("/bin/lang2",))), Starts.YES, None),
        (Reading(executes=Handover(tool="lang", command=("/nosuch",))), Starts.NO, None),
    ],
)
def test_reading_of_interpreter_decides_start(images, make_elf, monkeypatch, reading, starts, up_to):
    program = make_elf(type=2, dynamic=False)
    readers = (lambda _process, ran: reading if ran.path == "/bin/lang" else None,)
    monkeypatch.setattr(interpreters, "READERS", readers)
    prediction = predict_start(
        images.config("/bin/lang", "main"), images.rootfs({"/bin/lang": program, "/bin/lang2": program})
    )
    assert (prediction.starts, prediction.up_to) == (starts, up_to)
