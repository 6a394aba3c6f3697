"""The console script, and ``python -m weighbridge``."""

from __future__ import annotations

import gc
import sys
from typing import NoReturn

from weighbridge.cli.process import exit_with

_OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""Python's 700 has a run look through the same hundred thousand objects over and over: a tenth of its own time."""


def main() -> NoReturn:
    """Run the command line.

    ``lint`` starts without the libraries of the other commands: a pre-commit hook waits for it on every commit.
    """
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    if sys.argv[1:2] == ["lint"]:
        from weighbridge.cli.lint import lint  # noqa: PLC0415 - see above

        exit_with(lint, sys.argv[2:], name="weighbridge lint")
    from weighbridge.cli.main import cli  # noqa: PLC0415 - see above

    exit_with(cli, sys.argv[1:])


if __name__ == "__main__":
    main()
