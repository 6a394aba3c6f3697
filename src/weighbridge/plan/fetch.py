"""Fetches commits that a checkout lacks, into a separate repository that borrows the checkout's objects.

The user's repository is never written: the next job could neither update nor remove files that a container fetches as
root into a runner's checkout. Git gets the token through an askpass program and its environment, so the token is in no
argument list, configuration or message.
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
"""The depths at which a merge base is searched, before the whole history is fetched."""

_MOVED_ON = ("[rejected]", "fetch first", "non-fast-forward", "cannot lock ref", "incorrect old value")
"""Git's messages if the remote branch no longer is the parent of the pushed commit."""

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
    for what, value in (("NAME", "weighbridge"), ("EMAIL", "weighbridge@localhost"), ("DATE", "@0 +0000"))
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Remote:
    """A remote to fetch commits from: an http(s) URL without credentials, and the token for it, if there is one."""

    url: str
    token: str | None = field(default=None, repr=False)


class CommitHistory:
    """A repository that can provide any commit of `remote`. All methods raise GitError."""

    def __init__(self, repository: Repository, remote: Remote, *, askpass: Path) -> None:
        self.repository = repository
        self._remote = remote
        self._askpass = askpass

    def has(self, sha: str) -> bool:
        """True if the commit `sha` is present."""
        try:
            return resolve_commit(self.repository, sha) == sha
        except GitError:
            return False

    def need(self, *shas: str) -> None:
        """Fetch the missing commits; in a shallow clone, without their parents."""
        missing = [sha for sha in shas if not self.has(sha)]
        if missing:
            self._fetch(*missing, depth=1 if self.repository.is_shallow else None)

    def commit_of(self, ref: str) -> str:
        """The commit of the remote's `ref` (a branch, a tag, or the full name of either). Fetches it."""
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
        raise GitError(f"{ref}: no such branch or tag at {self._remote.url}.")

    def merge_base(self, base: str, head: str) -> str:
        """The commit where `head` left `base`. Deepens a shallow clone only as far as needed."""
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
        """The first parent of `sha`, fetched; ``None`` for a root commit."""
        names = parents(self.repository, sha)
        if not names:
            return None
        self.need(names[0])
        return names[0]

    def empty_commit(self) -> str:
        """A commit without files, as the base when there is no other."""
        tree = call_git(self.repository, ["mktree"])
        return call_git(self.repository, ["commit-tree", "-m", "nothing", tree], environment=_NOBODY)

    def fetch_branch(self, branch: str) -> str | None:
        """Fetch the tip of the remote's `branch`, as a branch of origin; ``None`` if there is no such branch."""
        name = f"refs/heads/{branch}"
        listed = self._remote_git("ls-remote", "--end-of-options", self._remote.url, name)
        tip = next((sha for sha, _, ref in (line.partition("\t") for line in lines_of(listed)) if ref == name), None)
        if tip is not None:
            self.need(tip)
            call_git(self.repository, ["update-ref", f"refs/remotes/origin/{branch}", tip])
        return tip

    def push(self, commit: str, *, branch: str) -> bool:
        """Push `commit` to the remote's `branch`; false if the branch has other commits and rejects it."""
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
                f"{error} ({self._remote.url}). The token needs the permission `contents: write`."
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
def borrowed_history(workspace: Repository, remote: Remote, *, name: str) -> Iterator[CommitHistory]:
    """A `CommitHistory` over all objects of `workspace`, removed at the end. `name` is the repository's name.

    Raises GitError for a partial clone, because each of its missing files would need a separate request.
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
        yield CommitHistory(
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
    """True if a remote provides missing objects on demand."""
    settings = lines_of(call_git(workspace, ["config", "--list"]))
    return any(line.startswith("remote.") and line.endswith(".promisor=true") for line in settings)
