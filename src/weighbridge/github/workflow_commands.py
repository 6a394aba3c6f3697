"""Writes to the runner: log lines, workflow commands, outputs and the job summary.

The runner executes a line that starts with ``::command::``, and one with ``##[command]`` anywhere in it, whoever wrote
it. So text from a pull request is always escaped by `inert_log_line` or, for the output of a build, put between the
lines of `fenced`, between which the runner executes nothing.

Source: the runner's ActionCommand.cs, and
https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from weighbridge.errors import UsageError
from weighbridge.github.annotation import Annotation, Level
from weighbridge.github.plain_text import cut_bytes
from weighbridge.report.workflow_command import command

MAXIMUM_SUMMARY_BYTES = 1024 * 1024
"""GitHub drops a step's summary above 1 MiB completely."""
MAXIMUM_ANNOTATIONS_A_LEVEL = 10
"""The runner keeps 10 errors, 10 warnings and 10 notices of a step, and silently drops the rest."""
MAXIMUM_MESSAGE_BYTES = 4096

_COMMAND = {Level.FAILURE: "error", Level.WARNING: "warning", Level.NOTICE: "notice"}
_OUTPUT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_SUMMARY_NOTE = "\n\n_The summary was cut: a step may write 1 MiB. The whole report is in the job's artifacts._\n"


def inert_log_line(text: str) -> str:
    """Any `text` as one log line that the runner does not execute."""
    line = "".join(character if character.isprintable() or character == "\t" else "?" for character in text)
    line = line.replace("##[", "## [")
    return f"| {line}" if line.lstrip().startswith("::") else line


def group_start(title: str) -> str:
    """The line that opens a folded group; groups do not nest."""
    return command("group", inert_log_line(title))


def group_end() -> str:
    """The line that closes the open group."""
    return command("endgroup")


def mask_lines(secret: str) -> tuple[str, ...]:
    """The lines that make the runner mask `secret` as ``***``: one for the whole, and one for each of its lines.

    The runner masks the log line by line, so masking only the whole would show a secret of several lines.
    """
    parts = [secret, *re.split(r"[\r\n]+", secret)]
    return tuple(command("add-mask", part) for part in dict.fromkeys(part for part in parts if part.strip()))


def fenced(lines: Iterable[str]) -> Iterator[str]:
    """`lines` of hostile output such as a build log, between two lines that stop and resume workflow commands.

    The token to resume is random for each call, so the output cannot contain it. Commands also resume if `lines`
    raises. A caller that stops early must close the iterator.
    """
    token = secrets.token_hex(32)
    yield command("stop-commands", token)
    try:
        for text in lines:
            # The runner also ends a line at a carriage return. The colours of a build log are kept.
            yield from (part.replace("\0", "?") for part in re.split(r"\r\n|\r|\n", text.rstrip("\r\n")))
    finally:
        yield f"::{token}::"


def annotation_lines(annotations: Iterable[Annotation], *, in_actions: bool) -> Iterator[str]:
    """Annotations for the log: workflow commands up to the runner's limit, plain lines for the rest.

    With `in_actions` false, all are plain lines.
    """
    shown = dict.fromkeys(Level, 0)
    for annotation in annotations:
        if not in_actions or shown[annotation.level] >= MAXIMUM_ANNOTATIONS_A_LEVEL:
            yield _plain(annotation)
            continue
        shown[annotation.level] += 1
        place = annotation.path is not None
        yield command(
            _COMMAND[annotation.level],
            cut_bytes(annotation.message, MAXIMUM_MESSAGE_BYTES, note="…"),
            {
                "title": annotation.title,
                "file": annotation.path,
                "line": annotation.start_line if place else None,
                "endLine": annotation.end_line if place else None,
            },
        )


def write_output(environment: Mapping[str, str], name: str, value: str) -> bool:
    """Set the step's output `name`; false outside of GitHub Actions (``GITHUB_OUTPUT`` is not set).

    Raises UsageError if `name` is not a valid output name, or the file cannot be written.
    """
    if not _OUTPUT_NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not a valid name of an output.")
    # A known delimiter would allow the value to end early and set other outputs.
    delimiter = f"weighbridge_{secrets.token_hex(32)}"
    return _append(environment, "GITHUB_OUTPUT", f"{name}<<{delimiter}\n{value}\n{delimiter}\n")


def write_summary(environment: Mapping[str, str], markdown: str, *, replaces: bool = False) -> bool:
    """Append `markdown` to the job summary, cut to the step's limit; false outside of GitHub Actions.

    `replaces` first removes this step's earlier text. Raises UsageError if the file cannot be written.
    """
    path = environment.get("GITHUB_STEP_SUMMARY", "")
    if path and replaces:
        with contextlib.suppress(OSError):
            Path(path).write_bytes(b"")
    try:
        written = Path(path).stat().st_size if path else 0
    except OSError:
        written = 0
    room = MAXIMUM_SUMMARY_BYTES - written - 1
    if path and room <= len(_SUMMARY_NOTE.encode()):
        return False
    return _append(environment, "GITHUB_STEP_SUMMARY", cut_bytes(markdown, room, note=_SUMMARY_NOTE) + "\n")


def _append(environment: Mapping[str, str], variable: str, text: str) -> bool:
    path = environment.get(variable, "")
    if not path:
        return False
    try:
        with Path(path).open("ab") as file:
            file.write(text.encode("utf-8", errors="replace"))
    except OSError as error:
        raise UsageError(f"{variable} cannot be written: {error}.") from error
    return True


def _plain(annotation: Annotation) -> str:
    place = f"{annotation.path}:{annotation.start_line}: " if annotation.path is not None else ""
    return inert_log_line(f"{_COMMAND[annotation.level]}: {place}{annotation.title}: {annotation.message}")
