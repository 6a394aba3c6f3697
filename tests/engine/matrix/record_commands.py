"""Run every command of the command matrix in its image, write what it did, and say how the predictions agree.

An image is built when it is not there. Each command has a container without network, and four seconds of time.
``--image`` and ``--cell`` limit the work: the other images and cells stay as they are recorded.
"""

from __future__ import annotations

import argparse
import collections
import fnmatch
import io
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import docker
import msgspec
import requests
from startmatrix.commands import (
    CommandCell,
    CommandImage,
    Commands,
    ServerRecorder,
    facts_path,
    judge_command,
    predict_commands,
    read_commands,
    without_unread,
    write_commands,
)
from startmatrix.facts import write_facts
from startmatrix.scripts import Verdict

from weighbridge.domain.image.image import Image
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.transports import parse_image_reference

_KEPT_CHARACTERS = 1500
_SECONDS = 4


def main() -> int:
    """0 where no prediction is a false alarm."""
    parser = argparse.ArgumentParser(prog="record_commands.py", description=__doc__)
    parser.add_argument("--no-run", action="store_true", help="predict only, and compare with what is recorded")
    parser.add_argument("--image", action="append", metavar="NAME", help="record this image only (repeatable)")
    parser.add_argument("--cell", default="*", metavar="GLOB", help="run these cells only, such as 'ruby-*'")
    arguments = parser.parse_args()
    client = docker.from_env(timeout=600)
    commands = read_commands()
    chosen = {name: image for name, image in commands.images.items() if name in (arguments.image or commands.images)}
    tags = {name: _built(client, name, image) for name, image in chosen.items()}
    if not arguments.no_run:
        with ThreadPoolExecutor(2) as pool:

            def run(cell: CommandCell) -> CommandCell:
                is_asked = cell.image in chosen and fnmatch.fnmatchcase(cell.name, arguments.cell)
                return _run(client, tags[cell.image], cell) if is_asked else cell

            commands = Commands(images=commands.images, cells=list(pool.map(run, commands.cells)))
        write_commands(commands)
    counts: collections.Counter[Verdict] = collections.Counter()
    alarms = 0
    with TemporaryDirectory() as folder, LayerReader(engine=lambda: client, cache=LayerCache(Path(folder))) as reader:
        references = {name: parse_image_reference(tag) for name, tag in tags.items()}
        images = reader.read(list(references.values()), estimate_sizes=False)
        for name, reference in references.items():
            image = images[reference]
            assert isinstance(image, Image), image
            below = without_unread([layer.changeset for layer in image.layers])
            recorder = ServerRecorder()
            contents = recorder.listening(reader.contents(reference))
            own = [cell for cell in commands.cells if cell.image == name]
            for cell, prediction in predict_commands(own, commands.images[name], below, contents):
                verdict = judge_command(cell, prediction)
                counts[verdict] += 1
                if verdict in {Verdict.WRONG, Verdict.WRONG_TEXT}:
                    alarms += cell.exit_code in {None, 0}
                    print(f"{verdict}: {cell}: {prediction.starts}; really {cell.exit_code} {cell.output[-120:]!r}")
            write_facts(recorder, {name: below}, {}, facts_path(name))
    print(f"{counts.total()} cells: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    return 1 if alarms else 0


def _built(client: docker.DockerClient, name: str, image: CommandImage) -> str:
    tag = f"weighbridge-matrix-commands:{name.lower()}"
    if client.images.list(tag):
        return tag
    files = io.BytesIO()
    with tarfile.open(fileobj=files, mode="w") as tar:
        for path, file in sorted(image.files.items()):
            content, mode = file if file is not None else ("", 0o755)
            _add(tar, path.lstrip("/"), content.encode(), mode, is_directory=file is None)
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        _add(tar, "Dockerfile", f"{image.dockerfile}\nADD files.tar /\nENTRYPOINT []\n".encode(), 0o644)
        _add(tar, "files.tar", files.getvalue(), 0o644)
    client.images.build(fileobj=io.BytesIO(context.getvalue()), custom_context=True, tag=tag, rm=True, forcerm=True)
    return tag


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int, *, is_directory: bool = False) -> None:
    member = tarfile.TarInfo(path)
    member.mode, member.size = mode, len(content)
    if content.startswith(b"->"):
        member.type, member.linkname, member.size = tarfile.SYMTYPE, content[2:].decode(), 0
    elif is_directory:
        member.type = tarfile.DIRTYPE
    tar.addfile(member, io.BytesIO(content))


def _run(client: docker.DockerClient, tag: str, cell: CommandCell) -> CommandCell:
    container = client.containers.create(
        tag,
        list(cell.argv),
        network_mode="none",
        user=cell.user or None,
        environment=cell.env,
        working_dir=cell.workdir or None,
    )
    code: int | None = None
    try:
        try:
            container.start()
        except docker.errors.APIError as error:
            return msgspec.structs.replace(cell, exit_code=127, output=str(error.explanation))
        try:
            code = container.wait(timeout=_SECONDS)["StatusCode"]
        except (requests.exceptions.ReadTimeout, requests.exceptions.ConnectionError):
            code = None
        said = container.logs().decode("utf-8", "replace")
        if len(said) > 2 * _KEPT_CHARACTERS:
            said = said[:_KEPT_CHARACTERS] + said[-_KEPT_CHARACTERS:]
        return msgspec.structs.replace(cell, exit_code=code, output=said)
    finally:
        container.remove(force=True)


if __name__ == "__main__":
    sys.exit(main())
