"""Creates clean checkouts of commits outside the user's repository, and removes them after use."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from weighbridge.errors import GitError
from weighbridge.plan.git import Repository, read_tree_into
from weighbridge.temporary_folders import scratch_folder

CHECKOUT_PREFIX = "weighbridge-trees-"


@contextmanager
def checkout_trees(
    repository: Repository,
    commits: Iterable[str],
    *,
    folder: Path | None = None,
    paths: Mapping[str, Sequence[str]] | None = None,
) -> Iterator[Mapping[str, Path]]:
    """A clean folder for each commit, by its name, below `folder` (default: the system's temporary folder).

    `paths` are the required files and folders by commit; a commit that is not in `paths` is checked out completely. The
    folders equal a fresh checkout, without ``.git`` and without the user's uncommitted files. They are removed at the
    end, also after an error, Ctrl-C, or a signal that is turned into an exception. Raises GitError.
    """
    parent = folder or Path(tempfile.gettempdir())
    with ExitStack() as stack:
        try:
            root = stack.enter_context(scratch_folder(CHECKOUT_PREFIX, parent=parent))
        except OSError as error:
            raise GitError(
                f"{parent}: cannot create a folder for the checkouts: {error.strerror}. Set TMPDIR."
            ) from error
        wanted = paths or {}
        yield {commit: _checkout(repository, commit, root, wanted.get(commit)) for commit in dict.fromkeys(commits)}


def _checkout(repository: Repository, commit: str, root: Path, paths: Sequence[str] | None) -> Path:
    tree = root / commit
    try:
        tree.mkdir()
    except OSError as error:
        raise GitError(f"{tree}: cannot create the folder: {error.strerror}.") from error
    read_tree_into(repository, commit, folder=tree, index=root / f"{commit}.index", paths=paths)
    return tree
