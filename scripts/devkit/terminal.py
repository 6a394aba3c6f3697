"""Progress for the person who waits: one line a step, with the seconds since the start, on stderr."""

from __future__ import annotations

import sys
import time

_STARTED = time.monotonic()


def say(text: str) -> None:
    """Print one line of progress. Results go to stdout, this does not."""
    print(f"[{time.monotonic() - _STARTED:5.1f}s] {text}", file=sys.stderr, flush=True)
