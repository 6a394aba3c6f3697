"""Parses the event that started this run: a webhook payload becomes one of the types of `Event`.

Contributors control parts of a payload (branch names, labels, titles), which are hostile: they are validated here and
never executed.

Payloads: https://docs.github.com/webhooks/webhook-events-and-payloads, environment:
https://docs.github.com/actions/reference/workflows-and-actions/variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from weighbridge.errors import UsageError, machine_message
from weighbridge.json_problems import json_problem

MAXIMUM_PAYLOAD_BYTES = 25 * 1024 * 1024
"""GitHub limits a webhook payload to 25 MB."""

Sha = Annotated[str, msgspec.Meta(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")]
RefName = Annotated[str, msgspec.Meta(min_length=1, max_length=1024, pattern=r"^[^\x00-\x20\x7f~^:?*\[\\]+\Z")]
RepositoryName = Annotated[str, msgspec.Meta(max_length=256, pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+\Z")]
PositiveInt = Annotated[int, msgspec.Meta(ge=1)]


@dataclass(frozen=True, kw_only=True, slots=True)
class PullRequestEvent:
    """A pull request was opened, pushed to, labelled, …. `head_repository` is ``None`` if the fork was deleted."""

    repository: str
    number: int
    action: str
    author: str
    draft: bool
    closed: bool
    base_ref: str
    base_sha: str
    head_ref: str
    head_sha: str
    head_repository: str | None
    from_fork: bool
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PushEvent:
    """A branch or tag moved. `before_sha` is ``None`` on a first push, `after_sha` if the ref was deleted."""

    repository: str
    ref: str
    default_branch: str
    before_sha: str | None
    after_sha: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeGroupEvent:
    """A merge queue requests checks for a group of pull requests."""

    repository: str
    action: str
    base_ref: str
    base_sha: str
    head_ref: str
    head_sha: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BranchEvent:
    """`workflow_dispatch` or `schedule`: a run on a branch, without a commit to compare with."""

    name: str
    repository: str
    ref: str
    head_sha: str
    default_branch: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkflowRunEvent:
    """Another workflow ended: phase two of the fork pair. All fields except `repository` must be verified by the API.

    `pull_requests` holds number and head SHA of each; it is usually empty if the head is a fork.
    """

    repository: str
    action: str
    run_id: int
    run_attempt: int
    run_event: str
    run_repository: str
    head_sha: str
    head_branch: str | None
    head_repository: str | None
    conclusion: str | None
    pull_requests: tuple[tuple[int, str], ...]


Event = PullRequestEvent | PushEvent | MergeGroupEvent | BranchEvent | WorkflowRunEvent


class _Repository(msgspec.Struct):
    full_name: RepositoryName
    default_branch: RefName | None = None


class _User(msgspec.Struct):
    login: Annotated[str, msgspec.Meta(max_length=256)]


class _Label(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(max_length=256)]


class _Side(msgspec.Struct):
    ref: RefName
    sha: Sha
    repo: _Repository | None


class _PullRequest(msgspec.Struct):
    state: str
    base: _Side
    head: _Side
    user: _User | None = None
    draft: bool = False
    labels: list[_Label] = []


class _PullRequestPayload(msgspec.Struct):
    action: str
    number: PositiveInt
    pull_request: _PullRequest
    repository: _Repository


class _PushPayload(msgspec.Struct):
    ref: RefName
    before: Sha
    after: Sha
    repository: _Repository


class _MergeGroup(msgspec.Struct):
    base_ref: RefName
    base_sha: Sha
    head_ref: RefName
    head_sha: Sha


class _MergeGroupPayload(msgspec.Struct):
    action: str
    merge_group: _MergeGroup
    repository: _Repository


class _BranchPayload(msgspec.Struct):
    repository: _Repository | None = None


class _RunPullRequestHead(msgspec.Struct):
    sha: Sha


class _RunPullRequest(msgspec.Struct):
    number: PositiveInt
    head: _RunPullRequestHead


class _WorkflowRun(msgspec.Struct):
    id: PositiveInt
    event: str
    head_sha: Sha
    repository: _Repository
    head_repository: _Repository | None = None
    head_branch: RefName | None = None
    conclusion: str | None = None
    run_attempt: PositiveInt = 1
    pull_requests: list[_RunPullRequest | None] = []


class _WorkflowRunPayload(msgspec.Struct):
    action: str
    workflow_run: _WorkflowRun
    repository: _Repository


class _BranchEnvironment(msgspec.Struct):
    repository: RepositoryName = msgspec.field(name="GITHUB_REPOSITORY")
    sha: Sha = msgspec.field(name="GITHUB_SHA")
    ref: RefName = msgspec.field(name="GITHUB_REF")


def read_event(environment: Mapping[str, str]) -> Event:
    """The event of this run, from ``GITHUB_EVENT_NAME`` and the file at ``GITHUB_EVENT_PATH``.

    Raises UsageError if a variable or the file is missing, or the file is too large or does not match the event.
    """
    name = environment.get("GITHUB_EVENT_NAME", "")
    path = environment.get("GITHUB_EVENT_PATH", "")
    if not name or not path:
        raise UsageError(
            "GITHUB_EVENT_NAME and GITHUB_EVENT_PATH are not set: this command runs inside GitHub Actions."
        )
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAXIMUM_PAYLOAD_BYTES + 1)
    except OSError as error:
        raise UsageError(f"The event file cannot be read: {machine_message(error)}") from error
    if len(data) > MAXIMUM_PAYLOAD_BYTES:
        raise UsageError(f"The event file exceeds {MAXIMUM_PAYLOAD_BYTES} bytes, GitHub's limit for a payload.")
    try:
        payload = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"The event file is not a JSON object: {json_problem(error)}.") from error
    return parse_event(name, payload, environment)


def parse_event(name: str, payload: Mapping[str, Any], environment: Mapping[str, str]) -> Event:
    """Validate the webhook `payload` of the event `name`.

    Raises UsageError for an unsupported event, for ``pull_request_target``, and for a payload that does not match
    GitHub's documentation of the event.
    """
    try:
        match name:
            case "pull_request":
                return _pull_request(msgspec.convert(payload, _PullRequestPayload))
            case "push":
                return _push(msgspec.convert(payload, _PushPayload))
            case "merge_group":
                return _merge_group(msgspec.convert(payload, _MergeGroupPayload))
            case "workflow_dispatch" | "schedule":
                return _branch(
                    name,
                    msgspec.convert(payload, _BranchPayload),
                    msgspec.convert(dict(environment), _BranchEnvironment),
                )
            case "workflow_run":
                return _workflow_run(msgspec.convert(payload, _WorkflowRunPayload))
    except msgspec.ValidationError as error:
        raise UsageError(
            f"The payload of the {name} event does not match GitHub's documentation: {json_problem(error)}."
        ) from error
    if name == "pull_request_target":
        raise UsageError(
            "pull_request_target is refused: it runs with write access and secrets, and building a pull request's "
            "Dockerfile runs the contributor's code. Use `on: pull_request`; for comments on pull requests from forks "
            "use the two workflows in docs/forks.md."
        )
    raise UsageError(
        f"The event {name!r} is not supported. Supported are pull_request, push, merge_group, workflow_dispatch, "
        "schedule, and workflow_run for the second workflow of docs/forks.md."
    )


def _pull_request(payload: _PullRequestPayload) -> PullRequestEvent:
    pull = payload.pull_request
    head_repository = pull.head.repo.full_name if pull.head.repo is not None else None
    return PullRequestEvent(
        repository=payload.repository.full_name,
        number=payload.number,
        action=payload.action,
        author=pull.user.login if pull.user is not None else "ghost",
        draft=pull.draft,
        closed=pull.state == "closed",
        base_ref=f"refs/heads/{pull.base.ref}",
        base_sha=pull.base.sha,
        head_ref=f"refs/heads/{pull.head.ref}",
        head_sha=pull.head.sha,
        head_repository=head_repository,
        from_fork=head_repository != payload.repository.full_name,
        labels=tuple(label.name for label in pull.labels),
    )


def _push(payload: _PushPayload) -> PushEvent:
    return PushEvent(
        repository=payload.repository.full_name,
        ref=payload.ref,
        default_branch=payload.repository.default_branch or "main",
        before_sha=_sha_or_none(payload.before),
        after_sha=_sha_or_none(payload.after),
    )


def _merge_group(payload: _MergeGroupPayload) -> MergeGroupEvent:
    group = payload.merge_group
    return MergeGroupEvent(
        repository=payload.repository.full_name,
        action=payload.action,
        base_ref=group.base_ref,
        base_sha=group.base_sha,
        head_ref=group.head_ref,
        head_sha=group.head_sha,
    )


def _branch(name: str, payload: _BranchPayload, environment: _BranchEnvironment) -> BranchEvent:
    # The payload of a schedule has no repository; the environment always does.
    return BranchEvent(
        name=name,
        repository=environment.repository,
        ref=environment.ref,
        head_sha=environment.sha,
        default_branch=payload.repository.default_branch if payload.repository is not None else None,
    )


def _workflow_run(payload: _WorkflowRunPayload) -> WorkflowRunEvent:
    run = payload.workflow_run
    return WorkflowRunEvent(
        repository=payload.repository.full_name,
        action=payload.action,
        run_id=run.id,
        run_attempt=run.run_attempt,
        run_event=run.event,
        run_repository=run.repository.full_name,
        head_sha=run.head_sha,
        head_branch=run.head_branch,
        head_repository=run.head_repository.full_name if run.head_repository is not None else None,
        conclusion=run.conclusion,
        pull_requests=tuple((pull.number, pull.head.sha) for pull in run.pull_requests if pull is not None),
    )


def _sha_or_none(sha: str) -> str | None:
    """``None`` for the all-zero SHA, git's value for "no commit"."""
    return sha if sha.strip("0") else None
