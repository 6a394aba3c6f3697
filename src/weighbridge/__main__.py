"""The console script, and ``python -m weighbridge``."""

from __future__ import annotations

import gc
import sys
from typing import NoReturn

_OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""Python's 700 has a run look through the same hundred thousand objects over and over: a tenth of its own time."""


def main() -> NoReturn:
    """Runs the command line and ends the process."""
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    try:
        # Imported here, so that Ctrl-C during the imports ends the process as it does later.
        from weighbridge.cli.main import cli  # noqa: PLC0415
        from weighbridge.cli.process import exit_with  # noqa: PLC0415

        exit_with(cli, sys.argv[1:])
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    finally:
        # At its end Python looks for cycles among all objects, several times: a tenth of a short run. The process
        # frees them anyway.
        gc.freeze()


if __name__ == "__main__":
    main()
