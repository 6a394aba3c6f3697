"""Phase two of the fork pair: posts the report of an unprivileged run, and trusts nothing in it.

Phase one builds a fork's code with a read-only token and uploads ``report.json``. Phase two runs on ``workflow_run`` in
the base repository with write access. It never checks out or runs code of the fork; the artifact is untrusted bytes
with limits. Only the event and the API decide which pull request gets the report.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlsplit

import requests
from github.GithubException import GithubException
from github.PullRequest import PullRequest
from github.Repository import Repository

from weighbridge.errors import ReportError
from weighbridge.github.client import CallFailure, CallPolicy, Calls, GitHubError
from weighbridge.github.event import WorkflowRunEvent
from weighbridge.github.plain_text import printable_line
from weighbridge.report.model import MAXIMUM_REPORT_BYTES, Report, decode_report

REPORT_NAME = "report.json"
MAXIMUM_ARTIFACT_BYTES = 64 * 1024 * 1024
MAXIMUM_ARCHIVE_ENTRIES = 64
MAXIMUM_ARTIFACTS = 1_000
MAXIMUM_PULL_REQUESTS = 200

_CHUNK_BYTES = 64 * 1024
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class UntrustedRunError(ReportError):
    """The artifact, the event and the API contradict each other: nothing may be posted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ForkReport:
    """A validated report and its pull request."""

    number: int
    head_sha: str
    report: Report


@dataclass(frozen=True, kw_only=True, slots=True)
class _Candidate:
    number: int
    base_ref: str
    merge_commit_sha: str | None


def take_over_report(
    repository: Repository, event: WorkflowRunEvent, archive: bytes, *, trusted_repository: str, calls: Calls
) -> ForkReport:
    """The report in the artifact `archive` of the run of `event`, and its pull request.

    `trusted_repository` is ``GITHUB_REPOSITORY``. Raises UntrustedRunError for a contradiction, ReportError for an
    invalid report, GitHubError if the API does not answer.
    """
    report = read_artifact(archive)
    candidates = _verify_run(repository, event, trusted_repository, calls)
    candidate = _choose(candidates, report)
    _verify_head(repository, event, report, candidate, calls)
    return ForkReport(number=candidate.number, head_sha=event.head_sha, report=report)


def read_artifact(archive: bytes) -> Report:
    """The report in an artifact's zip archive: its only entry ``report.json``, read within limits.

    Nothing is unpacked to disk, so the names of other entries do not matter. Raises ReportError.
    """
    if len(archive) > MAXIMUM_ARTIFACT_BYTES:
        raise ReportError(f"artifact: {len(archive)} bytes exceed the limit of {MAXIMUM_ARTIFACT_BYTES}.")
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as file:
            entries = file.infolist()
            if len(entries) > MAXIMUM_ARCHIVE_ENTRIES:
                raise ReportError(f"artifact: {len(entries)} entries exceed the limit of {MAXIMUM_ARCHIVE_ENTRIES}.")
            reports = [entry for entry in entries if entry.filename == REPORT_NAME]
            if len(reports) != 1:
                raise ReportError(f"artifact: expected one entry {REPORT_NAME}, found {len(reports)}.")
            # The archive itself states the size in the header, so the unpacked size is limited as well.
            if reports[0].file_size > MAXIMUM_REPORT_BYTES:
                raise ReportError(f"artifact: {REPORT_NAME} claims {reports[0].file_size} bytes.")
            with file.open(reports[0]) as entry:
                data = entry.read(MAXIMUM_REPORT_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError) as error:
        raise ReportError(f"artifact: not a readable zip archive: {printable_line(str(error))}.") from error
    return decode_report(data, name=f"artifact: {REPORT_NAME}")


def download_artifact(
    repository: Repository, run_id: int, *, name: str, token: str, calls: Calls, api_url: str
) -> bytes:
    """The zip archive of the artifact `name` of the run `run_id`; the newest, if a rerun made several.

    Raises UntrustedRunError if there is none or it is too large, GitHubError if the API does not answer.
    """

    def find() -> list[tuple[int, int, bool, str]]:
        return [
            (artifact.id, artifact.size_in_bytes, artifact.expired, artifact.archive_download_url)
            for artifact in islice(repository.get_workflow_run(run_id).get_artifacts(), MAXIMUM_ARTIFACTS)
            if artifact.name == name
        ]

    found = calls.run(f"list the artifacts of run {run_id}", find, permission="actions: read")
    if not found:
        raise UntrustedRunError(f"Run {run_id} has no artifact {name!r}: it failed early, or does not upload it.")
    _, size, expired, url = max(found)
    if expired:
        raise UntrustedRunError(f"The artifact {name!r} of run {run_id} has expired.")
    if size > MAXIMUM_ARTIFACT_BYTES:
        raise UntrustedRunError(f"The artifact {name!r} of run {run_id} is too large: {size} bytes.")
    return calls.run(
        f"download the artifact of run {run_id}",
        lambda: _download(url, token, api_url, calls.policy),
        permission="actions: read",
    )


def _download(url: str, token: str, api_url: str, policy: CallPolicy) -> bytes:
    """Download an artifact's URL, which redirects to external storage; the token is sent only to the API."""
    if _origin(url) != _origin(api_url):
        raise UntrustedRunError("The artifact's URL does not belong to the API.")
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
    timeout = policy.request_timeout_seconds
    with requests.get(url, headers=headers, allow_redirects=False, timeout=timeout, stream=True) as answer:
        location = answer.headers.get("Location")
        if answer.status_code != requests.codes.found or location is None:
            raise _status_error(answer)
    if urlsplit(location).scheme not in {"https", urlsplit(api_url).scheme}:
        raise UntrustedRunError("The URL of the artifact's storage does not use https.")
    data = bytearray()
    with requests.get(location, allow_redirects=False, timeout=timeout, stream=True) as answer:
        if answer.status_code != requests.codes.ok:
            raise _status_error(answer)
        for chunk in answer.iter_content(_CHUNK_BYTES):
            data += chunk
            if len(data) > MAXIMUM_ARTIFACT_BYTES:
                raise UntrustedRunError(f"The artifact has more than {MAXIMUM_ARTIFACT_BYTES} bytes.")
    return bytes(data)


