"""Deadlines for slow HTTP answers: the timeouts of `requests` limit one read of a socket, not a whole answer.

A server that sends a header every second, or ``100 Continue`` without end, never reaches such a timeout. A watch cuts
the connections of a session when an answer, or the next piece of a body, takes too long.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import requests

from weighbridge.known_sockets import KnownHTTPAdapter, KnownSockets

_LONGEST_LOOK_SECONDS = 1.0


def watched_session() -> tuple[requests.Session, KnownSockets]:
    """A session, and the sockets that it uses for all its requests."""
    session = requests.Session()
    sockets = KnownSockets()
    for scheme in ("http://", "https://"):
        session.mount(scheme, KnownHTTPAdapter(sockets))
    return session, sockets


class Watch:
    """Cuts `sockets` when an awaited answer takes longer than `seconds`. A context manager.

    The clock starts on entry. `expired` is true after the watch cut the connections.
    """

    def __init__(self, sockets: KnownSockets, seconds: float) -> None:
        self._sockets = sockets
        self._seconds = seconds
        self._ended = threading.Event()
        self._until: float | None = time.monotonic() + seconds
        self._thread = threading.Thread(target=self._look, name="weighbridge-deadline", daemon=True)
        self.expired = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stops the clock within; restarts it at the end."""
        self._until = None
        try:
            yield
        finally:
            self._until = time.monotonic() + self._seconds

    def _look(self) -> None:
        while not self._ended.wait(min(_LONGEST_LOOK_SECONDS, self._seconds / 5)):
            until = self._until
            if until is not None and time.monotonic() > until:
                self.expired = True
                self._sockets.cut()
