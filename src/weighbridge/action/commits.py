"""Finds the two commits of a run and fetches them into a private repository."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import assert_never
from urllib.parse import urlsplit

from weighbridge.action.inputs import Inputs
from weighbridge.domain.result.revision import Revision
from weighbridge.errors import UsageError
from weighbridge.github.comparison import CompareCommits, CompareFirstParent, CompareMergeBase
from weighbridge.github.event import Event
from weighbridge.plan.fetch import CommitHistory, Remote, borrowed_history
from weighbridge.plan.git import Repository


@dataclass(frozen=True, kw_only=True, slots=True)
class Sides:
    """The two commits to compare. Without a base, `base` has no SHA and `base_sha` has no files.

    `rules_sha` is the commit whose configuration decides what may pass. Where base is a merge base, it is the tip of
    the base branch, because the author of a branch chooses where it begins: possibly before a limit was set.
    """

    base: Revision
    base_sha: str
    rules_sha: str
    head: Revision
    head_sha: str


def open_history(
    workspace: Repository, inputs: Inputs, event: Event, environment: Mapping[str, str]
) -> AbstractContextManager[CommitHistory]:
    """Opens the checkout's commits, with the server for missing ones.

    Raises GitError, and UsageError for a bad server.
    """
    server = environment.get("GITHUB_SERVER_URL") or "https://github.com"
    parts = urlsplit(server)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise UsageError("GITHUB_SERVER_URL is not the address of a GitHub server.")
    remote = Remote(url=f"{server.rstrip('/')}/{event.repository}.git", token=inputs.token or None)
    return borrowed_history(workspace, remote, name=event.repository.rpartition("/")[2])


def pinned_sides(history: CommitHistory, comparison: CompareCommits | CompareMergeBase | CompareFirstParent) -> Sides:
    """The two commits. Fetches missing ones."""
    history.need(comparison.head_sha)
    head = Revision(ref=comparison.head_ref, sha=comparison.head_sha)
    base_ref: str
    base_sha: str | None
    rules_sha: str | None = None
    match comparison:
        case CompareCommits():
            history.need(comparison.base_sha)
            base_ref, base_sha = comparison.base_ref, comparison.base_sha
        case CompareMergeBase():
            base_ref = comparison.base_ref
            tip = comparison.base_sha or history.commit_of(comparison.base_ref)
            base_sha = history.merge_base(tip, comparison.head_sha)
            rules_sha = tip
            if base_sha == comparison.head_sha:
                # Head is already merged into the base branch, so its changes are the changes to its parent.
                base_sha = history.first_parent(comparison.head_sha)
        case CompareFirstParent():
            base_ref, base_sha = f"{comparison.head_ref}~1", history.first_parent(comparison.head_sha)
        case _:
            assert_never(comparison)
    if base_sha is None:
        base, base_sha = Revision(ref="nothing"), history.empty_commit()
    else:
        base = Revision(ref=base_ref, sha=base_sha)
    return Sides(base=base, base_sha=base_sha, rules_sha=rules_sha or base_sha, head=head, head_sha=comparison.head_sha)
