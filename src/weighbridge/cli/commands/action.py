"""The command `weighbridge action`."""

from __future__ import annotations

import os
import sys

import click

from weighbridge import __version__
from weighbridge.cli.exit_codes import EXIT_CODES
from weighbridge.cli.options import debug_option
from weighbridge.errors import ExitCode


@click.command(epilog=EXIT_CODES)
@debug_option
def action(*, debug: bool) -> ExitCode:
    """Runs as a step of GitHub Actions. Reads its inputs from the environment: see docs/action.md."""
    del debug
    # Importing the whole run takes a second on a busy runner. This line shows at once that the step has started.
    print(f"Weighbridge {__version__}", flush=True)
    from weighbridge.action.run import run_action  # noqa: PLC0415
    from weighbridge.cli.clients import make_tools  # noqa: PLC0415

    return run_action(os.environ, make_tools=make_tools, stream=sys.stdout)
