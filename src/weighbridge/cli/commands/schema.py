"""The command `weighbridge schema`."""

from __future__ import annotations

import json

import click

from weighbridge.config import config_schema
from weighbridge.errors import ExitCode
from weighbridge.report.model import report_schema


@click.command()
@click.argument("what", type=click.Choice(["report", "config"]))
def schema(what: str) -> ExitCode:
    """Prints the JSON Schema of the report or of the configuration."""
    click.echo(json.dumps(report_schema() if what == "report" else config_schema(), indent=2, ensure_ascii=False))
    return ExitCode.PASSED
