"""Interpreters: what a program reads after it is executed (a script, a module, a configuration file).

A reader takes the process and the program that runs, and returns a `Reading`, or None for programs that it does not
know. The first reader of `READERS` that knows the program decides.
"""

from __future__ import annotations

from collections.abc import Callable

from weighbridge.domain.start.attempt import Process, Program
from weighbridge.domain.start.interpreters.java import read_java
from weighbridge.domain.start.interpreters.node import read_node
from weighbridge.domain.start.interpreters.python import read_python
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.scripting import read_scripting
from weighbridge.domain.start.interpreters.services import read_nginx, read_svscan

__all__ = ["READERS", "Reader", "Reading", "read_interpreted"]

Reader = Callable[[Process, Program], Reading | None]

READERS: tuple[Reader, ...] = (read_python, read_node, read_java, read_scripting, read_nginx, read_svscan)
"""In the order in which they are asked."""


def read_interpreted(process: Process, program: Program) -> Reading | None:
    """What `program` does with its arguments; None if no reader knows the program."""
    for reader in READERS:
        reading = reader(process, program)
        if reading is not None:
            return reading
    return None
