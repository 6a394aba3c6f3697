"""Removals from an engine: in parallel, and none after the engine stopped answering."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from types import SimpleNamespace

import docker.errors
import pytest
import requests

from weighbridge.engine import removal
from weighbridge.engine.removal import IN_PARALLEL, remove_all
from weighbridge.errors import EngineError

REFUSED = docker.errors.APIError("conflict")
TIMED_OUT = requests.ReadTimeout("timed out")


@pytest.fixture
def engine(monkeypatch):
    """An engine whose watch lets `engine.allowed` groups of removals begin."""
    one = SimpleNamespace(allowed=1_000)

    @contextmanager
    def cleaning_up(_):
        if one.allowed <= 0:
            raise EngineError("no time is left")
        one.allowed -= 1
        yield

    monkeypatch.setattr(removal, "cleaning_up", cleaning_up)
    return one


def test_removals_run_in_parallel(engine):
    together = threading.Barrier(IN_PARALLEL)

    def remove():
        together.wait(timeout=60)  # only all of them at once pass

    assert remove_all(engine, [remove] * (2 * IN_PARALLEL)) == (None,) * (2 * IN_PARALLEL)


@pytest.mark.parametrize("answer", [REFUSED, docker.errors.NotFound("gone")])
def test_answer_of_engine_stops_no_other_removal(engine, answer):
    removed = []

    def refuse():
        raise answer

    removals = [refuse, *[lambda: removed.append(1)] * (2 * IN_PARALLEL)]
    assert remove_all(engine, removals) == (answer, *(None,) * (2 * IN_PARALLEL))
    assert len(removed) == 2 * IN_PARALLEL


def test_timeout_of_one_removal_ends_the_next_groups(engine):
    removed = []

    def time_out():
        raise TIMED_OUT

    removals = [time_out, *[lambda: removed.append(1)] * (2 * IN_PARALLEL)]
    errors = remove_all(engine, removals)
    assert errors == (TIMED_OUT, *(None,) * (IN_PARALLEL - 1), *(TIMED_OUT,) * (IN_PARALLEL + 1))
    assert len(removed) == IN_PARALLEL - 1


def test_remaining_removals_get_error_if_no_time_is_left(engine):
    engine.allowed = 1
    removals = [lambda: None] * (IN_PARALLEL + 3)
    errors = remove_all(engine, removals)
    assert errors[:IN_PARALLEL] == (None,) * IN_PARALLEL
    assert [str(error) for error in errors[IN_PARALLEL:]] == ["no time is left"] * 3
