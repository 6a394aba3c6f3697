"""The script matrix: many scripts, each run by the shells of several bases, and each predicted.

A cell is a script under a base and a shell. ``tests/data/matrix/scripts.json`` holds scripts and what each cell did;
``script-facts.zst`` beside it has what the predictions look at, so that the unit tests need no engine.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from weighbridge.domain.checks.finding import Severity, Subject
from weighbridge.domain.image.image import ImageConfig
from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.rootfs import ContentReader, Node, Rootfs
from weighbridge.domain.start.predict import StartPrediction, Starts, predict_command

DATA = Path(__file__).resolve().parents[3] / "data/matrix"
SCRIPTS = DATA / "scripts.json"
SCRIPT_FACTS = DATA / "script-facts.zst"
SHELLS = (("debian:bookworm", "sh"), ("debian:bookworm", "bash"), ("alpine", "sh"), ("debian:trixie", "sh"))
"""Bases with one of their shells: dash without and with pipefail, bash, busybox."""
ARGUMENTS = ("/bin/true", "a")
TIMED_OUT = frozenset({124, 143})
"""How ``timeout`` of coreutils and busybox ends a program that still runs."""
_LAYER = "sha256:" + "5" * 64


class Verdict(enum.StrEnum):
    """How a prediction and the real run agree."""

    AGREES = "agrees"
    NOT_CHECKED = "not checked"
    WRONG = "wrong"
    WRONG_TEXT = "wrong text"


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptCell:
    """One script under one shell, and what it really did."""

    name: str
    text: str
    base: str
    shell: str
    exit_code: int
    output: str

    def __str__(self) -> str:
        return f"{self.name}/{self.base}/{self.shell}"


def read_cells(path: Path = SCRIPTS) -> list[ScriptCell]:
    """All recorded cells."""
    document = json.loads(path.read_text())
    return [
        ScriptCell(
            name=name,
            text=document["scripts"][name],
            base=base,
            shell=shell,
            exit_code=exit_code,
            output=output,
        )
        for place, cells in document["cells"].items()
        for base, shell in [place.rsplit("/", 1)]
        for name, (exit_code, output) in cells.items()
    ]


class WithScripts:
    """Content of a base, and scripts in a layer of their own."""

    def __init__(self, base: ContentReader, contents: Mapping[str, bytes]) -> None:
        self._base, self._contents = base, contents

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`."""
        if node.diff_id == _LAYER:
            return self._contents[node.stored_path][offset : offset + length]
        return self._base.read(node, offset=offset, length=length)


def predict_cells(
    cells: Sequence[ScriptCell], below: Sequence[Changeset], contents: ContentReader
) -> Iterator[tuple[ScriptCell, StartPrediction]]:
    """The product's verdict on each cell of one base and shell. As in the real run, one root has all scripts."""
    scripts = {f"s/{cell.name}": f"#!/bin/{cell.shell}\n{cell.text}\n".encode() for cell in cells}
    entries = [
        Entry(path=path, kind=EntryKind.FILE, size_bytes=len(script), mode=0o755) for path, script in scripts.items()
    ]
    layer = Changeset(diff_id=_LAYER, entries=entries)
    rootfs = Rootfs.from_changesets([*below, layer], WithScripts(contents, scripts))
    for cell, path in zip(cells, scripts, strict=True):
        argv = (f"/{path}", *ARGUMENTS)
        config = replace(ImageConfig(), cmd=argv)
        yield cell, predict_command(config, rootfs, argv, subject=Subject.ENTRYPOINT)


def judge_cell(cell: ScriptCell, prediction: StartPrediction) -> Verdict:
    """Compare: a script that ends with 0, or still runs, has started; one that does not prints the predicted text."""
    if prediction.starts is Starts.NOT_CHECKED:
        return Verdict.NOT_CHECKED
    ran = cell.exit_code == 0 or cell.exit_code in TIMED_OUT
    if ran is not (prediction.starts is Starts.YES):
        return Verdict.WRONG
    texts = [found.predicts for found in prediction.findings if found.predicts and found.severity is not Severity.INFO]
    return Verdict.AGREES if ran or not texts or texts[-1] in cell.output else Verdict.WRONG_TEXT


def write_cells(scripts: Mapping[str, str], outcomes: Mapping[tuple[str, str], Mapping[str, tuple[int, str]]]) -> None:
    """Write scripts and what they did, one line a script and place."""
    texts = ",\n".join(f"{json.dumps(name)}: {json.dumps(text)}" for name, text in sorted(scripts.items()))
    places = ",\n".join(
        f"{json.dumps('/'.join(place))}: {{\n"
        + ",\n".join(f"{json.dumps(name)}: {json.dumps(ran)}" for name, ran in sorted(cells.items()))
        + "\n}"
        for place, cells in outcomes.items()
    )
    SCRIPTS.write_text(f'{{"scripts": {{\n{texts}\n}}, "cells": {{\n{places}\n}}}}\n')
