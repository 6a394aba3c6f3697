"""A throw-away copy of what one build reads, with other files in place: the checkout itself is never written to.

Files are hard links where the file system has them, so a copy costs no space for content. Nothing is opened through a
symlink: symlinks of the tree are copied as what they are, and what is replaced is unlinked first.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from weighbridge.domain.dockerfile import MAXIMUM_DOCKERFILE_BYTES
from weighbridge.domain.tips.patch import Sources
from weighbridge.errors import ScratchError

_PREFIX = "weighbridge-scratch-"
_MAXIMUM_FILES = 200_000
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def read_sources(tree: Path, *, dockerfile: Path, context: Path, has_buildkit: bool) -> Sources:
    """The files of one image that a tip may change, as they stand in `tree`, where `dockerfile` and `context` are.

    Raises ScratchError where one of them cannot be written back byte for byte, or is no file of the tree.
    """
    own = dockerfile.with_name(f"{dockerfile.name}.dockerignore")
    ignore_file = own if has_buildkit and os.path.lexists(own) else context / ".dockerignore"
    return Sources(
        dockerfile=dockerfile.relative_to(tree).as_posix(),
        text=_text_of(dockerfile, tree),
        ignore_file=ignore_file.relative_to(tree).as_posix(),
        ignore_text=_text_of(ignore_file, tree) if os.path.lexists(ignore_file) else None,
    )


@contextmanager
def scratch_copy(tree: Path, *, context: Path, replaced: Mapping[str, str]) -> Iterator[Path]:
    """A folder beside `tree` that holds its folder `context`, with the files `replaced` as given; then it is removed.

    What is replaced is named from the root of the tree. Raises ScratchError where there are too many files, or no room.
    """
    try:
        root = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=tree.parent))
    except OSError as error:
        raise ScratchError(f"no folder for a copy can be made: {error.strerror}") from error
    try:
        try:
            _copy(context, root / context.relative_to(tree))
            for path, text in replaced.items():
                _write(root, path, text, mode=_mode_of(tree / path))
        except OSError as error:
            raise ScratchError(f"the build context cannot be copied: {error.strerror}") from error
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


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
    """The folder `source` as `target`: folders made anew, files linked, symlinks as they are."""
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
    except OSError:  # no hard links here, or too many of this file
        shutil.copy2(source, target, follow_symlinks=False)


def _write(root: Path, path: str, text: str, *, mode: int) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.parent.resolve() != root.resolve() / Path(path).parent:
        raise ScratchError(f"{path} lies behind a symlink")
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, _NEW_FILE, mode), "wb") as stream:
        stream.write(text.encode("utf-8"))


def _mode_of(file: Path) -> int:
    return file.lstat().st_mode & 0o777 if os.path.lexists(file) else 0o644
