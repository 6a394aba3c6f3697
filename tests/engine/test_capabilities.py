"""File capabilities in a container: what the kernel refuses and grants is what is predicted. One image, no base."""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from weighbridge.domain.checks.finding import Subject
from weighbridge.domain.image.image import Image
from weighbridge.domain.image.rootfs import Rootfs
from weighbridge.domain.start.elf.tiny import tiny_program
from weighbridge.domain.start.predict import Starts, predict_command
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.transports import parse_image_reference

NET_BIND_SERVICE, IPC_LOCK = 1 << 10, 1 << 14
REVISION, EFFECTIVE = 2 << 24, 1
PROGRAMS = {
    "effective-beyond": (REVISION | EFFECTIVE, IPC_LOCK),
    "permitted-beyond": (REVISION, IPC_LOCK),
    "effective-within": (REVISION | EFFECTIVE, NET_BIND_SERVICE),
}


def _archive(program: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as archive:
        for name, (magic, permitted) in PROGRAMS.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(program), 0o755
            value = struct.pack("<IIIII", magic, permitted, 0, 0, 0)
            member.pax_headers["SCHILY.xattr.security.capability"] = value.decode("utf-8", "surrogateescape")
            archive.addfile(member, io.BytesIO(program))
    return buffer.getvalue()


def test_capabilities_of_programs_are_granted_or_refused_as_predicted(
    engine: Any, build_image: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "programs.tar").write_bytes(_archive(tiny_program("amd64")))
    (tmp_path / "Dockerfile").write_text('FROM scratch\nADD programs.tar /\nUSER 1000\nCMD ["/effective-beyond"]\n')
    tag = build_image(engine, tmp_path)
    reference = parse_image_reference(tag)
    with LayerReader(engine=lambda: engine.client, cache=LayerCache(tmp_path / "cache")) as reader:
        image = reader.read([reference])[reference]
        assert isinstance(image, Image), image
        rootfs = Rootfs.from_changesets([layer.changeset for layer in image.layers], reader.contents(reference))
        for name in PROGRAMS:
            ran = engine.run(tag, f"/{name}")
            found = predict_command(image.config, rootfs, (f"/{name}",), subject=Subject.ENTRYPOINT)
            assert (found.starts is Starts.YES) is (ran.returncode == 0), (name, ran.stderr)
            assert all((finding.predicts or "") in ran.stderr for finding in found.findings)
            assert (found.starts is Starts.NO) is (name == "effective-beyond")
