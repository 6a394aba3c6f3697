"""Reads the override label: who added it to the pull request, when, and why, from GitHub's records.

The label counts only while it is on the pull request. GitHub decides who may add labels (triage rights at least, so not
the author of a pull request from a fork), with one additional rule: a person must have added it, because bots add
labels by rules (file paths, titles) that the pull request itself can satisfy. The reason is the newest comment by
that person whose first line begins with the label's name: ``weighbridge: allow CUDA needs it until March``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from itertools import islice

from github.PullRequest import PullRequest
from github.Repository import Repository

from weighbridge.github.client import MAXIMUM_LISTED_ITEMS, Calls, GitHubError
from weighbridge.github.plain_text import printable_line, sentence
from weighbridge.report.model import Override

PERMISSION = "pull-requests: read"


@dataclass(frozen=True, kw_only=True, slots=True)
class OverrideOutcome:
    """The override, if any; `refused` says why a label on the pull request does not count."""

    override: Override | None = None
    refused: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Labelled:
    actor: str | None
    is_person: bool
    at: str


def read_override(
    repository: Repository, number: int, *, label: str, calls: Calls, author_may: bool = True
) -> OverrideOutcome:
    """The state of `label` on pull request `number`, and who is responsible for it.

    With `author_may` false, the pull request's own author cannot override. Never raises for GitHub's errors: an
    unreadable label is no override, and adds a warning.
    """
    try:
        return _read(repository, number, label, calls, author_may=author_may)
    except GitHubError as error:
        return OverrideOutcome(warnings=(f"{sentence(error)} The override label does not count.",))


def _read(repository: Repository, number: int, label: str, calls: Calls, *, author_may: bool) -> OverrideOutcome:
    def read_pull() -> tuple[PullRequest, list[str], str | None]:
        pull = repository.get_pull(number)
        return pull, [item.name for item in pull.labels], getattr(pull.user, "login", None)

    pull, labels, author = calls.run(f"read the labels of #{number}", read_pull, permission=PERMISSION)
    if not any(_same(name, label) for name in labels):
        return OverrideOutcome()
    labelled = calls.run(f"read the events of #{number}", lambda: _newest_labelling(pull, label), permission=PERMISSION)
    if labelled is None or labelled.actor is None:
        return OverrideOutcome(refused="GitHub does not record who added it")
    if not labelled.is_person:
        return OverrideOutcome(refused=f"{labelled.actor} is not a person")
    if labelled.actor == author and not author_may:
        return OverrideOutcome(refused=f"{labelled.actor} is the pull request's author")
    warnings: tuple[str, ...] = ()
    reason: str | None = None
    try:
        reason = calls.run(
            f"list the comments on #{number}",
            lambda: _reason(pull, label, labelled.actor),
            permission=PERMISSION,
        )
    except GitHubError as error:
        warnings = (f"{sentence(error)} The override counts, but its reason is unknown.",)
    override = Override(actor=labelled.actor, label=label, at=labelled.at, reason=reason)
    return OverrideOutcome(override=override, warnings=warnings)


def _newest_labelling(pull: PullRequest, label: str) -> _Labelled | None:
    newest: _Labelled | None = None
    for event in islice(pull.get_issue_events(), MAXIMUM_LISTED_ITEMS):  # oldest first
        if event.event != "labeled" or not _same(event.label.name, label):
            continue
        newest = _Labelled(
            actor=getattr(event.actor, "login", None),
            is_person=getattr(event.actor, "type", None) == "User",
            at=event.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
    return newest


def _reason(pull: PullRequest, label: str, actor: str | None) -> str | None:
    bodies = (
        comment.body or ""
        for comment in islice(pull.get_issue_comments(), MAXIMUM_LISTED_ITEMS)
        if getattr(comment.user, "login", None) == actor
    )
    return newest_reason(bodies, label)


def newest_reason(bodies: Iterable[str], label: str) -> str | None:
    """The reason on the first line of the last of `bodies` (oldest first) that begins with `label`."""
    reason: str | None = None
    for body in bodies:
        first = printable_line(body.partition("\n")[0].strip(" \r*`"))
        if _same(first[: len(label)], label) and (rest := first[len(label) :].strip(" :–—-*`")):
            reason = rest
    return reason


def _same(name: str, label: str) -> bool:
    """True if two label names are equal to GitHub, which ignores the case of ASCII letters only.

    `str.casefold` would also match ``ſ`` and ``s``, which GitHub treats as different.
    """
    return _ascii_lower(name) == _ascii_lower(label)


def _ascii_lower(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)
