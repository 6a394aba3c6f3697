"""The git command as typed functions: revisions, trees, differences and clean checkouts.

Nothing here changes the user's working tree, index, refs or configuration. Revisions and paths are untrusted, so every
call is an argument list that ends its options, and every output is read with ``-z`` and limited.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from weighbridge.domain.lines import lines_of
from weighbridge.errors import GitError
from weighbridge.plan.git_advice import has_ref, why_no_folder, why_not_open, why_unknown_revision
from weighbridge.plan.git_process import (
    run_git,
    shown_message,
)


class EntryType(enum.StrEnum):
    """The type of an entry of a tree."""

    FILE = "file"
    EXECUTABLE = "executable"
    SYMLINK = "symlink"
    SUBMODULE = "submodule"


REGULAR_FILES = frozenset({EntryType.FILE, EntryType.EXECUTABLE})

_ENTRY_TYPES = {
    "100644": EntryType.FILE,
    "100664": EntryType.FILE,
    "100755": EntryType.EXECUTABLE,
    "120000": EntryType.SYMLINK,
    "160000": EntryType.SUBMODULE,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Repository:
    """An open repository.

    `root` is the working tree's top, or the git folder of a bare repository. `name` is the repository's folder name; a
    linked working tree has the name of the main one, so that the name is the same everywhere on a machine. `settings`
    are passed to each call (``-c``).
    """

    root: Path
    name: str
    is_shallow: bool
    is_bare: bool
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TreeEntry:
    """One file, symlink or submodule of a commit's tree; `path` is relative to the root, `sha` the object's name."""

    path: str
    type: EntryType
    sha: str


class PathStatus(enum.StrEnum):
    """How a path differs between two trees."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    RENAMED = "renamed"


@dataclass(frozen=True, kw_only=True, slots=True)
class PathChange:
    """A path that differs between two trees. For a rename, `path` is the new one and `old_path` the old.

    `entry` is the entry in the second tree; ``None`` for a removed path.
    """

    status: PathStatus
    path: str
    old_path: str
    entry: TreeEntry | None


def open_repository(folder: Path, *, trust_owner: bool = False) -> Repository:
    """The repository that contains `folder`. Raises GitError if there is none or git refuses to read it.

    `trust_owner` reads a repository that belongs to another user, such as the workspace of a container Action;
    otherwise git's ``safe.directory`` rule applies.
    """
    settings = ("safe.directory=*",) if trust_owner else ()
    if not folder.is_dir():
        raise GitError(f"{folder}: {why_no_folder(folder)}")
    arguments = [
        "rev-parse",
        "--path-format=absolute",
        "--is-bare-repository",
        "--is-shallow-repository",
        "--git-common-dir",
    ]
    code, answer, message = run_git(folder, settings, arguments)
    if code != 0:
        raise GitError(why_not_open(folder, message))
    bare, shallow, common = lines_of(_text(answer))
    is_bare = bare == "true"
    common_dir = Path(common)
    if is_bare:
        root = common_dir
        name = common_dir.name.removesuffix(".git") if common_dir.name != ".git" else common_dir.parent.name
    else:
        code, answer, message = run_git(folder, settings, ["rev-parse", "--show-toplevel"])
        if code != 0:
            raise GitError(
                f"{folder}: this is inside a .git folder: {shown_message(message)}. Name the working tree with --repo."
            )
        root = Path(_text(answer).removesuffix("\n"))
        name = common_dir.parent.name if common_dir.name == ".git" else root.name
    return Repository(
        root=root, name=name or "repository", is_shallow=shallow == "true", is_bare=is_bare, settings=settings
    )


def resolve_commit(repository: Repository, revision: str) -> str:
    """The full name of the commit `revision`. Raises GitError if it is unknown, ambiguous, missing or not a commit."""
    if not revision or "\0" in revision or "\n" in revision:
        raise GitError(f"{revision!r} is not a revision: write a branch, a tag or a commit.")
    arguments = ["rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}"]
    code, answer, message = run_git(repository.root, repository.settings, arguments)
    if "is ambiguous" in message:
        raise GitError(
            f"{revision}: ambiguous: {shown_message(message)}."
            f" Write refs/heads/{revision}, refs/tags/{revision} or more digits."
        )
    if code != 0 and revision.startswith(":/"):
        # All text after ":/" is the pattern of a commit message (gitrevisions(7)), including "^{commit}".
        code, answer, _ = run_git(repository.root, repository.settings, [*arguments[:-1], revision])
    if code == 0:
        return _text(answer).strip()
    raise GitError(
        why_unknown_revision(repository.root, repository.settings, revision, is_shallow=repository.is_shallow)
    )


