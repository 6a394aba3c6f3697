"""Maintains the one comment on the pull request: finds it, creates it, edits it in place, removes duplicates.

A comment is ours if its first line has the hidden marker of our key *and* the token's own user wrote it, over all
pages. Posting is best effort: `post_comment` returns a `CommentOutcome` and never raises into the verdict.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from github import Github
from github.IssueComment import IssueComment
from github.PullRequest import PullRequest
from github.Repository import Repository

from weighbridge.github.client import MAXIMUM_LISTED_ITEMS, CallFailure, Calls, GitHubError
from weighbridge.github.identity import own_login
from weighbridge.github.plain_text import first_line, sentence
from weighbridge.report.markdown import MAXIMUM_COMMENT_CHARACTERS, comment_marker

PERMISSION = "pull-requests: write"

_STARTED = re.compile(r"\n\n<!-- weighbridge:started:(?P<started>[0-9]{1,15}) -->\Z")
"""The end of a comment: the start time of the run that wrote it."""
STAMP_CHARACTERS = 64
"""Maximum text that `post_comment` adds to a body: the start time of its run."""
_ROUNDS = 3
"""Maximum rounds after a race with another run. Each round ends with a correct comment."""


class CommentMode(enum.StrEnum):
    """When to comment. An existing comment is updated in every mode except `NEVER`."""

    ALWAYS = "always"
    CHANGES = "changes"
    FAILURES = "failures"
    NEVER = "never"


class CommentAction(enum.Enum):
    """What happened to the comment."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    STALE = "stale"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class CommentOutcome:
    """What happened to the comment, its address, and the problems on the way. `reason` explains the action.

    `is_forbidden` means that the token may not comment: another attempt in the same run would be refused too.
    """

    action: CommentAction
    url: str | None = None
    reason: str | None = None
    warnings: tuple[str, ...] = ()
    is_forbidden: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class CommentRequest:
    """The comment to post: its `head_sha`, and the facts of the report that `mode` depends on.

    `render` makes the Markdown; its argument is the body of the comment that it replaces, ``None`` without one.

    `started_ms` is the start of the run, in ms of Unix time. A comment of a run that started later is not edited.
    """

    render: Callable[[str | None], str]
    key: str
    head_sha: str
    mode: CommentMode = CommentMode.ALWAYS
    has_changes: bool = True
    has_failures: bool = False
    hide_when_resolved: bool = False
    started_ms: int | None = None


def post_comment(
    client: Github, repository: Repository, number: int, request: CommentRequest, *, calls: Calls
) -> CommentOutcome:
    """Update the comment on pull request `number`; returns what happened to it.

    Never raises for GitHub's errors. Raises UsageError for an invalid key.
    """
    poster = _Poster(client, repository, number, request=request, calls=calls)
    if request.mode is CommentMode.NEVER:
        return CommentOutcome(action=CommentAction.SKIPPED, reason="comment mode is never")
    try:
        return poster.post()
    except _TooLongError as error:
        reason = str(error)
        return CommentOutcome(action=CommentAction.FAILED, reason=reason, warnings=(f"Could not comment: {reason}",))
    except GitHubError as error:
        return CommentOutcome(
            action=CommentAction.FAILED,
            reason=str(error),
            warnings=(*poster.warnings, sentence(error)),
            is_forbidden=error.failure is CallFailure.FORBIDDEN,
        )


