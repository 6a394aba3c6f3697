"""The history that a checkout lacks, fetched into a repository of our own that borrows the checkout's objects.

The user's repository is read and never written: what a container fetches as root into a runner's checkout, the next
job's checkout could neither update nor remove. The token goes to git through an askpass program and its environment, so
that it stands in no argument list, no configuration and no message.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from weighbridge.domain.lines import lines_of
from weighbridge.errors import GitError
from weighbridge.plan.git import Repository, call_git, merge_base, open_repository, parents, resolve_commit

_DEPTHS = (50, 500, 5_000)
"""How far back a merge base is looked for, step by step, before the whole history is fetched."""

_MOVED_ON = ("[rejected]", "fetch first", "non-fast-forward", "cannot lock ref", "incorrect old value")
"""What git says where a branch is no longer what the pushed commit follows."""

_ASKPASS = """#!/bin/sh
case "$1" in
Username*) echo x-access-token ;;
*) printf '%s\\n' "$WEIGHBRIDGE_GIT_TOKEN" ;;
esac
"""
_SETTINGS = (
    "credential.helper=",
    "protocol.allow=never",
    "protocol.http.allow=always",
    "protocol.https.allow=always",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
)
_NOBODY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "weighbridge"), ("EMAIL", "weighbridge@localhost"), ("DATE", "0 +0000"))
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Remote:
    """Where commits can be fetched: an http(s) URL without credentials in it, and the token for it, if there is one."""

    url: str
    token: str | None = field(default=None, repr=False)


class History:
    """A repository in which any commit of `remote` can be had. All methods raise GitError."""

    def __init__(self, repository: Repository, remote: Remote, *, askpass: Path) -> None:
        self.repository = repository
        self._remote = remote
        self._askpass = askpass

    def has(self, sha: str) -> bool:
        """True where the commit `sha` is here."""
        try:
            return resolve_commit(self.repository, sha) == sha
        except GitError:
            return False

    def need(self, *shas: str) -> None:
        """Fetch those of the commits that are not here, and in a shallow clone nothing of what is behind them."""
        missing = [sha for sha in shas if not self.has(sha)]
        if missing:
            self._fetch(*missing, depth=1 if self.repository.is_shallow else None)

    def commit_of(self, ref: str) -> str:
        """The commit that the remote's `ref` (a branch, a tag, or the full name of either) points at, fetched."""
        if len(ref) in {40, 64} and all(letter in "0123456789abcdef" for letter in ref):
            self.need(ref)
            return ref
        names = [ref] if ref.startswith("refs/") else [f"refs/heads/{ref}", f"refs/tags/{ref}"]
        listed = self._remote_git(
            "ls-remote", "--end-of-options", self._remote.url, *names, *(f"{it}^{{}}" for it in names)
        )
        found = {name: sha for sha, _, name in (line.partition("\t") for line in lines_of(listed))}
        for name in names:
            sha = found.get(f"{name}^{{}}") or found.get(name)
            if sha is not None:
                self.need(sha)
                return sha
        raise GitError(f"{ref}: there is no such branch or tag at {self._remote.url}.")

    def merge_base(self, base: str, head: str) -> str:
        """Where `head` left `base`; of a shallow clone's history as much is fetched as it takes to find out."""
        self.need(base, head)
        for depth in (*_DEPTHS, None):
            try:
                return merge_base(self.repository, base, head)
            except GitError:
                if not self.repository.is_shallow:
                    raise
            self._fetch(base, head, depth=depth, whole=depth is None)
        return merge_base(self.repository, base, head)

    def first_parent(self, sha: str) -> str | None:
        """The first parent of `sha`, fetched; ``None`` for a commit without one."""
        names = parents(self.repository, sha)
        if not names:
            return None
        self.need(names[0])
        return names[0]

    def empty_commit(self) -> str:
        """A commit without a file, for what has nothing to be compared with."""
        tree = call_git(self.repository, ["mktree"])
        return call_git(self.repository, ["commit-tree", "-m", "nothing", tree], environment=_NOBODY)

    def fetch_branch(self, branch: str) -> str | None:
        """The tip of the remote's `branch`, fetched, and known here as origin's; ``None`` where there is no such."""
        name = f"refs/heads/{branch}"
        listed = self._remote_git("ls-remote", "--end-of-options", self._remote.url, name)
        tip = next((sha for sha, _, ref in (line.partition("\t") for line in lines_of(listed)) if ref == name), None)
        if tip is not None:
            self.need(tip)
            call_git(self.repository, ["update-ref", f"refs/remotes/origin/{branch}", tip])
        return tip

    def push(self, commit: str, *, branch: str) -> bool:
        """Put `commit` at the end of the remote's `branch`; false where that has moved on and does not take it."""
        target = f"{commit}:refs/heads/{branch}"
        try:
            call_git(
                self.repository,
                ["push", "--quiet", "--no-verify", "--end-of-options", self._remote.url, target],
                environment=self._credentials(),
            )
        except GitError as error:
            if any(sign in str(error) for sign in _MOVED_ON):
                return False
            raise GitError(
                f"{error} ({self._remote.url}). The token needs the permission `contents: write` for it."
            ) from error
        return True

    def _credentials(self) -> dict[str, str]:
        return {"GIT_ASKPASS": str(self._askpass), "WEIGHBRIDGE_GIT_TOKEN": self._remote.token or ""}

    def _fetch(self, *shas: str, depth: int | None, whole: bool = False) -> None:
        bounds = ["--unshallow"] if whole else [f"--depth={depth}"] if depth is not None else []
        self._remote_git(
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            *bounds,
            "--end-of-options",
            self._remote.url,
            *shas,
        )

    def _remote_git(self, *arguments: str) -> str:
        try:
            return call_git(self.repository, arguments, environment=self._credentials())
        except GitError as error:
            raise GitError(
                f"{error} ({self._remote.url}). Let actions/checkout fetch it (fetch-depth: 0), or give the action a "
                "token with the permission `contents: read`."
            ) from error


