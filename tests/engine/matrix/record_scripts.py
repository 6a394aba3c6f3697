"""Run every script of the script matrix under every shell, write what they did, and say how the predictions agree.

All scripts run in one container a shell, each with `ARGUMENTS`, an empty standard input and four seconds of time.
"""

from __future__ import annotations

import argparse
import collections
import io
import json
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

import docker
from startmatrix.facts import Recorder, write_facts
from startmatrix.scripts import (
    ARGUMENTS,
    SCRIPT_FACTS,
    SCRIPTS,
    SHELLS,
    Verdict,
    judge_cell,
    predict_cells,
    read_cells,
    write_cells,
)

from weighbridge.domain.image.image import Image
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.transports import parse_image_reference

_KEPT_CHARACTERS = 300
_MARK = "@@@"


def main() -> int:
    """0 where no prediction is wrong."""
    parser = argparse.ArgumentParser(prog="record_scripts.py", description=__doc__)
    parser.add_argument("--no-run", action="store_true", help="predict only, and compare with what is recorded")
    arguments = parser.parse_args()
    client = docker.from_env()
    scripts: dict[str, str] = json.loads(SCRIPTS.read_text())["scripts"]
    if not arguments.no_run:
        write_cells(scripts, {place: _run(client, scripts, *place) for place in SHELLS})
    counts: collections.Counter[Verdict] = collections.Counter()
    recorder = Recorder()
    with TemporaryDirectory() as folder, LayerReader(engine=lambda: client, cache=LayerCache(Path(folder))) as reader:
        references = {base: parse_image_reference(base) for base, _ in SHELLS}
        images = reader.read(list(references.values()), estimate_sizes=False)
        below = {}
        for base, reference in references.items():
            image = images[reference]
            assert isinstance(image, Image), image
            below[base] = [layer.changeset for layer in image.layers]
        for base, shell in SHELLS:
            contents = recorder.listening(reader.contents(references[base]))
            cells = [cell for cell in read_cells() if (cell.base, cell.shell) == (base, shell)]
            for cell, prediction in predict_cells(cells, below[base], contents):
                verdict = judge_cell(cell, prediction)
                counts[verdict] += 1
                if verdict in {Verdict.WRONG, Verdict.WRONG_TEXT}:
                    predicted = [found.predicts for found in prediction.findings]
                    print(
                        f"{verdict}: {cell}: {prediction.starts} {predicted}; really {cell.exit_code} {cell.output!r}"
                    )
        write_facts(recorder, below, {}, SCRIPT_FACTS)
    print(f"{counts.total()} cells: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    return 0 if not counts[Verdict.WRONG] and not counts[Verdict.WRONG_TEXT] else 1


def _run(client: docker.DockerClient, scripts: dict[str, str], base: str, shell: str) -> dict[str, tuple[int, str]]:
    """What each script did under one shell."""
    command = (
        f'for f in /s/*; do echo "{_MARK} ${{f#/s/}}"; timeout 4 "$f" {" ".join(ARGUMENTS)} </dev/null 2>&1; '
        f'echo "{_MARK} $?"; done'
    )
    container = client.containers.create(base, ["/bin/sh", "-c", f"cd /; {command}"], network_mode="none")
    try:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for name, text in scripts.items():
                content = f"#!/bin/{shell}\n{text}\n".encode()
                member = tarfile.TarInfo(f"s/{name}")
                member.size, member.mode = len(content), 0o755
                tar.addfile(member, io.BytesIO(content))
        container.put_archive("/", archive.getvalue())
        container.start()
        container.wait(timeout=600)
        output = container.logs().decode("utf-8", "replace")
    finally:
        container.remove(force=True)
    parts = output.split(_MARK + " ")[1:]
    return {
        name.strip(): (int(status), _kept(said))
        for opening, closing in zip(parts[::2], parts[1::2], strict=True)
        for name, _, said in [opening.partition("\n")]
        for status in [closing.strip()]
    }


def _kept(said: str) -> str:
    """The beginning and the end of an output."""
    return said if len(said) <= 2 * _KEPT_CHARACTERS else said[:_KEPT_CHARACTERS] + said[-_KEPT_CHARACTERS:]


if __name__ == "__main__":
    sys.exit(main())
