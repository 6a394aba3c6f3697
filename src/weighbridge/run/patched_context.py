"""Makes a temporary copy of a build context with replaced files. The checkout never changes.

Files are hard links if the file system supports them, so a copy needs no space for content. No file is opened through a
symlink: symlinks are copied as symlinks, and a replaced file is unlinked first.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from weighbridge.domain.dockerfile import MAXIMUM_DOCKERFILE_BYTES
from weighbridge.domain.tips.patch import Sources
from weighbridge.errors import ScratchError

_PREFIX = "weighbridge-scratch-"
_MAXIMUM_FILES = 200_000
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def read_sources(tree: Path, *, dockerfile: Path, context: Path, has_buildkit: bool) -> Sources:
    """The files of one image in `tree` that a tip may change.

    Raises ScratchError if a file is not a regular UTF-8 file of the tree, or is too large.
    """
    own = dockerfile.with_name(f"{dockerfile.name}.dockerignore")
    ignore_file = own if has_buildkit and os.path.lexists(own) else context / ".dockerignore"
    return Sources(
        dockerfile=dockerfile.relative_to(tree).as_posix(),
        text=_text_of(dockerfile, tree),
        ignore_file=ignore_file.relative_to(tree).as_posix(),
        ignore_text=_text_of(ignore_file, tree) if os.path.lexists(ignore_file) else None,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class ScratchCopy:
    """A copy of a checkout's build context: its root, and the Dockerfile to build, which may stand apart from it."""

    tree: Path
    dockerfile: Path


@contextmanager
def scratch_copy(
    tree: Path, *, context: Path, dockerfile: str, replaced: Mapping[str, str], is_dockerfile_apart: bool
) -> Iterator[ScratchCopy]:
    """Copies the folder `context` of `tree` to a new folder next to `tree`, and removes the copy at the end.

    `replaced` has new texts by path from the root of the tree, also that of `dockerfile`. With `is_dockerfile_apart`
    the new Dockerfile and its own ignore file are written to a folder outside of the copy. Then ``COPY . .`` copies
    what head's build copied, and the builder's cache has it. Raises ScratchError if there are too many files or if the
    disk is full.
    """
    with _new_folder(tree.parent) as copy, _new_folder(tree.parent) as apart:
        built = apart if is_dockerfile_apart else copy
        try:
            _copy(context, copy / context.relative_to(tree))
            for path, text in replaced.items():
                belongs_to_dockerfile = path in {dockerfile, f"{dockerfile}.dockerignore"}
                _write(built if belongs_to_dockerfile else copy, path, text, mode=_mode_of(tree / path))
        except OSError as error:
            raise ScratchError(f"the build context cannot be copied: {error.strerror}") from error
        yield ScratchCopy(tree=copy, dockerfile=built / dockerfile)


@contextmanager
def _new_folder(parent: Path) -> Iterator[Path]:
    try:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    except OSError as error:
        raise ScratchError(f"cannot create a folder for the copy: {error.strerror}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _text_of(file: Path, tree: Path) -> str:
    path = file.relative_to(tree)
    if file.is_symlink() or not file.is_file():
        raise ScratchError(f"{path} is not a plain file")
    with file.open("rb") as stream:
        data = stream.read(MAXIMUM_DOCKERFILE_BYTES + 1)
    try:
        if len(data) <= MAXIMUM_DOCKERFILE_BYTES:
            return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ScratchError(f"{path} is not UTF-8 text") from error
    raise ScratchError(f"{path} is larger than {MAXIMUM_DOCKERFILE_BYTES} bytes")


def _copy(source: Path, target: Path) -> None:
    """Copy the folder `source` to `target`: new folders, linked files, and symlinks as symlinks."""
    files = 0
    waiting = [(source, target)]
    while waiting:
        folder, copy = waiting.pop()
        copy.mkdir(parents=True, exist_ok=True)
        with os.scandir(folder) as entries:
            for entry in entries:
                files += 1
                if files > _MAXIMUM_FILES:
                    raise ScratchError(f"the build context has more than {_MAXIMUM_FILES} files")
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((Path(entry.path), copy / entry.name))
                elif entry.is_symlink():
                    (copy / entry.name).symlink_to(Path(entry.path).readlink())
                else:
                    _link(entry.path, copy / entry.name)


def _link(source: str, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # the file system has no hard links, or the file has too many
        shutil.copy2(source, target, follow_symlinks=False)


def _write(root: Path, path: str, text: str, *, mode: int) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.parent.resolve() != root.resolve() / Path(path).parent:
        raise ScratchError(f"{path} is behind a symlink")
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, _NEW_FILE, mode), "wb") as stream:
        stream.write(text.encode("utf-8"))


def _mode_of(file: Path) -> int:
    return file.lstat().st_mode & 0o777 if os.path.lexists(file) else 0o644
