"""What is said to the runner: log lines, workflow commands, outputs and the job summary.

The runner obeys a line that starts with ``::command::`` and one with ``##[command]`` anywhere in it, whoever wrote it.
So nothing from a pull request is printed as it is: it goes through `log_line`, or, for a build's output, through
`fenced`, between which the runner obeys nothing.

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

MAXIMUM_SUMMARY_BYTES = 1024 * 1024
"""A step's summary beyond 1 MiB is not uploaded at all."""
MAXIMUM_ANNOTATIONS_A_LEVEL = 10
"""The runner keeps 10 errors, 10 warnings and 10 notices of a step and drops the rest without a word."""
MAXIMUM_MESSAGE_BYTES = 4096

_COMMAND = {Level.FAILURE: "error", Level.WARNING: "warning", Level.NOTICE: "notice"}
_OUTPUT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_SUMMARY_NOTE = "\n\n_The summary was cut: a step may write 1 MiB. The whole report is in the job's artifacts._\n"


def escape_data(text: str) -> str:
    """`text` as the message of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """`text` as the value of a property of a command."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")


def command(name: str, message: str = "", properties: Mapping[str, str | int | None] | None = None) -> str:
    """The line which gives the command `name` to the runner; properties that are ``None`` are left out."""
    given = ",".join(
        f"{key}={escape_property(str(value))}" for key, value in (properties or {}).items() if value is not None
    )
    return f"::{name}{' ' if given else ''}{given}::{escape_data(message)}"


def log_line(text: str) -> str:
    """`text`, from wherever, as one log line which the runner does not obey."""
    line = "".join(character if character.isprintable() or character == "\t" else "?" for character in text)
    line = line.replace("##[", "## [")
    return f"| {line}" if line.lstrip().startswith("::") else line


def group_start(title: str) -> str:
    """The line that opens a folded group; groups do not nest."""
    return command("group", log_line(title))


def group_end() -> str:
    """The line that closes the open group."""
    return command("endgroup")


def mask_lines(secret: str) -> tuple[str, ...]:
    """The lines that make the runner show `secret` as ``***``: one for the whole, and one for each line of it.

    The runner masks the log line by line, so a key of several lines would show if it were registered only as a whole.
    """
    parts = [secret, *re.split(r"[\r\n]+", secret)]
    return tuple(command("add-mask", part) for part in dict.fromkeys(part for part in parts if part.strip()))


def fenced(lines: Iterable[str]) -> Iterator[str]:
    """`lines` of hostile output such as a build log, between two lines that stop and resume the runner's obedience.

    The token that resumes it is drawn anew each time and cannot be guessed by what runs in between. Resumed also when
    `lines` raises. A caller that stops early closes the iterator.
    """
    token = secrets.token_hex(32)
    yield command("stop-commands", token)
    try:
        for text in lines:
            # A carriage return ends a line for the runner as well, and the colours of a build log are worth keeping.
            yield from (part.replace("\0", "?") for part in re.split(r"\r\n|\r|\n", text.rstrip("\r\n")))
    finally:
        yield f"::{token}::"


def annotation_lines(annotations: Iterable[Annotation], *, in_actions: bool) -> Iterator[str]:
    """Annotations for the log: as commands for as many as the runner shows, as plain lines for the rest.

    With `in_actions` false all are plain lines.
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

    Raises UsageError when `name` cannot be an output's, or the file cannot be written.
    """
    if not _OUTPUT_NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be the name of an output.")
    # Whoever knew the delimiter could end the value early and set outputs of their own.
    delimiter = f"weighbridge_{secrets.token_hex(32)}"
    return _append(environment, "GITHUB_OUTPUT", f"{name}<<{delimiter}\n{value}\n{delimiter}\n")


def write_summary(environment: Mapping[str, str], markdown: str, *, replaces: bool = False) -> bool:
    """Append `markdown` to the job summary, cut to what the step may still write; false outside of GitHub Actions.

    `replaces`: what this step wrote before goes.

    Raises UsageError when the file cannot be written.
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
    return log_line(f"{_COMMAND[annotation.level]}: {place}{annotation.title}: {annotation.message}")
