"""Posts suggested changes: review comments with a suggestion block, on lines that the pull request touches.

Each has a hidden marker with a hash of its content, so that no suggestion is posted twice. A suggestion that no longer
applies is removed, unless somebody replied to it. Optional and best effort.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import msgspec
from github import Github
from github.PullRequest import PullRequest
from github.Repository import Repository

from weighbridge.github.client import MAXIMUM_LISTED_ITEMS, CallFailure, Calls, GitHubError, read_pages
from weighbridge.github.diff_lines import NewSide, lines_match, new_sides
from weighbridge.github.identity import own_login
from weighbridge.github.plain_text import first_line, sentence
from weighbridge.report.markdown import comment_marker

DEFAULT_MAXIMUM_SUGGESTIONS = 5
MAXIMUM_SUGGESTION_CHARACTERS = 16_384
PERMISSION = "pull-requests: write"


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """Replace the lines `replaced` at `start_line` (from 1) of `path` by `replacement`.

    Skipped if the pull request's diff has other lines there: the weighed commit may be a merge commit, whose file
    differs from head's. `explanation` is escaped Markdown; `replacement` is raw text without a final line end.
    """

    path: str
    start_line: int
    replaced: tuple[str, ...]
    replacement: str
    explanation: str

    @property
    def end_line(self) -> int:
        """The last replaced line."""
        return self.start_line + len(self.replaced) - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class SuggestionOutcome:
    """What happened to the suggestions. `not_in_diff` counts those whose lines are not in the diff."""

    posted: int = 0
    kept: int = 0
    removed: int = 0
    not_in_diff: int = 0
    over_maximum: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Posted:
    id: int
    marker: str
    login: str | None
    outdated: bool
    answered: bool


class _User(msgspec.Struct):
    login: str


class _ReviewComment(msgspec.Struct):
    id: int
    body: str | None = None
    user: _User | None = None
    line: int | None = None
    in_reply_to_id: int | None = None


def suggestion_marker(key: str, suggestion: Suggestion) -> str:
    """The hidden first line: our key, and a hash of the suggestion's place and content.

    The hash excludes line numbers, because GitHub moves a comment along with its lines.
    """
    content = "\0".join((suggestion.path, str(len(suggestion.replaced)), suggestion.replacement))
    digest = hashlib.sha256(content.encode("utf-8", errors="replace")).hexdigest()[:24]
    return f"{comment_marker(key)[: -len(' -->')]}:suggestion:{digest} -->"


def suggestion_body(key: str, suggestion: Suggestion) -> str:
    """The Markdown of the review comment. The fence is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", suggestion.replacement)), default=0)
    fence = "`" * max(3, longest + 1)
    text = f"{suggestion.replacement}\n" if suggestion.replacement else ""
    marker = suggestion_marker(key, suggestion)
    return f"{marker}\n{suggestion.explanation.strip()}\n\n{fence}suggestion\n{text}{fence}"


def sync_suggestions(
    client: Github,
    repository: Repository,
    number: int,
    suggestions: Sequence[Suggestion],
    *,
    key: str,
    head_sha: str,
    calls: Calls,
    maximum: int = DEFAULT_MAXIMUM_SUGGESTIONS,
) -> SuggestionOutcome:
    """Make our review comments on pull request `number` equal to the first `maximum` of `suggestions`.

    Does nothing if the pull request's head is no longer `head_sha`. Never raises for GitHub's errors.
    """
    prefix = f"{comment_marker(key)[: -len(' -->')]}:suggestion:"
    try:
        pull, current_sha = calls.run(
            f"read pull request #{number}", lambda: _pull(repository, number), permission="pull-requests: read"
        )
        if current_sha != head_sha:
            return SuggestionOutcome(warnings=(f"No suggestions: #{number} has a newer head than was weighed.",))
        ours = _ours(client, pull, prefix, calls)
        if not suggestions and not ours:
            return SuggestionOutcome()
        sides = calls.run(
            f"read the diff of #{number}", lambda: _new_sides(pull, suggestions), permission="pull-requests: read"
        )
    except GitHubError as error:
        return SuggestionOutcome(warnings=(sentence(error),))
    fitting = [
        suggestion
        for suggestion in _unique(key, suggestions)
        if lines_match(sides.get(suggestion.path, ()), suggestion.start_line, suggestion.replaced)
        and len(suggestion_body(key, suggestion)) <= MAXIMUM_SUGGESTION_CHARACTERS
    ]
    return _bring_up_to_date(pull, ours, fitting[:maximum], key=key, head_sha=head_sha, calls=calls).with_counts(
        not_in_diff=len(suggestions) - len(fitting), over_maximum=max(0, len(fitting) - maximum)
    )