class _TooLongError(Exception):
    """The comment is longer than GitHub allows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Comment:
    """One comment, read completely during the call: PyGithub fetches missing fields on access, without the policy."""

    id: int
    body: str
    url: str
    handle: IssueComment


class _Poster:
    """Posts one comment; holds the inputs of all its steps."""

    def __init__(
        self, client: Github, repository: Repository, number: int, *, request: CommentRequest, calls: Calls
    ) -> None:
        self._client = client
        self._repository = repository
        self._number = number
        self._request = request
        self._marker = comment_marker(request.key)
        self._calls = calls
        self._own: str | None = None
        self.warnings: list[str] = []

    def post(self) -> CommentOutcome:
        pull, head_sha = self._pull()
        if head_sha != self._request.head_sha:
            return self._stale(head_sha)
        ours = self._ours(pull)
        if not ours and not self._is_due():
            return CommentOutcome(
                action=CommentAction.SKIPPED, reason=f"nothing to say in comment mode {self._request.mode}"
            )
        action = CommentAction.UNCHANGED
        for _ in range(_ROUNDS):
            body = self._rendered(ours[0].body if ours else None)
            if not ours:
                self._create(pull, body)
                action = CommentAction.CREATED
            elif self._is_of_a_later_run(ours[0]):
                return self._later()
            elif _without_stamp(ours[0].body) != _without_stamp(body):
                self._edit(pull, ours[0], body)
                action = CommentAction.UPDATED if action is CommentAction.UNCHANGED else action
            else:
                break
            # Another run may have written since the listing: list again, and keep the oldest comment.
            pull, head_sha = self._pull()
            if head_sha != self._request.head_sha:
                return self._stale(head_sha)
            ours = self._ours(pull)
        for duplicate in ours[1:]:
            self._delete(duplicate)
        if ours:
            self._show_or_hide(ours[0])
        return CommentOutcome(
            action=action,
            url=ours[0].url if ours else None,
            warnings=tuple(self.warnings),
        )

    def _rendered(self, replaced: str | None) -> str:
        """The complete body: the marker, the report, and the start time of the run."""
        body = _normal(self._request.render(replaced))
        if body.partition("\n")[0] != self._marker:
            body = f"{self._marker}\n{body}"
        if self._request.started_ms is not None:
            body = f"{body}\n\n<!-- weighbridge:started:{self._request.started_ms} -->"
        if len(body) > MAXIMUM_COMMENT_CHARACTERS:
            raise _TooLongError(
                f"the comment has {len(body)} characters, GitHub's limit is {MAXIMUM_COMMENT_CHARACTERS}."
            )
        return body

    def _is_due(self) -> bool:
        match self._request.mode:
            case CommentMode.ALWAYS:
                return True
            case CommentMode.CHANGES:
                return self._request.has_changes or self._request.has_failures
            case CommentMode.FAILURES:
                return self._request.has_failures
            case CommentMode.NEVER:
                return False

    def _stale(self, head_sha: str) -> CommentOutcome:
        return CommentOutcome(
            action=CommentAction.STALE,
            reason=f"the pull request's head is {head_sha[:12]} now, this run weighed {self._request.head_sha[:12]}; "
            "the newer run comments",
            warnings=tuple(self.warnings),
        )

    def _is_of_a_later_run(self, comment: _Comment) -> bool:
        """True for a comment of a run that started after this one, for the same head."""
        found, started_ms = _STARTED.search(comment.body), self._request.started_ms
        return found is not None and started_ms is not None and int(found["started"]) > started_ms

    def _later(self) -> CommentOutcome:
        return CommentOutcome(
            action=CommentAction.STALE,
            reason="a run that started later has commented",
            warnings=tuple(self.warnings),
        )

    def _pull(self) -> tuple[PullRequest, str]:
        def read() -> tuple[PullRequest, str]:
            pull = self._repository.get_pull(self._number)
            return pull, pull.head.sha

        return self._calls.run(f"read pull request #{self._number}", read, permission="pull-requests: read")

    def _ours(self, pull: PullRequest) -> list[_Comment]:
        """Our comments, oldest first."""

        def read() -> list[tuple[str | None, _Comment]]:
            return [
                (
                    getattr(comment.user, "login", None),
                    _Comment(id=comment.id, body=_normal(comment.body), url=comment.html_url, handle=comment),
                )
                for comment in islice(pull.get_issue_comments(), MAXIMUM_LISTED_ITEMS)
                if first_line(comment.body) == self._marker
            ]

        marked = self._calls.run(f"list the comments on #{self._number}", read, permission="pull-requests: read")
        if marked and self._own is None:
            self._own = own_login(self._client, self._calls)
        return sorted((comment for login, comment in marked if login == self._own), key=lambda comment: comment.id)

    def _create(self, pull: PullRequest, body: str) -> None:
        self._calls.create(
            f"comment on #{self._number}",
            lambda: pull.create_issue_comment(body),
            already_done=lambda: bool(self._ours(pull)),
            permission=PERMISSION,
        )

    def _edit(self, pull: PullRequest, comment: _Comment, body: str) -> None:
        try:
            self._calls.run(
                f"edit the comment on #{self._number}",
                lambda: comment.handle.edit(body),
                permission=PERMISSION,
            )
        except GitHubError as error:
            # 404 has two meanings. Deleted since the listing, by a person or by another run: the next round handles it.
            # Still there: the token may not write, which must not count as a success.
            if error.failure is not CallFailure.NOT_FOUND or any(it.id == comment.id for it in self._ours(pull)):
                raise

    def _delete(self, comment: _Comment) -> None:
        try:
            self._calls.run(
                f"delete a duplicate comment on #{self._number}", comment.handle.delete, permission=PERMISSION
            )
        except GitHubError as error:
            if error.failure is not CallFailure.NOT_FOUND:  # otherwise the other run was faster
                self.warnings.append(sentence(error))

    def _show_or_hide(self, comment: _Comment) -> None:
        """Hide the comment as resolved if it no longer reports a failure; show it again if it does."""
        if not self._request.hide_when_resolved:
            return

        def show_or_hide() -> None:
            hidden = comment.handle.raw_data.get("minimized") is not None
            if self._request.has_failures and hidden:
                comment.handle.unminimize()
            elif not self._request.has_failures and not hidden:
                comment.handle.minimize("RESOLVED")

        try:
            self._calls.run(f"hide or show the comment on #{self._number}", show_or_hide, permission=PERMISSION)
        except GitHubError as error:
            self.warnings.append(sentence(error))


def _without_stamp(body: str) -> str:
    """A body without the time of its run: a run without changes must not edit the comment."""
    return _STARTED.sub("", body)


def _normal(body: str | None) -> str:
    """A body as GitHub returns it: line ends may be CRLF, trailing space is removed."""
    return (body or "").replace("\r\n", "\n").rstrip()
