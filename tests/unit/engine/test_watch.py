"""An engine that hangs is noticed, and what waits for it ends."""

from __future__ import annotations

import socket

import pytest

from weighbridge.engine import watch as watch_module
from weighbridge.engine.watch import CLEANING_SECONDS, EngineWatch
from weighbridge.errors import EngineError
from weighbridge.known_sockets import KnownSockets


@pytest.fixture
def engine():
    """An engine that answers as long as it is up."""

    class Engine:
        is_up = True

        def ping(self) -> None:
            if not self.is_up:
                raise TimeoutError

    return Engine()


@pytest.fixture
def watching(engine):
    """A started watch that loses its engine after 0.2 seconds, and one known connection of the run."""
    sockets = KnownSockets()
    ours, theirs = socket.socketpair()
    sockets.add(ours)
    watch = EngineWatch(engine.ping, sockets, lost_after_seconds=0.2)
    watch.start()
    with ours, theirs:
        yield watch, ours
    watch.stop()


def test_engine_without_answer_is_lost_and_connections_end(engine, watching):
    watch, connection = watching
    engine.is_up = False
    connection.settimeout(20)
    assert connection.recv(1) == b""  # whoever waits for the engine gets the end of the stream
    assert watch.is_lost
    with pytest.raises(EngineError, match=r"no sign of life for 0\.2 seconds"):
        watch.require()


@pytest.fixture
def clock(monkeypatch):
    """The clock of the watch: a list with the seconds, which stand still."""
    now = [0.0]
    monkeypatch.setattr(watch_module.time, "monotonic", lambda: now[0])
    return now


def test_engine_answering_again_is_not_lost(engine, clock):
    watch = EngineWatch(engine.ping, KnownSockets(), lost_after_seconds=35, every_seconds=5)
    engine.is_up = False
    clock[0] += 36
    watch.look()
    assert watch.is_lost
    engine.is_up = True
    watch.look()
    assert not watch.is_lost
    watch.require()


def test_output_of_build_is_sign_of_life(engine, clock):
    watch = EngineWatch(engine.ping, KnownSockets(), lost_after_seconds=35, every_seconds=5)
    engine.is_up = False
    for _ in range(20):
        clock[0] += 20
        watch.look()
        assert not watch.is_lost
        watch.saw_life()
    clock[0] += 36
    watch.look()
    assert watch.is_lost


def test_cleaning_up_waits_ten_seconds_in_all(clock):
    watch = EngineWatch(lambda: None, KnownSockets())
    timeouts: list[float] = []
    for took in (0.5, 0.9, 6.0, 4.5):
        with watch.cleaning(timeouts.append, 120.0):
            clock[0] += took
    assert timeouts == [CLEANING_SECONDS, 120.0, CLEANING_SECONDS, 120.0, CLEANING_SECONDS, 120.0, 4.0, 120.0]
    with pytest.raises(EngineError, match="cleaning up waited 10 seconds"), watch.cleaning(timeouts.append, 120.0):
        pytest.fail("no time is left")
