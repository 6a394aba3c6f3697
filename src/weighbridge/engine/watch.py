"""Detects an engine that hangs, and ends all calls that wait for it.

A stopped engine still accepts connections, and never answers. So a second connection sends pings
(``GET /_ping``) during the run. Output of a build is a sign of life too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import docker.errors
import requests

from weighbridge.errors import EngineError
from weighbridge.known_sockets import KnownSockets

LOST_AFTER_SECONDS = 35.0
"""Time without a sign of life after which an engine is lost."""
PING_TIMEOUT_SECONDS = 5
CLEANING_SECONDS = 10.0
"""Time that cleaning up waits for an engine, in all."""
_EVERY_SECONDS = 5.0
_EVERY_SECONDS_WHEN_LOST = 0.5
_PROMPT_SECONDS = 1.0


class EngineWatch:
    """Watches one engine for signs of life. `ping` sends a request, and raises if there is no answer.

    Once the engine is lost, all connections of the run to it are cut until it answers again. `name` is its name in
    messages. It is asked after `every_seconds` without another sign of life.
    """

    def __init__(
        self,
        ping: Callable[[], None],
        sockets: KnownSockets,
        *,
        name: str = "the engine",
        lost_after_seconds: float = LOST_AFTER_SECONDS,
        every_seconds: float = _EVERY_SECONDS,
    ) -> None:
        self._ping = ping
        self._sockets = sockets
        self._name = name
        self._lost_after_seconds = lost_after_seconds
        self._every_seconds = min(every_seconds, lost_after_seconds / 4)
        self._last_sign = time.monotonic()
        self._lost = threading.Event()
        self._ended = threading.Event()
        self._cleaning_left_seconds = CLEANING_SECONDS
        self._thread = threading.Thread(target=self._look, name="weighbridge-engine", daemon=True)

    @property
    def is_lost(self) -> bool:
        """True if the engine gave no sign of life for too long."""
        return self._lost.is_set()

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._ended.set()

    def saw_life(self) -> None:
        """The engine did something."""
        self._last_sign = time.monotonic()

    def require(self) -> None:
        """Raises EngineError if the engine is lost."""
        if self.is_lost:
            raise EngineError(
                f"{self._name} gave no sign of life for {self._lost_after_seconds:g} seconds. Restart it and run again"
            )

    @contextmanager
    def cleaning(self, set_timeout: Callable[[float], None], usual_seconds: float) -> Iterator[None]:
        """One call that cleans up. It waits no longer than what is left of `CLEANING_SECONDS`.

        A prompt answer costs nothing, so a run of many images still removes all of them. `set_timeout` sets the timeout
        of the client. Raises EngineError if the engine is lost, or if no time is left.
        """
        self.require()
        if self._cleaning_left_seconds <= 0:
            raise EngineError(f"cleaning up waited {CLEANING_SECONDS:g} seconds for the engine")
        begun = time.monotonic()
        set_timeout(self._cleaning_left_seconds)
        try:
            yield
        finally:
            set_timeout(usual_seconds)
            took = time.monotonic() - begun
            self._cleaning_left_seconds -= took if took > _PROMPT_SECONDS else 0

    def _look(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS_WHEN_LOST if self.is_lost else self._every_seconds):
            self.look()

    def look(self) -> None:
        """Send a ping if there was no sign of life for a while, and judge whether the engine is lost."""
        if time.monotonic() - self._last_sign < self._every_seconds:
            return
        try:
            self._ping()
        except (docker.errors.DockerException, requests.RequestException, OSError):
            pass
        else:
            self.saw_life()
        if time.monotonic() - self._last_sign > self._lost_after_seconds:
            self._lost.set()
            self._sockets.cut()
        else:
            self._lost.clear()
