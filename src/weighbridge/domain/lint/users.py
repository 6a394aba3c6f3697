"""Rule ``sparse-logs``: a user with a large number makes ``lastlog`` and ``faillog`` huge in the image."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile.run_commands import RunCommand
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.context import LintContext, commands_of, inserted_after
from weighbridge.domain.lint.model import LintFinding

_LARGE_UID = 50_000
_LASTLOG_ENTRY_BYTES = 292
"""``sizeof(struct lastlog)`` on amd64 and arm64 (lastlog(8)): the file is as long as the largest number needs."""


def sparse_logs(context: LintContext) -> Iterator[LintFinding]:
    """``useradd`` with a number from 50,000 on and without ``-l``: the layer holds the file's holes as zeros."""
    for instruction, script in context.final_runs:
        for command in commands_of(script, "useradd"):
            uid = _uid(command)
            if uid is None or uid < _LARGE_UID or _skips_logs(command):
                continue
            megabytes = uid * _LASTLOG_ENTRY_BYTES / 1_000_000
            yield context.finding(
                LintCode.SPARSE_LOGS,
                Severity.WARNING,
                instruction,
                f"useradd with the number {uid} makes /var/log/lastlog {megabytes:,.0f} MB long; its holes are stored",
                "Add -l (--no-log-init)",
                edits=inserted_after(script, command.name_end, "-l"),
                command=command,
            )


def _uid(command: RunCommand) -> int | None:
    values = command.values
    for index, value in enumerate(values):
        given = ""
        if value in {"-u", "--uid"}:
            given = values[index + 1] if index + 1 < len(values) else ""
        elif value.startswith("--uid="):
            given = value.removeprefix("--uid=")
        elif value.startswith("-u"):
            given = value[2:]
        if given.isascii() and given.isdigit() and len(given) < 11:
            return int(given)
    return None


def _skips_logs(command: RunCommand) -> bool:
    return any(
        value == "--no-log-init"
        or (value.startswith("-") and not value.startswith("--") and "l" in value.partition("=")[0])
        for value in command.values
    )