def _status_error(answer: requests.Response) -> GithubException:
    """An error for the retry policy; ignores the untrusted body."""
    return GithubException(answer.status_code, None, dict(answer.headers))


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _verify_run(
    repository: Repository, event: WorkflowRunEvent, trusted_repository: str, calls: Calls
) -> list[_Candidate]:
    """The open pull requests of this repository that have the run's head.

    Raises UntrustedRunError if the event does not match this repository, or the API's record of the run differs.
    """
    expected = {
        "action": (event.action, "completed"),
        "repository": (event.repository, trusted_repository),
        "the run's repository": (event.run_repository, trusted_repository),
        "the run's event": (event.run_event, "pull_request"),
    }
    _refuse_difference("the event", expected)

    def read_run() -> dict[str, tuple[object, object]]:
        run = repository.get_workflow_run(event.run_id)
        return {
            "id": (run.id, event.run_id),
            "head SHA": (run.head_sha, event.head_sha),
            "event": (run.event, "pull_request"),
            "repository": (run.repository.full_name, trusted_repository),
            "head repository": (getattr(run.head_repository, "full_name", None), event.head_repository),
        }

    _refuse_difference("the run", calls.run(f"read run {event.run_id}", read_run, permission="actions: read"))
    pulls = calls.run(
        "find the run's pull request", lambda: _pulls(repository, event), permission="pull-requests: read"
    )
    if not pulls:
        raise UntrustedRunError(
            f"No open pull request of {trusted_repository} has its head at {_place(event)}: closed since, or deleted."
        )
    at_head = [candidate for candidate, head_sha in pulls if head_sha == event.head_sha]
    if not at_head:
        numbers = ", ".join(f"#{candidate.number}" for candidate, _ in pulls)
        raise UntrustedRunError(
            f"{event.head_sha[:12]} is no longer the head of {numbers}: the newer run's report is posted."
        )
    named = {number for number, head_sha in event.pull_requests if head_sha == event.head_sha}
    return [candidate for candidate in at_head if candidate.number in named] or at_head


def _pulls(repository: Repository, event: WorkflowRunEvent) -> list[tuple[_Candidate, str]]:
    """Open pull requests into `repository` from the run's head branch, each with its head SHA.

    The event's own list is empty for forks, so they are looked up by head; if the fork is deleted, by commit.
    """
    found: Iterable[PullRequest]
    if event.head_repository is not None and event.head_branch is not None:
        owner = event.head_repository.partition("/")[0]
        found = repository.get_pulls(state="open", head=f"{owner}:{event.head_branch}")
    else:
        found = repository.get_commit(event.head_sha).get_pulls()
    return [
        (
            _Candidate(number=pull.number, base_ref=pull.base.ref, merge_commit_sha=pull.merge_commit_sha),
            pull.head.sha,
        )
        for pull in islice(found, MAXIMUM_PULL_REQUESTS)
        if pull.state == "open"
        and getattr(pull.base.repo, "full_name", None) == event.repository
        and getattr(pull.head.repo, "full_name", None) == event.head_repository
        and (event.head_branch is None or pull.head.ref == event.head_branch)
    ]


def _choose(candidates: list[_Candidate], report: Report) -> _Candidate:
    """The one pull request. Among several verified ones, the base branch of the report decides."""
    if len(candidates) == 1:
        return candidates[0]
    base_ref = report.base.ref.removeprefix("refs/heads/") if report.base is not None else None
    fitting = [candidate for candidate in candidates if candidate.base_ref == base_ref]
    if len(fitting) != 1:
        numbers = ", ".join(f"#{candidate.number}" for candidate in candidates)
        raise UntrustedRunError(f"{numbers} have the same head, and the report does not name its base branch.")
    return fitting[0]


def _verify_head(
    repository: Repository, event: WorkflowRunEvent, report: Report, candidate: _Candidate, calls: Calls
) -> None:
    """Verify that the report is for the run's head, or a merge commit of it."""
    weighed = report.head.sha if report.head is not None else None
    if weighed is None or not _SHA.fullmatch(weighed):
        raise UntrustedRunError("The report does not name its commit.")
    if weighed in {event.head_sha, candidate.merge_commit_sha}:
        return

    def read_parents() -> list[str]:
        return [parent.sha for parent in repository.get_git_commit(weighed).parents]

    try:
        parents = calls.run(f"read commit {weighed[:12]}", read_parents, permission="contents: read")
    except GitHubError as error:
        if error.failure is not CallFailure.NOT_FOUND:
            raise
        parents = []
    if parents[1:] != [event.head_sha]:
        raise UntrustedRunError(f"The report is for {weighed[:12]}, but the run is for {event.head_sha[:12]}.")


def _refuse_difference(what: str, expected: Mapping[str, tuple[object, object]]) -> None:
    for name, (is_value, must_be) in expected.items():
        if is_value != must_be:
            raise UntrustedRunError(
                f"Nothing is posted: in {what}, {name} is {printable_line(str(is_value))},"
                f" not {printable_line(str(must_be))}."
            )


def _place(event: WorkflowRunEvent) -> str:
    return printable_line(
        f"{event.head_repository or 'a deleted repository'}:{event.head_branch or event.head_sha[:12]}"
    )
