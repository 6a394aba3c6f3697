"""The recorded truth: what each cell really did, once, in a compact file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from startmatrix.model import Cell, Form, Outcome

TRUTH = Path(__file__).resolve().parents[3] / "data/matrix/truth.json"

_CONTAINER_ID = re.compile(r"\b[0-9a-f]{64}\b")
_STORAGE = re.compile(r"/\S*/ID/(?:merged|rootfs)/")


def read_truth(path: Path = TRUTH) -> dict[Cell, Outcome]:
    """All recorded outcomes."""
    document = json.loads(path.read_text())
    texts: list[str] = document["texts"]
    return {
        Cell(subject=subject, base=base, form=Form(form)): Outcome(ran=bool(ran), exit_code=code, text=texts[text])
        for subject, bases in document["cells"].items()
        for base, forms in bases.items()
        for form, (ran, code, text) in forms.items()
    }


def write_truth(outcomes: Mapping[Cell, Outcome], path: Path = TRUTH) -> None:
    """Write outcomes, each text once; what a program printed that ran is not kept."""
    texts: dict[str, int] = {"": 0}
    cells: dict[str, dict[str, dict[str, list[int]]]] = {}
    for cell, outcome in sorted(outcomes.items()):
        text = "" if outcome.ran else _STORAGE.sub("/MERGED/", _CONTAINER_ID.sub("ID", outcome.text))
        row = [int(outcome.ran), outcome.exit_code, texts.setdefault(text, len(texts))]
        cells.setdefault(cell.subject, {}).setdefault(cell.base, {})[cell.form.value] = row
    lines = [f"{json.dumps(subject)}: {json.dumps(bases, separators=(',', ':'))}" for subject, bases in cells.items()]
    rows = ",\n".join(lines)
    listed = ",\n".join(json.dumps(text) for text in texts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{"texts": [\n{listed}\n], "cells": {{\n{rows}\n}}}}\n')