@dataclass(kw_only=True, slots=True)
class _Tally:
    posted: int = 0
    kept: int = 0
    removed: int = 0
    warnings: list[str]

    def with_counts(self, *, not_in_diff: int, over_maximum: int) -> SuggestionOutcome:
        return SuggestionOutcome(
            posted=self.posted,
            kept=self.kept,
            removed=self.removed,
            not_in_diff=not_in_diff,
            over_maximum=over_maximum,
            warnings=tuple(self.warnings),
        )


def _bring_up_to_date(
    pull: PullRequest, ours: list[_Posted], wanted: list[Suggestion], *, key: str, head_sha: str, calls: Calls
) -> _Tally:
    tally = _Tally(warnings=[])
    wanted_markers = {suggestion_marker(key, suggestion) for suggestion in wanted}
    present: set[str] = set()
    for posted in ours:
        if posted.marker in wanted_markers and posted.marker not in present and not posted.outdated:
            present.add(posted.marker)
            tally.kept += 1
        elif not posted.answered:
            _remove(pull, posted, calls, tally)
    for suggestion in wanted:
        if suggestion_marker(key, suggestion) not in present and not _post(
            pull, suggestion, key=key, head_sha=head_sha, calls=calls, tally=tally
        ):
            break  # the next one would be refused for the same reason
    return tally


def _post(pull: PullRequest, suggestion: Suggestion, *, key: str, head_sha: str, calls: Calls, tally: _Tally) -> bool:
    several = {"start_line": suggestion.start_line, "start_side": "RIGHT"}
    marker = suggestion_marker(key, suggestion)
    try:
        calls.create(
            f"suggest a change to {suggestion.path}",
            lambda: pull.create_review_comment(
                body=suggestion_body(key, suggestion),
                commit=head_sha,
                path=suggestion.path,
                line=suggestion.end_line,
                side="RIGHT",
                **(several if suggestion.end_line > suggestion.start_line else {}),  # type: ignore[arg-type]
            ),
            already_done=lambda: any(item.marker == marker and not item.outdated for item in _marked(pull, marker)),
            permission=PERMISSION,
        )
    except GitHubError as error:
        tally.warnings.append(sentence(error))
        return error.failure is CallFailure.INVALID
    tally.posted += 1
    return True


def _remove(pull: PullRequest, posted: _Posted, calls: Calls, tally: _Tally) -> None:
    try:
        calls.run(
            "remove an outdated suggestion", lambda: pull.get_review_comment(posted.id).delete(), permission=PERMISSION
        )
    except GitHubError as error:
        if error.failure is not CallFailure.NOT_FOUND:
            tally.warnings.append(sentence(error))
        return
    tally.removed += 1


def _pull(repository: Repository, number: int) -> tuple[PullRequest, str]:
    pull = repository.get_pull(number)
    return pull, pull.head.sha


def _ours(client: Github, pull: PullRequest, prefix: str, calls: Calls) -> list[_Posted]:
    marked = calls.run("list the review comments", lambda: _marked(pull, prefix), permission="pull-requests: read")
    if not marked:
        return []
    own = own_login(client, calls)
    return sorted((item for item in marked if item.login == own), key=lambda item: item.id)


def _marked(pull: PullRequest, prefix: str) -> list[_Posted]:
    comments = read_pages(pull.requester, f"{pull.url}/comments", _ReviewComment)
    answered = {comment.in_reply_to_id for comment in comments}
    return [
        _Posted(
            id=comment.id,
            marker=first_line(comment.body),
            login=comment.user.login if comment.user is not None else None,
            outdated=comment.line is None,  # GitHub removes the line if it is no longer in the diff
            answered=comment.id in answered,
        )
        for comment in comments
        if first_line(comment.body).startswith(prefix)
    ]


def _new_sides(pull: PullRequest, suggestions: Sequence[Suggestion]) -> dict[str, tuple[NewSide, ...]]:
    paths = {suggestion.path for suggestion in suggestions}
    return {
        file.filename: new_sides(file.patch or "")
        for file in islice(pull.get_files(), MAXIMUM_LISTED_ITEMS)
        if file.filename in paths
    }


def _unique(key: str, suggestions: Iterable[Suggestion]) -> list[Suggestion]:
    return list({suggestion_marker(key, suggestion): suggestion for suggestion in suggestions}.values())
