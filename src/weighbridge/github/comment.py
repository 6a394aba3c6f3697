"""The one comment on the pull request: found, created, edited in place, freed of duplicates.

Ours is what carries the hidden marker of our key on its first line *and* was written by the token's own user, over all
pages. Posting is best effort: `post_comment` answers with a `CommentOutcome` and never raises into the verdict.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, replace
from itertools import islice

from github import Github
from github.IssueComment import IssueComment
from github.PullRequest import PullRequest
from github.Repository import Repository

from weighbridge.github.client import MAXIMUM_LISTED_ITEMS, CallFailure, Calls, GitHubError
from weighbridge.github.identity import own_login
from weighbridge.github.plain_text import sentence
from weighbridge.report.markdown import MAXIMUM_COMMENT_CHARACTERS, comment_marker

PERMISSION = "pull-requests: write"

_STARTED = re.compile(r"\n\n<!-- weighbridge:started:(?P<started>[0-9]{1,15}) -->\Z")
"""The end of a comment: when the run that wrote it started."""
STAMP_CHARACTERS = 64
"""What `post_comment` may add to a body: the time of its run."""
_ROUNDS = 3
"""How often a run that raced with another looks again. Each round ends with a right comment; none waits for ever."""


class CommentMode(enum.StrEnum):
    """When to comment. A comment that is already there is brought up to date in every mode but `NEVER`."""

    ALWAYS = "always"
    CHANGES = "changes"
    FAILURES = "failures"
    NEVER = "never"


class CommentAction(enum.Enum):
    """What became of the comment."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    STALE = "stale"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class CommentOutcome:
    """What became of the comment, where it is, and what went wrong on the way. `reason` says why it is so.

    `is_forbidden` means that the token may not comment: another try in the same run is refused too.
    """

    action: CommentAction
    url: str | None = None
    reason: str | None = None
    duplicates_removed: int = 0
    warnings: tuple[str, ...] = ()
    is_forbidden: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class CommentRequest:
    """What to post: the Markdown `body`, for which `head_sha`, and what the report says for the `mode` to go by.

    `started_ms` is when the run started, in ms of Unix time. A comment of a run that started later is not edited.
    """

    body: str
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
    """Bring the comment on pull request `number` up to date; what became of it.

    Never raises for anything that GitHub does. Raises UsageError for a key that is no key.
    """
    marker = comment_marker(request.key)
    body = _normal(request.body)
    if body.partition("\n")[0] != marker:
        body = f"{marker}\n{body}"
    if request.started_ms is not None:
        body = f"{body}\n\n<!-- weighbridge:started:{request.started_ms} -->"
    if request.mode is CommentMode.NEVER:
        return CommentOutcome(action=CommentAction.SKIPPED, reason="comment mode is never")
    if len(body) > MAXIMUM_COMMENT_CHARACTERS:
        reason = f"the comment has {len(body)} characters, GitHub takes {MAXIMUM_COMMENT_CHARACTERS}."
        return CommentOutcome(action=CommentAction.FAILED, reason=reason, warnings=(f"Could not comment: {reason}",))
    poster = _Poster(client, repository, number, request=replace(request, body=body), calls=calls)
    try:
        return poster.post()
    except GitHubError as error:
        return CommentOutcome(
            action=CommentAction.FAILED,
            reason=str(error),
            warnings=(*poster.warnings, sentence(error)),
            is_forbidden=error.failure is CallFailure.FORBIDDEN,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Comment:
    """One comment, read whole while the call ran: PyGithub fetches what is missing on access, outside any policy."""

    id: int
    body: str
    url: str
    handle: IssueComment


class _Poster:
    """One posting: what is the same for all its steps."""

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
        self._removed = 0
        self.warnings: list[str] = []

    def post(self) -> CommentOutcome:
        pull, head_sha = self._pull()
        if head_sha != self._request.head_sha:
            return self._stale(head_sha)
        ours = self._ours(pull)
        if not ours and not self._wanted():
            return CommentOutcome(
                action=CommentAction.SKIPPED, reason=f"nothing to say in comment mode {self._request.mode}"
            )
        action = CommentAction.UNCHANGED
        for _ in range(_ROUNDS):
            if not ours:
                self._create(pull)
                action = CommentAction.CREATED
            elif self._is_of_a_later_run(ours[0]):
                return self._later()
            elif _without_stamp(ours[0].body) != _without_stamp(self._request.body):
                self._edit(pull, ours[0])
                action = CommentAction.UPDATED if action is CommentAction.UNCHANGED else action
            else:
                break
            # Another run may have written since we listed: look again, and settle on the oldest.
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
            duplicates_removed=self._removed,
            warnings=tuple(self.warnings),
        )

    def _wanted(self) -> bool:
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
        """True for a comment that a run wrote which started after this one: both are for the same head."""
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
        """Our comments, the oldest first."""

        def read() -> list[tuple[str | None, _Comment]]:
            return [
                (
                    getattr(comment.user, "login", None),
                    _Comment(id=comment.id, body=_normal(comment.body), url=comment.html_url, handle=comment),
                )
                for comment in islice(pull.get_issue_comments(), MAXIMUM_LISTED_ITEMS)
                if _first_line(comment.body) == self._marker
            ]

        marked = self._calls.run(f"list the comments on #{self._number}", read, permission="pull-requests: read")
        if marked and self._own is None:
            self._own = own_login(self._client, self._calls)
        return sorted((comment for login, comment in marked if login == self._own), key=lambda comment: comment.id)

    def _create(self, pull: PullRequest) -> None:
        self._calls.create(
            f"comment on #{self._number}",
            lambda: pull.create_issue_comment(self._request.body),
            already_done=lambda: bool(self._ours(pull)),
            permission=PERMISSION,
        )

    def _edit(self, pull: PullRequest, comment: _Comment) -> None:
        try:
            self._calls.run(
                f"edit the comment on #{self._number}",
                lambda: comment.handle.edit(self._request.body),
                permission=PERMISSION,
            )
        except GitHubError as error:
            # 404 has two meanings. Deleted since we listed it, by a person or by another run: the next round copes.
            # Still there: the token may not write, which must not pass for a success.
            if error.failure is not CallFailure.NOT_FOUND or any(it.id == comment.id for it in self._ours(pull)):
                raise

    def _delete(self, comment: _Comment) -> None:
        try:
            self._calls.run(
                f"delete a duplicate comment on #{self._number}", comment.handle.delete, permission=PERMISSION
            )
            self._removed += 1
        except GitHubError as error:
            if error.failure is not CallFailure.NOT_FOUND:  # else the run we raced with was faster
                self.warnings.append(sentence(error))

    def _show_or_hide(self, comment: _Comment) -> None:
        """Hide as resolved what no longer reports a failure; show again what does."""
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
    """A body without the time of its run, so that a run with nothing new does not edit the comment."""
    return _STARTED.sub("", body)


def _first_line(body: str | None) -> str:
    return (body or "").partition("\n")[0].rstrip()


def _normal(body: str | None) -> str:
    """A body as GitHub gives it back: line ends may have become CRLF, space at the end is gone."""
    return (body or "").replace("\r\n", "\n").rstrip()