def merge_base(repository: Repository, base: str, head: str) -> str:
    """The commit where `head` left `base` (both full names). Raises GitError without a common history here."""
    arguments = ["merge-base", "--end-of-options", base, head]
    code, answer, message = run_git(repository.root, repository.settings, arguments)
    if code == 0:
        return _text(answer).split()[0]
    if code != 1:
        raise GitError(f"git merge-base failed: {shown_message(message)}")
    if repository.is_shallow:
        raise GitError(
            f"{base[:12]} and {head[:12]} have no common history in this shallow clone. Fetch more of it: git fetch"
            " --deepen=200 origin (or git fetch --unshallow origin); with actions/checkout set fetch-depth: 0."
        )
    raise GitError(
        f"{base[:12]} and {head[:12]} have no common history."
        " Name a base that head comes from: weighbridge diff BASE HEAD."
    )


def parents(repository: Repository, commit: str) -> tuple[str, ...]:
    """The parents of a commit, in its order, including those that a shallow clone lacks."""
    code, answer, message = run_git(repository.root, repository.settings, ["cat-file", "commit", commit])
    if code != 0:
        raise GitError(f"git cat-file failed for {commit}: {shown_message(message)}")
    header = _text(answer).partition("\n\n")[0]
    return tuple(line.removeprefix("parent ") for line in lines_of(header) if line.startswith("parent "))


def default_branch(repository: Repository) -> str:
    """The likely target branch of changes: origin's default, otherwise main or master. Raises GitError without one."""
    code, answer, _ = run_git(
        repository.root, repository.settings, ["symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"]
    )
    if (
        code == 0
        and answer.strip()
        and has_ref(repository.root, repository.settings, f"refs/remotes/{_text(answer).strip()}")
    ):
        return _text(answer).strip()
    for name in ("origin/main", "origin/master", "main", "master"):
        kind = "remotes" if "/" in name else "heads"
        if has_ref(repository.root, repository.settings, f"refs/{kind}/{name}"):
            return name
    raise GitError(
        f"{repository.root}: no base to compare with: there is no origin/HEAD, main or master."
        " Name it: weighbridge diff BASE."
    )


