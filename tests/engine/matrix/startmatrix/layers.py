"""A subject's layer as a tar, and images of base layers and that layer, as `docker load` takes them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from startmatrix.model import File, Form, Subject

_NAMED_DIRECTORIES = ("app", "opt", "usr", "usr/local", "usr/local/bin", "etc", "srv", "venv")
"""Directories that are real directories in each base or in none; `lib` and `bin` are symlinks in some."""


def write_layer(subject: Subject, parts: Path, path: Path) -> None:
    """Write the subject's files as an uncompressed layer tar, the same bytes each time."""
    written = path.with_suffix(".part")
    with tarfile.open(written, "w", format=tarfile.PAX_FORMAT) as tar:
        named: set[str] = set()
        for name, file in subject.files.items():
            for directory in _directories_above(name):
                if directory not in named and directory not in subject.files:
                    named.add(directory)
                    _add(tar, directory, File(directory=True))
            if file.part is None:
                _add(tar, name, file)
            else:
                _add_part(tar, name, file, parts / file.part)
    written.rename(path)


def _directories_above(name: str) -> Iterator[str]:
    for parent in reversed(PurePosixPath(name).parents):
        if str(parent) in _NAMED_DIRECTORIES:
            yield str(parent)


def _add_part(tar: tarfile.TarFile, name: str, file: File, source: Path) -> None:
    if not source.is_dir():
        info = _info(name, file)
        info.size = source.stat().st_size
        with source.open("rb") as content:
            tar.addfile(info, content)
        return
    for folder, folders, files in os.walk(source):
        folders.sort()
        inside = PurePosixPath(name) / Path(folder).relative_to(source).as_posix()
        _add(tar, str(inside), File(directory=True))
        for entry in sorted([*files, *(entry for entry in folders if (Path(folder) / entry).is_symlink())]):
            path = Path(folder) / entry
            if path.is_symlink():
                _add(tar, str(inside / entry), File(link=str(path.readlink())))
            else:
                info = _info(str(inside / entry), File(mode=path.stat().st_mode & 0o7777))
                info.size = path.stat().st_size
                with path.open("rb") as content:
                    tar.addfile(info, content)


def _add(tar: tarfile.TarFile, name: str, file: File) -> None:
    info = _info(name, file)
    if file.directory:
        info.type = tarfile.DIRTYPE
    elif file.link is not None:
        info.type, info.linkname = tarfile.SYMTYPE, file.link
    else:
        info.size = len(file.content)
    tar.addfile(info, io.BytesIO(file.content) if info.isreg() else None)


def _info(name: str, file: File) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode, info.uid, info.gid, info.mtime = file.mode, file.uid, file.gid, 1_700_000_000
    return info


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """A subject's layer: where its tar is, and its diff ID."""

    path: Path
    diff_id: str


def layer_of(subject: Subject, parts: Path, folder: Path) -> Built:
    """The subject's layer in `folder`, written unless it is there. Its name changes with the recipe."""
    key = hashlib.sha256(f"{parts.name}\0{sorted(subject.files.items())!r}".encode()).hexdigest()[:24]
    path = folder / f"{key}.tar"
    if not path.exists():
        write_layer(subject, parts, path)
    known = path.with_suffix(".diffid")
    if not known.exists():
        with path.open("rb") as file:
            known.write_text(f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}")
    return Built(path=path, diff_id=known.read_text())


def config_json(subject: Subject, form: Form, diff_ids: Sequence[str]) -> bytes:
    """The image config of one cell."""
    document = {
        "architecture": "amd64",
        "os": "linux",
        "config": subject.config(form),
        "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
        "history": [{"created_by": f"layer {number}"} for number in range(len(diff_ids))],
    }
    return json.dumps(document).encode()


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedImage:
    """One image of a load archive: its config, and for each layer of its own the tar's path by diff ID."""

    name: str
    config: bytes
    layers: tuple[tuple[str, Path | None], ...]
    """Diff ID and tar; None for a layer that the engine has."""


def load_archive(images: Iterable[LoadedImage], path: Path) -> None:
    """Write what `docker load` reads. Layers that the engine has are named but not written: it does not look."""
    manifest = []
    with tarfile.open(path, "w") as tar:
        written: set[str] = set()
        for image in images:
            digest = hashlib.sha256(image.config).hexdigest()
            _add(tar, f"{digest}.json", File(content=image.config))
            names = []
            for diff_id, layer in image.layers:
                name = f"{diff_id.partition(':')[2]}/layer.tar"
                names.append(name)
                if layer is not None and name not in written:
                    written.add(name)
                    info = _info(name, File(mode=0o644))
                    info.size = layer.stat().st_size
                    with layer.open("rb") as content:
                        tar.addfile(info, content)
            manifest.append({"Config": f"{digest}.json", "RepoTags": [image.name], "Layers": names})
        _add(tar, "manifest.json", File(content=json.dumps(manifest).encode()))
