"""Which marks belong to runs that have ended. The removal itself is tests/engine/test_leftovers.py."""

from __future__ import annotations

import os

import pytest

from weighbridge.engine.leftovers import ProcessLocation, birth_of, is_over, new_mark

HERE = ProcessLocation(host="a" * 12, container=None, process=os.getpid(), birth=birth_of(os.getpid()))
ELSEWHERE = ProcessLocation(host="b" * 12, container=None, process=os.getpid(), birth=HERE.birth)
INSIDE = ProcessLocation(host="a" * 12, container="c" * 12, process=1, birth=5)
NOW = 2_000_000_000


def over(mark: str, *, at: ProcessLocation = HERE, now: float = NOW, running: str = "") -> bool:
    return is_over(mark, at, now=now, runs=lambda container: container == running)


def mark(where: str, *, process: int = os.getpid(), birth: int | None = None, start: int = NOW - 60) -> str:
    return f"{where}-{process}.{HERE.birth if birth is None else birth}-{start}-0123456789ab"


def test_mark_of_run_is_unique_and_valid_in_tag():
    first, second = new_mark(HERE), new_mark(HERE)
    assert first != second
    assert set(first) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")
    assert not over(first, now=NOW * 2)  # this process lives


# The texts hold the number of this process. Fixed ids keep the names of the tests equal in parallel processes.
MARKS = {
    "running here": (mark("h" + HERE.host), False),
    "unknown process": (mark("h" + HERE.host, process=2**22 + 1), True),
    "number of another process": (mark("h" + HERE.host, birth=1), True),
    "other host": (mark("h" + ELSEWHERE.host), False),
    "other host, a day ago": (mark("h" + ELSEWHERE.host, start=NOW - 90_000), True),
    "removed container": (mark("c" + "d" * 12), True),
    "running container": (mark("c" + "e" * 12), False),
    "not a mark": ("0123456789ab", False),
    "empty": ("", False),
    "with a newline": (mark("h" + ELSEWHERE.host) + "\n", False),
}


@pytest.mark.parametrize(("text", "expected"), MARKS.values(), ids=MARKS)
def test_run_has_ended_if_process_or_container_is_missing(text, expected):
    assert over(text, running="e" * 12) is expected


def test_run_in_container_is_marked_and_not_over():
    assert new_mark(INSIDE).startswith("c" + "c" * 12)
    assert not over(new_mark(INSIDE), at=INSIDE)
    assert over(new_mark(INSIDE))
