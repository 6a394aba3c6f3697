"""Several things at a time: in order, within the bound, and over at once when one of them fails."""

from __future__ import annotations

import threading

import pytest

from weighbridge.build.parallel import default_jobs, run_all


def nothing_to_stop() -> None:
    raise AssertionError("stopped")


@pytest.mark.parametrize("jobs", [1, 2, 7])
def test_run_all_returns_results_in_task_order(jobs):
    tasks = [lambda number=number: number for number in range(20)]
    assert run_all(tasks, jobs=jobs, stop=nothing_to_stop) == list(range(20))


def test_run_all_runs_jobs_tasks_in_parallel():
    meeting = threading.Barrier(3, timeout=30)  # passes only when three are there at once

    def task() -> None:
        meeting.wait()

    assert run_all([task] * 6, jobs=3, stop=nothing_to_stop) == [None] * 6


def test_run_all_never_exceeds_jobs():
    lock, running, most = threading.Lock(), [0], [0]
    released = threading.Event()

    def task() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
            if running[0] == 2:
                released.set()
        released.wait(30)
        with lock:
            running[0] -= 1

    run_all([task] * 8, jobs=2, stop=nothing_to_stop)
    assert most[0] == 2


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_run_all_error_stops_running_and_drops_waiting_tasks(error):
    stopped, begun = threading.Event(), threading.Event()
    ran = []

    def fails() -> None:
        begun.wait(30)
        raise error

    def runs() -> None:
        begun.set()
        assert stopped.wait(30)

    with pytest.raises(error):
        run_all([fails, runs, *[lambda: ran.append(1)] * 50], jobs=2, stop=stopped.set)
    assert ran == []


def test_default_jobs_is_at_least_one():
    assert 1 <= default_jobs() <= 8