def list_tree(repository: Repository, commit: str) -> tuple[TreeEntry, ...]:
    """All files, symlinks and submodules of a commit, in git's order."""
    answer = _answer(repository, ["ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit])
    entries = []
    for record in _text(answer).split("\0"):
        if record:
            meta, _, path = record.partition("\t")
            mode, _, sha = meta.split(" ")
            entries.append(TreeEntry(path=path, type=_ENTRY_TYPES.get(mode, EntryType.FILE), sha=sha))
    return tuple(entries)


def changed_tree(entries: Iterable[TreeEntry], changes: Iterable[PathChange]) -> tuple[TreeEntry, ...]:
    """The entries after applying `changes` to `entries`, unordered."""
    found = {entry.path: entry for entry in entries}
    changes = tuple(changes)
    for change in changes:
        if change.status in {PathStatus.REMOVED, PathStatus.RENAMED}:
            del found[change.old_path]
    found |= {change.entry.path: change.entry for change in changes if change.entry is not None}
    return tuple(found.values())


def unignored_paths(folder: Path) -> tuple[str, ...] | None:
    """The files below `folder` that git does not ignore, tracked or new, relative to it.

    ``None`` if `folder` is in no repository.
    """
    code, answer, message = run_git(folder, (), ["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
    if code == 0:
        return tuple(dict.fromkeys(os.fsdecode(path) for path in answer.split(b"\0") if path))
    if "not a git repository" in message or "must be run in a work tree" in message:
        return None
    raise GitError(why_not_open(folder, message))


def has_setting(repository: Repository, name: str) -> bool:
    """True if git's configuration, of the repository or of the machine, has a value for `name`."""
    return run_git(repository.root, repository.settings, ["config", "--get", name])[0] == 0


def diff_trees(repository: Repository, base: str, head: str) -> tuple[PathChange, ...]:
    """The paths that differ between two commits, with git's rename detection."""
    arguments = ["diff-tree", "-r", "-z", "--no-commit-id", "--raw", "--no-abbrev", "-M", "-l1000", "--end-of-options"]
    answer = _answer(repository, [*arguments, base, head])
    changes = []
    fields = iter(answer.split(b"\0"))
    for meta in fields:
        if not meta.startswith(b":"):
            continue
        status = meta.rsplit(b" ", 1)[-1][:1].decode("ascii")
        old = os.fsdecode(next(fields))
        new = os.fsdecode(next(fields)) if status in {"R", "C"} else old
        entry = None
        if status != "D":
            _, mode, _, sha, _ = meta.decode("ascii").split(" ")
            entry = TreeEntry(path=new, type=_ENTRY_TYPES.get(mode, EntryType.FILE), sha=sha)
        changes.append(PathChange(status=_STATUS.get(status, PathStatus.CHANGED), path=new, old_path=old, entry=entry))
    return tuple(changes)


_STATUS = {"A": PathStatus.ADDED, "D": PathStatus.REMOVED, "R": PathStatus.RENAMED, "C": PathStatus.ADDED}


def uncommitted_paths(repository: Repository) -> tuple[str, ...]:
    """The paths of the working tree that differ from the commit: changed, staged, untracked (a folder counts once)."""
    if repository.is_bare:
        return ()
    answer = _answer(
        repository, ["status", "--porcelain=v1", "-z", "--untracked-files=normal", "--ignore-submodules=all"]
    )
    paths = []
    fields = iter(answer.split(b"\0"))
    for record in fields:
        if len(record) > 3:
            paths.append(os.fsdecode(record[3:]))
            if record[:1] in {b"R", b"C"}:
                next(fields, None)
    return tuple(paths)


def read_tree_into(
    repository: Repository, commit: str, *, folder: Path, index: Path, paths: Sequence[str] | None = None
) -> None:
    """Write the files of `commit` into the empty `folder` like a checkout, with a separate index file.

    Applies filters (LFS), line ends and modes. Ignores ``export-ignore`` (for archives only) and the user's sparse
    checkout; writes only existing files and folders of `paths`, if given. A submodule becomes an empty folder, as in a
    checkout without submodules.
    """
    settings = (*repository.settings, "core.sparseCheckout=false", "core.bare=false")
    options = ["--no-sparse-checkout", "--reset"] + (["-u"] if paths is None else [])
    calls = [["read-tree", *options, commit]]
    if paths:
        # `git checkout` without a path in the list would switch the user's own branch.
        listed = index.with_suffix(".paths")
        listed.write_bytes(b"\0".join(os.fsencode(path) for path in paths))
        calls.append(["restore", "--quiet", "--worktree", f"--pathspec-from-file={listed}", "--pathspec-file-nul"])
    for call in calls:
        arguments = [f"--work-tree={folder}", *call]
        code, _, message = run_git(repository.root, settings, arguments, {"GIT_INDEX_FILE": str(index)})
        if code != 0:
            raise GitError(f"cannot check out {commit[:12]}: {shown_message(message)}")


def call_git(repository: Repository, arguments: Sequence[str], *, environment: dict[str, str] | None = None) -> str:
    """The output of a git call that no other function makes. Raises GitError with git's message."""
    code, answer, message = run_git(repository.root, repository.settings, arguments, environment)
    if code != 0:
        raise GitError(f"git {arguments[0]} failed: {shown_message(message)}")
    return _text(answer).removesuffix("\n")


def _answer(repository: Repository, arguments: Sequence[str]) -> bytes:
    code, answer, message = run_git(repository.root, repository.settings, arguments)
    if code != 0:
        raise GitError(f"{repository.root}: git {arguments[0]} failed: {shown_message(message)}")
    return answer


def _text(answer: bytes) -> str:
    return os.fsdecode(answer)
