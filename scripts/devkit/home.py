"""Where the kit keeps its state: one folder for all clones of a user, so that a fresh clone starts warm."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from devkit.command import DevkitError
from devkit.terminal import say

# sun_path of a Unix socket holds 108 bytes (unix(7)); the longest name below the home is containerd's.
_LONGEST_HOME = 108 - len("/engines/containerd/exec/containerd.sock.ttrpc") - 1


def dev_home() -> Path:
    """The folder of engine data, downloaded packages and cached root file systems; created when missing."""
    named = os.environ.get("WEIGHBRIDGE_DEV_HOME")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    home = Path(named) if named else Path(cache) / "weighbridge-dev"
    home = home.absolute()
    if len(str(home)) > _LONGEST_HOME:
        raise DevkitError(
            f"{home} is too long for the sockets inside it ({_LONGEST_HOME} characters fit): set WEIGHBRIDGE_DEV_HOME"
        )
    home.mkdir(parents=True, exist_ok=True)
    return home


@contextlib.contextmanager
def only_one(name: str) -> Iterator[None]:
    """Hold the lock `name` among all processes of this home; wait, and say so, while another one holds it."""
    with (dev_home() / f"{name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process is busy with {name}: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
