"""How far programs that execute programs are followed."""

from __future__ import annotations

import pytest

from weighbridge.domain.start.follow import TOO_MANY_PROGRAMS
from weighbridge.domain.start.predict import Starts, predict_start


@pytest.mark.parametrize(
    ("files", "entrypoint"),
    [
        ({"/a": b"/a\n"}, ("/bin/dash", "/a")),
        ({"/a": b"exec /a\n"}, ("/bin/dash", "/a")),
        ({"/a": b"/b\n", "/b": b"/a\n"}, ("/bin/dash", "/a")),
        ({"/a": b"#!/bin/dash\n/a\n"}, ("/a",)),
        ({f"/{n}": f"/{n + 1}\n".encode() for n in range(2_000)}, ("/bin/dash", "/0")),
    ],
)
def test_scripts_in_endless_cycle_are_not_checked(images, make_elf, files, entrypoint):
    shell = {"/bin/dash": make_elf(type=2, dynamic=False)}
    prediction = predict_start(images.config(*entrypoint), images.rootfs({**shell, **files}))
    assert prediction.starts is Starts.NOT_CHECKED
    assert prediction.not_checked == (TOO_MANY_PROGRAMS,)
