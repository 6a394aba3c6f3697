"""Interpreters: the files that a program reads after it is executed (a script, a module, a configuration file).

A reader gets the process and the running program, and returns a `Reading`, or None for a program that it does not
support. The first reader of `READERS` that supports the program decides.
"""

from __future__ import annotations

from collections.abc import Callable

from weighbridge.domain.start.attempt import Process, Program
from weighbridge.domain.start.interpreters.java import read_java
from weighbridge.domain.start.interpreters.nginx import read_nginx
from weighbridge.domain.start.interpreters.node import read_node
from weighbridge.domain.start.interpreters.python import read_python
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.redis import read_redis
from weighbridge.domain.start.interpreters.runtimes import read_runtime
from weighbridge.domain.start.interpreters.scripting import read_scripting
from weighbridge.domain.start.interpreters.services import read_apache, read_cron, read_sshd, read_svscan
from weighbridge.domain.start.interpreters.tool_files import read_tool_binary

__all__ = ["READERS", "Reader", "Reading", "read_interpreted"]

Reader = Callable[[Process, Program], Reading | None]

READERS: tuple[Reader, ...] = (
    *(read_python, read_node, read_java, read_runtime, read_scripting, read_nginx, read_svscan),
    *(read_redis, read_sshd, read_apache, read_cron),
    read_tool_binary,
)
"""The readers in the order in which they are tried."""


def read_interpreted(process: Process, program: Program) -> Reading | None:
    """The effect of `program` with its arguments; None if no reader supports the program."""
    for reader in READERS:
        reading = reader(process, program)
        if reading is not None:
            return reading
    return None