@contextmanager
def borrowed_history(workspace: Repository, remote: Remote, *, name: str) -> Iterator[History]:
    """A `History` over everything that `workspace` has; gone at the end. `name` is what the repository is called.

    Raises GitError for a partial clone, whose missing files would each have to be asked for.
    """
    if _is_partial(workspace):
        raise GitError(
            f"{workspace.root}: this is a partial clone, which lacks files of older commits. Leave out `filter` and "
            "`sparse-checkout` of actions/checkout."
        )
    with tempfile.TemporaryDirectory(prefix="weighbridge-git-") as folder:
        root = Path(folder) / f"{name}.git"
        object_format = call_git(workspace, ["rev-parse", "--show-object-format"])
        objects, shallow = (
            Path(call_git(workspace, ["rev-parse", "--path-format=absolute", "--git-path", part]))
            for part in ("objects", "shallow")
        )
        call_git(workspace, ["init", "--quiet", "--bare", "--template=", f"--object-format={object_format}", str(root)])
        (root / "objects/info").mkdir(exist_ok=True)
        (root / "objects/info/alternates").write_text(f"{objects}\n", encoding="utf-8", errors="surrogateescape")
        if shallow.is_file():
            shutil.copyfile(shallow, root / "shallow")
        askpass = Path(folder) / "askpass"
        askpass.write_text(_ASKPASS, encoding="ascii")
        askpass.chmod(0o700)
        opened = open_repository(root)
        yield History(
            Repository(
                root=opened.root,
                name=name,
                is_shallow=opened.is_shallow,
                is_bare=True,
                settings=(*opened.settings, *_SETTINGS),
            ),
            remote,
            askpass=askpass,
        )


def _is_partial(workspace: Repository) -> bool:
    """Whether a remote promised to give missing objects on demand."""
    settings = lines_of(call_git(workspace, ["config", "--list"]))
    return any(line.startswith("remote.") and line.endswith(".promisor=true") for line in settings)
