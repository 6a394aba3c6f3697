"""Reads and writes the size history in the data branch, and records a run on many machines.

The size history never changes the verdict. An error here is a warning.
"""

from __future__ import annotations

import functools
from pathlib import Path

from weighbridge.action.session import Run
from weighbridge.errors import GitError, UsageError
from weighbridge.github.event import BranchEvent, Event, PushEvent
from weighbridge.github.log import ActionLog
from weighbridge.plan.fetch import CommitHistory
from weighbridge.report.model import Report
from weighbridge.run.request import KnownRepository
from weighbridge.run.size_history import record_of_report
from weighbridge.size_history.branch import push_record
from weighbridge.size_history.file import HistoryFile


def known_repository(event: Event, history: CommitHistory) -> KnownRepository:
    """The event's facts about the repository, and the function that resolves its tags."""
    return KnownRepository(
        name=event.repository, is_on_default_branch=is_on_default_branch(event), resolve=history.commit_of
    )


def is_on_default_branch(event: Event) -> bool:
    """True if the weighed commit is a commit of the default branch."""
    match event:
        case PushEvent():
            return event.ref == f"refs/heads/{event.default_branch}"
        case BranchEvent():
            # A schedule runs on the default branch only, and its payload may lack the branch.
            return event.name == "schedule" or event.ref == f"refs/heads/{event.default_branch}"
        case _:
            return False


def fetch_history(history: CommitHistory, branch: str | None, log: ActionLog) -> None:
    """Fetch the data branch, if it exists."""
    if branch is None:
        return
    try:
        history.fetch_branch(branch)
    except GitError as error:
        log.warn(f"The history in the branch {branch} cannot be read: {error}")


def keep_merged(run: Run, history: CommitHistory, report: Report, cache_dir: Path | None) -> None:
    """Record the joined report of a run on many machines in the size history of `cache_dir`."""
    if cache_dir is None or run.inputs.images or not is_on_default_branch(run.event):
        return
    try:
        HistoryFile(cache_dir, run.event.repository).append(record_of_report(report, history.repository))
    except GitError as error:
        run.log.warn(f"The sizes are not recorded in the cache folder: {error}")


def push_history(run: Run, history: CommitHistory, report: Report, branch: str | None) -> None:
    """Push the sizes of this run, if it weighed all images of a commit of the default branch."""
    event = run.event
    is_whole = run.inputs.part is None and not run.inputs.images
    if branch is None or not isinstance(event, PushEvent) or not is_on_default_branch(event) or not is_whole:
        return
    if branch == event.default_branch:
        run.log.warn(
            f"history branch {branch}: that is the default branch. Use a separate branch for the size history."
        )
        return
    try:
        pushed = push_record(
            history.repository,
            branch,
            record_of_report(report, history.repository),
            fetch=functools.partial(history.fetch_branch, branch),
            push=functools.partial(history.push, branch=branch),
        )
    except (GitError, UsageError) as error:
        run.log.warn(f"The history in the branch {branch} cannot be written: {error}")
        return
    if pushed:
        run.log.step(f"The sizes are recorded in the branch {branch}")
    else:
        run.log.warn(f"The history in the branch {branch} cannot be written: other runs pushed first each time.")
