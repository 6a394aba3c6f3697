"""The contents and sizes of git's blobs, read by one process for many."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Generator, Iterable, Iterator, Sequence

from weighbridge.domain.lines import lines_of
from weighbridge.errors import GitError
from weighbridge.plan.git import Repository
from weighbridge.plan.git_process import (
    CHUNK_BYTES,
    MAXIMUM_MESSAGE_BYTES,
    GitDeadline,
    git_command,
    start_git,
)

_MAXIMUM_RESTARTS = 20


def read_blobs(repository: Repository, shas: Iterable[str], *, maximum_bytes: int) -> Iterator[tuple[str, bytes]]:
    """The contents of the blobs in the given order, from one process.

    A blob larger than `maximum_bytes` is cut to `maximum_bytes` + 1, so that the caller's limit detects it. Raises
    GitError for a missing object.
    """
    for sha, data in read_present_blobs(repository, shas, maximum_bytes=maximum_bytes):
        if data is None:
            raise GitError(f"{repository.root}: {missing_object(sha)}")
        yield sha, data


def missing_object(sha: str) -> str:
    """The message for an object that a partial clone lacks."""
    return (
        f"git has no object {sha[:12]}: a partial clone lacks it. Fetch it: git fetch --refetch --no-filter; with"
        " actions/checkout leave out filter and sparse-checkout."
    )


def read_present_blobs(
    repository: Repository, shas: Iterable[str], *, maximum_bytes: int
) -> Iterator[tuple[str, bytes | None]]:
    """Like `read_blobs`, with ``None`` for an object that is missing, such as one that a partial clone cannot fetch.

    git stops at an object that it cannot fetch: after `_MAXIMUM_RESTARTS` such objects, the remaining ones count as
    missing. Raises GitError if git itself fails.
    """
    waiting = iter(shas)
    for _ in range(_MAXIMUM_RESTARTS):
        if not (yield from _blobs_of_one_process(repository, waiting, maximum_bytes)):
            return
    yield from ((sha, None) for sha in waiting)


def _blobs_of_one_process(
    repository: Repository, shas: Iterator[str], maximum_bytes: int
) -> Generator[tuple[str, bytes | None], None, bool]:
    """The blobs up to the first one at which git stops. Returns true if it stopped, and other blobs may follow."""
    command = git_command(repository.root, repository.settings, ["cat-file", "--batch"])
    lost: str | None = None
    with (
        tempfile.TemporaryFile() as messages,
        start_git(command, stdin=subprocess.PIPE, stderr=messages.fileno()) as process,
    ):
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None
        with contextlib.ExitStack() as stack:
            stack.callback(process.kill)
            deadline = stack.enter_context(GitDeadline(process, "git cat-file"))
            for sha in shas:
                deadline.restart()
                stdin.write(f"{sha}\n".encode())
                stdin.flush()
                header = stdout.readline(MAXIMUM_MESSAGE_BYTES).decode("utf-8", "replace").split()
                if not header:
                    lost = sha
                    break
                if len(header) != 3:
                    yield sha, None
                    continue
                size = int(header[2])
                kept = stdout.read(min(size, maximum_bytes + 1))
                left = size - len(kept) + 1
                while left:
                    left -= len(stdout.read(min(left, CHUNK_BYTES)) or _lost(repository))
                yield sha, kept
    if lost is None:
        return False
    yield lost, None
    return True


def blob_sizes(repository: Repository, shas: Sequence[str]) -> dict[str, int]:
    """The sizes in bytes of the blobs that are there, from one process."""
    command = git_command(
        repository.root, repository.settings, ["cat-file", "--batch-check=%(objectname) %(objectsize)"]
    )
    listed = "".join(f"{sha}\n" for sha in dict.fromkeys(shas)).encode()
    with start_git(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        answer, _ = process.communicate(listed)
    lines = (line.split(" ") for line in lines_of(os.fsdecode(answer)))
    return {fields[0]: int(fields[1]) for fields in lines if len(fields) == 2 and fields[1].isdigit()}


def _lost(repository: Repository) -> bytes:
    raise GitError(f"{repository.root}: git cat-file stopped in the middle of an object.")
