"""The console script, and ``python -m weighbridge``."""

from __future__ import annotations

import gc
import sys
from typing import NoReturn

from weighbridge.cli.main import cli
from weighbridge.cli.process import exit_with

_OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""Python's 700 has a run look through the same hundred thousand objects over and over: a tenth of its own time."""


def main() -> NoReturn:
    """Runs the command line and ends the process."""
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    exit_with(cli, sys.argv[1:])


if __name__ == "__main__":
    main()
