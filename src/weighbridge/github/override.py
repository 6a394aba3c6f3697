"""The override label: who put it on the pull request, when, and why, as GitHub recorded it.

The label counts only while it is on the pull request. Who may label is GitHub's to decide (triage rights at least, so
not the author of a pull request from a fork), with one rule on top: it must have been a person, because bots put labels
on by rules (file paths, titles) that the pull request itself can satisfy. The reason is the newest comment by that
same person whose first line begins with the label's name: ``weighbridge: allow CUDA needs it until March``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from itertools import islice

from github.PullRequest import PullRequest
from github.Repository import Repository

from weighbridge.github.client import MAXIMUM_LISTED_ITEMS, Calls, GitHubError
from weighbridge.github.plain_text import one_line, sentence
from weighbridge.report.model import Override

PERMISSION = "pull-requests: read"


@dataclass(frozen=True, kw_only=True, slots=True)
class OverrideOutcome:
    """The override, if there is one; otherwise, if the label is there but does not count, `refused` says why."""

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
    """Whether pull request `number` carries `label` now, and who is responsible for it.

    With `author_may` false the pull request's own author cannot override. Never raises for what GitHub does: what
    cannot be read is no override, and a warning.
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
        return OverrideOutcome(refused="GitHub does not say who put it on")
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
        warnings = (f"{sentence(error)} The override counts, its reason is not known.",)
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
    """What the last of `bodies` (oldest first) that begins with `label` gives as reason, on its first line."""
    reason: str | None = None
    for body in bodies:
        first = one_line(body.partition("\n")[0].strip(" \r*`"))
        if _same(first[: len(label)], label) and (rest := first[len(label) :].strip(" :–—-*`")):
            reason = rest
    return reason


def _same(name: str, label: str) -> bool:
    """Label names differ by more than the case of ASCII letters: GitHub refuses a second one that does not.

    `str.casefold` would also take ``ſ`` for ``s``, and GitHub lets both names be.
    """
    return _ascii_lower(name) == _ascii_lower(label)


def _ascii_lower(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)
