"""The command matrix: commands of ordinary and of broken images, each really run, and each predicted.

``tests/data/matrix/commands.json`` holds the images (a Dockerfile and files), the commands, and what each did within
four seconds; ``command-facts-IMAGE.zst`` beside it has what the predictions look at, so that the unit tests need no
engine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from startmatrix.facts import Recorder
from startmatrix.scripts import DATA, Verdict
from weighbridge.domain.checks.finding import Severity, Subject
from weighbridge.domain.image.image import ImageConfig
from weighbridge.domain.image.layer import Changeset
from weighbridge.domain.image.rootfs import ContentReader, Node, Rootfs
from weighbridge.domain.start.predict import StartPrediction, Starts, predict_command

COMMANDS = DATA / "commands.json"
_NAMES_IN_SERVERS = re.compile(
    rb"[\0-~]?[a-z][a-z0-9_-]{2,40}\0|--[a-z-]+=[!-~]{1,255}[ \0]|/run/sshd\0|can't open or create|nginx/[0-9.]+\0"
)
_SERVERS = frozenset({"nginx", "sshd", "cron", "redis-server", "redis-check-rdb"})
_UNREAD = re.compile(r"usr/(?:share/(?:doc|man|locale|zoneinfo|icons|info|lintian|bug)|lib/gcc|include)/.")


class CommandCell(msgspec.Struct, frozen=True, kw_only=True):
    """One command of one image, and what it did: `exit_code` is None where it still ran."""

    image: str
    name: str
    argv: tuple[str, ...]
    user: str = ""
    workdir: str = ""
    env: dict[str, str] = {}
    exit_code: int | None = None
    output: str = ""

    def __str__(self) -> str:
        return f"{self.image}/{self.name}"


class CommandImage(msgspec.Struct, frozen=True, kw_only=True):
    """An image of the matrix: its Dockerfile, its files with their modes, and its environment and directory."""

    dockerfile: str
    files: dict[str, tuple[str, int] | None]
    env: dict[str, str] = {}
    workdir: str = "/"


class Commands(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    images: dict[str, CommandImage]
    cells: list[CommandCell]


def facts_path(image: str) -> Path:
    """The facts of one image of the matrix."""
    return DATA / f"command-facts-{image}.zst"


def read_commands(path: Path = COMMANDS) -> Commands:
    """Images and cells, as recorded."""
    return msgspec.json.decode(path.read_bytes(), type=Commands)


def write_commands(commands: Commands) -> None:
    """Write the file, one line a cell and image."""

    def lines(values: Sequence[Any]) -> str:
        return ",\n".join(msgspec.json.encode(value).decode() for value in values)

    images = ",\n".join(
        f"{json.dumps(name)}: {msgspec.json.encode(one).decode()}" for name, one in commands.images.items()
    )
    COMMANDS.write_text(f'{{"images": {{\n{images}\n}},\n"cells": [\n{lines(commands.cells)}\n]}}\n')


def without_unread(changesets: Sequence[Changeset]) -> list[Changeset]:
    """The layers without files that no start reads, such as manual pages."""
    return [
        replace(each, entries=[entry for entry in each.entries if not _UNREAD.match(entry.path)]) for each in changesets
    ]


class ServerRecorder(Recorder):
    """As its base; also all of Python files, and the names of directives and the options of the build of servers."""

    def note(self, node: Node, offset: int, content: bytes) -> None:
        """Remember what was read."""
        super().note(node, offset, content)
        found = self.extents.setdefault((node.diff_id, node.stored_path), {})
        if node.path.endswith(".py"):
            found[offset] = content
        if node.path.rpartition("/")[2] in _SERVERS:
            for match in _NAMES_IN_SERVERS.finditer(content):
                found.setdefault(offset + match.start(), match.group())


def predict_commands(
    cells: Sequence[CommandCell], image: CommandImage, layers: Sequence[Changeset], contents: ContentReader
) -> Iterator[tuple[CommandCell, StartPrediction]]:
    """The product's verdict on each cell of one image."""
    rootfs = Rootfs.from_changesets(layers, contents)
    for cell in cells:
        config = replace(
            ImageConfig(),
            cmd=cell.argv,
            user=cell.user,
            workdir=cell.workdir or image.workdir,
            env={**image.env, **cell.env},
        )
        yield cell, predict_command(config, rootfs, cell.argv, subject=Subject.ENTRYPOINT)


def judge_command(cell: CommandCell, prediction: StartPrediction) -> Verdict:
    """Compare: a command that ends with 0, or still runs, has started; one that does not prints the predicted text."""
    if prediction.starts is Starts.NOT_CHECKED:
        return Verdict.NOT_CHECKED
    ran = cell.exit_code in {None, 0}
    if ran is not (prediction.starts is Starts.YES):
        return Verdict.WRONG
    texts = [found.predicts for found in prediction.findings if found.predicts and found.severity is not Severity.INFO]
    return Verdict.AGREES if ran or (texts and texts[-1] in cell.output) else Verdict.WRONG_TEXT
