"""Phase two of the fork pair: what is taken over, and what is refused."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import pytest

from weighbridge.errors import ReportError
from weighbridge.github.event import WorkflowRunEvent
from weighbridge.github.fork import UntrustedRunError, download_artifact, read_artifact, take_over_report
from weighbridge.report.model import Report, Revision, Verdict, WritingProgram, encode_report

HEAD = "1" * 40
MERGE = "3" * 40
REPORT = Report(
    tool=WritingProgram(name="weighbridge", version="1"),
    base=Revision(ref="refs/heads/main", sha="2" * 40),
    head=Revision(ref="refs/pull/999/merge", sha=MERGE),
    verdict=Verdict(passed=True),
    images=(),
)
EVENT = WorkflowRunEvent(
    repository="octo-org/octo-repo",
    action="completed",
    run_id=5,
    run_attempt=1,
    run_event="pull_request",
    run_repository="octo-org/octo-repo",
    head_sha=HEAD,
    head_branch="feature",
    head_repository="contributor/octo-repo",
    conclusion="success",
    pull_requests=(),
)


def _archive(report=REPORT, **others):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("report.json", encode_report(report))
        for name, content in others.items():
            file.writestr(name, content)
    return data.getvalue()


def _take_over(github, event=EVENT, archive=None, *, repository="octo-org/octo-repo"):
    return take_over_report(
        github.repository, event, archive or _archive(), trusted_repository=repository, calls=github.calls
    )


def _from_fork(github, number=7, **changes):
    pull = github.fake.pulls.get(number) or github.fake.add_pull(number)
    pull["head"] |= {"repo": github.fake.repository("contributor"), "label": "contributor:feature"}
    pull |= changes
    return pull


@pytest.fixture
def fork(github):
    _from_fork(github)
    github.fake.add_run(5)
    return github


def test_report_is_posted_to_pull_request_of_api(fork):
    taken = _take_over(fork)
    assert (taken.number, taken.head_sha, taken.report) == (7, HEAD, REPORT)


def test_report_for_head_is_posted(fork):
    report = replace(REPORT, head=Revision(ref="feature", sha=HEAD))
    assert _take_over(fork, archive=_archive(report)).number == 7


def test_report_for_older_merge_commit_of_head_is_posted(fork):
    fork.fake.commits["8" * 40] = ["2" * 40, HEAD]
    report = replace(REPORT, head=Revision(ref="x", sha="8" * 40))
    assert _take_over(fork, archive=_archive(report)).number == 7


def test_report_about_another_commit_is_refused(fork):
    fork.fake.commits["8" * 40] = ["2" * 40, "7" * 40]
    for sha in ("8" * 40, "9" * 40):
        report = replace(REPORT, head=Revision(ref="x", sha=sha))
        with pytest.raises(UntrustedRunError, match="The report is for"):
            _take_over(fork, archive=_archive(report))


@pytest.mark.parametrize("sha", [None, "", "../../../user", "main", "A" * 40])
def test_report_without_commit_is_refused_before_request(fork, sha):
    report = replace(REPORT, head=Revision(ref="x", sha=sha))
    with pytest.raises(UntrustedRunError, match="does not name its commit"):
        _take_over(fork, archive=_archive(report))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"repository": "evil/octo-repo"}, "repository"),
        ({"run_repository": "evil/octo-repo"}, "the run's repository"),
        ({"run_event": "push"}, "the run's event"),
        ({"action": "requested"}, "action"),
        ({"head_sha": "9" * 40}, "head SHA"),
        ({"head_repository": "evil/octo-repo"}, "head repository"),
    ],
)
def test_event_of_other_repository_or_run_is_refused(fork, changes, said):
    with pytest.raises(UntrustedRunError, match=said):
        _take_over(fork, replace(EVENT, **changes))


def test_run_of_another_event_according_to_api_is_refused(fork):
    fork.fake.add_run(5, event="push")
    with pytest.raises(UntrustedRunError, match="event is push"):
        _take_over(fork)


def test_pull_request_with_newer_head_is_left_to_newer_run(fork):
    fork.fake.pulls[7]["head"]["sha"] = "9" * 40
    with pytest.raises(UntrustedRunError, match="no longer the head of #7"):
        _take_over(fork)


def test_closed_pull_request_is_not_posted_to(fork):
    fork.fake.pulls[7]["state"] = "closed"
    with pytest.raises(UntrustedRunError, match="No open pull request"):
        _take_over(fork)


def test_pull_request_of_namesake_fork_is_not_posted_to(fork):
    fork.fake.pulls[7]["head"]["repo"] = fork.fake.repository("somebody-else")
    with pytest.raises(UntrustedRunError, match="No open pull request"):
        _take_over(fork)


def test_pull_request_with_base_of_report_is_chosen(fork):
    pull = _from_fork(fork, 8)
    pull["base"]["ref"] = "release"
    assert _take_over(fork).number == 7
    release = replace(REPORT, base=Revision(ref="release", sha="2" * 40))
    assert _take_over(fork, archive=_archive(release)).number == 8
    neither = replace(REPORT, base=None)
    with pytest.raises(UntrustedRunError, match="#7, #8"):
        _take_over(fork, archive=_archive(neither))


def test_event_s_own_list_narrows_choice(fork):
    _from_fork(fork, 8)
    assert _take_over(fork, replace(EVENT, pull_requests=((8, HEAD),))).number == 8


def test_pull_request_of_deleted_fork_is_found_by_its_commit(faulty_github):
    fork = faulty_github  # the description does not know that a run's head repository can be null
    fork.fake.add_run(5, head_repository=None)
    fork.fake.pulls[7]["head"]["repo"] = None
    assert _take_over(fork, replace(EVENT, head_repository=None)).number == 7


def test_artifact_is_downloaded_from_storage_without_token(faulty_github):
    github = faulty_github  # the proxy follows redirects by itself
    github.fake.add_run(5)
    data = _archive()
    github.fake.add_artifact("other", b"")
    github.fake.add_artifact("weighbridge", b"older")
    github.fake.add_artifact("weighbridge", data)
    got = download_artifact(github.repository, 5, name="weighbridge", token="t", calls=github.calls, api_url=github.url)
    assert read_artifact(got) == REPORT
    assert [token for path, token in github.fake.authorizations if path.startswith("/_storage/")] == [None]
    assert {token for path, token in github.fake.authorizations if path.endswith("/zip")} == {"Bearer t"}


def test_artifact_missing_expired_or_oversized_raises_error(github):
    github.fake.add_run(5)
    github.fake.add_artifact("expired", b"", expired=True)
    github.fake.add_artifact("large", b"", size_in_bytes=10**9)
    for name, said in (("weighbridge", "no artifact"), ("expired", "has expired"), ("large", "1000000000 bytes")):
        with pytest.raises(UntrustedRunError, match=said):
            download_artifact(github.repository, 5, name=name, token="t", calls=github.calls, api_url=github.url)


def test_artifact_at_another_host_gets_no_token(github):
    github.fake.add_run(5)
    github.fake.add_artifact("weighbridge", b"", archive_download_url="https://evil.example.test/zip")
    with pytest.raises(UntrustedRunError, match="does not belong to the API"):
        download_artifact(github.repository, 5, name="weighbridge", token="t", calls=github.calls, api_url=github.url)


def test_report_unreadable_is_refused_before_request(fork):
    with pytest.raises(ReportError, match="not a report"):
        _take_over(fork, archive=_zip_of(b'{"schema_version": 1}'))
    assert fork.fake.requests == []


def _zip_of(content):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("report.json", content)
    return data.getvalue()
