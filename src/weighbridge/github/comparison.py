"""Chooses base and head from the event that started this run, and from the checked-out commit. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.github.event import BranchEvent, Event, MergeGroupEvent, PullRequestEvent, PushEvent, WorkflowRunEvent


@dataclass(frozen=True, kw_only=True, slots=True)
class CompareCommits:
    """Compare exactly these two commits; `base_sha` may have to be fetched. `why` is a sentence for the log."""

    base_ref: str
    base_sha: str
    head_ref: str
    head_sha: str
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CompareMergeBase:
    """Compare head with its merge base with `base_ref` (at `base_sha`, if known).

    If the merge base is head itself (head is already in the base branch), compare with head's first parent.
    """

    base_ref: str
    base_sha: str | None
    head_ref: str
    head_sha: str
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CompareFirstParent:
    """Compare head with its first parent; a head without parents has no base, and every image is new."""

    head_ref: str
    head_sha: str
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NothingToCompare:
    """There is nothing to weigh. The run succeeds, because a required check must not stay pending."""

    why: str


Comparison = CompareCommits | CompareMergeBase | CompareFirstParent | NothingToCompare


def choose_comparison(event: Event, *, checked_out_sha: str, checked_out_parents: tuple[str, ...]) -> Comparison:
    """Choose the two commits to weigh.

    `checked_out_sha` is the commit in the workspace, `checked_out_parents` the parents in its commit object
    (``git cat-file -p``, which has them in a shallow clone too, unlike ``git rev-list --parents``).
    """
    match event:
        case PullRequestEvent():
            return _compare_pull_request(event, checked_out_sha, checked_out_parents)
        case PushEvent():
            return _compare_push(event)
        case MergeGroupEvent():
            if event.action != "checks_requested":
                return NothingToCompare(why=f"merge group: {event.action}; no checks are requested")
            return CompareCommits(
                base_ref=event.base_ref,
                base_sha=event.base_sha,
                head_ref=event.head_ref,
                head_sha=event.head_sha,
                why="merge queue: the group's head is compared with the commit that it is queued on",
            )
        case BranchEvent():
            return _compare_branch(event.ref, checked_out_sha, event.default_branch, event.name)
        case WorkflowRunEvent():
            return NothingToCompare(why="workflow_run: the report of another run is posted, nothing is built")


def _compare_pull_request(event: PullRequestEvent, sha: str, parents: tuple[str, ...]) -> Comparison:
    if event.closed:
        return NothingToCompare(why=f"pull request #{event.number} is closed")
    if sha != event.head_sha and len(parents) == 2 and parents[1] == event.head_sha:
        # The base branch may have moved since the event; the first parent of the merge commit has not.
        return CompareCommits(
            base_ref=event.base_ref,
            base_sha=parents[0],
            head_ref=f"refs/pull/{event.number}/merge",
            head_sha=sha,
            why="the pull request's merge commit is checked out: compared with its first parent",
        )
    if sha == event.head_sha:
        why = "the pull request's head is checked out: compared with the merge base"
    else:
        why = "neither the pull request's head nor its merge commit is checked out: compared with the merge base"
    return CompareMergeBase(
        base_ref=event.base_ref,
        base_sha=event.base_sha,
        head_ref=event.head_ref,
        head_sha=sha,
        why=why,
    )


def _compare_push(event: PushEvent) -> Comparison:
    if event.after_sha is None:
        return NothingToCompare(why=f"{event.ref} was deleted")
    if event.before_sha is not None:
        return CompareCommits(
            base_ref=event.ref,
            base_sha=event.before_sha,
            head_ref=event.ref,
            head_sha=event.after_sha,
            why="push: compared with the ref's previous commit",
        )
    return _compare_branch(event.ref, event.after_sha, event.default_branch, "first push")


def _compare_branch(ref: str, sha: str, default_branch: str | None, name: str) -> Comparison:
    if default_branch is None or ref == f"refs/heads/{default_branch}":
        return CompareFirstParent(head_ref=ref, head_sha=sha, why=f"{name}: compared with the commit's first parent")
    return CompareMergeBase(
        base_ref=f"refs/heads/{default_branch}",
        base_sha=None,
        head_ref=ref,
        head_sha=sha,
        why=f"{name}: compared with the merge base with {default_branch}",
    )
