"""GitHub errors during publishing change neither exit code, outputs, report files nor job summary."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from report_builders import image_report, report_of, tip_report

from weighbridge.action.inputs import read_inputs
from weighbridge.action.publish import Publication
from weighbridge.action.session import Api, Run
from weighbridge.errors import ExitCode
from weighbridge.github.event import PullRequestEvent
from weighbridge.github.log import ActionLog
from weighbridge.report.model import (
    Delta,
    LayerChange,
    LayerRow,
    Reason,
    Revision,
    Verdict,
)

HEAD, MERGE, BASE = "1" * 40, "3" * 40, "2" * 40
DIFF = "@@ -1,1 +1,2 @@\n FROM debian\n+RUN a"
PATCH = "--- a/Dockerfile\n+++ b/Dockerfile\n@@ -1,2 +1,2 @@\n FROM debian\n-RUN a\n+RUN b\n"
STATUSES = {"403": 403, "404": 404, "409": 409, "422": 422, "429": 429, "500": 500, "time-out": -1, "reset": 0}
CALLS = {
    "every call": [(method, ".") for method in ("GET", "POST", "PATCH", "DELETE")],
    "read the pull request": [("GET", r"/pulls/7$")],
    "list the comments": [("GET", r"/issues/7/comments$")],
    "comment": [("POST", r"/issues/7/comments$")],
    "edit": [("PATCH", r"/issues/comments/\d+$")],
    "delete a duplicate": [("DELETE", r"/issues/comments/\d+$")],
    "who we are": [("POST", "/graphql$"), ("GET", "/user$")],
    "check run": [("POST", "/check-runs$")],
    "review comments": [("GET", "/pulls/7/comments$")],
    "the diff": [("GET", "/pulls/7/files$")],
    "suggest": [("POST", "/pulls/7/comments$")],
}
EVENT = PullRequestEvent(
    repository="octo-org/octo-repo",
    number=7,
    action="synchronize",
    author="author",
    draft=False,
    closed=False,
    base_ref="refs/heads/main",
    base_sha=BASE,
    head_ref="refs/heads/feature",
    head_sha=HEAD,
    head_repository="octo-org/octo-repo",
    from_fork=False,
    labels=(),
)
TIP = tip_report(patch=PATCH)
ROW = LayerRow(
    change=LayerChange.CHANGED,
    instruction="RUN a",
    line=2,
    base_bytes=1,
    head_bytes=8_000_000,
    base_diff_id=None,
    head_diff_id=None,
)
IMAGE = image_report(delta=Delta(unpacked_bytes=8_000_000), layers=(ROW,), tips=(TIP,))
REASON = Reason(image="api", rule="max-increase", limit="+1 MB", actual_bytes=8_000_000, message="api grew by 8.0 MB")
CLOSED = report_of(
    IMAGE,
    base=Revision(ref="refs/heads/main", sha=BASE),
    head=Revision(ref="refs/pull/7/merge", sha=MERGE),
    verdict=Verdict(passed=False, reasons=(REASON,)),
)
OPEN = replace(CLOSED, verdict=Verdict(passed=True))


def _told(github, folder, report):
    """The exit code of publishing `report`, what it left behind (the comment's address apart), and its log."""
    (folder / "workspace").mkdir(parents=True)
    environment = {"GITHUB_OUTPUT": str(folder / "output"), "GITHUB_STEP_SUMMARY": str(folder / "summary")}
    stream = io.StringIO()
    run = Run(inputs=read_inputs({}), event=EVENT, environment=environment, log=ActionLog(stream))
    api = Api(client=github.client, repository=github.repository, calls=github.calls, token="t", api_url=github.url)
    publication = Publication(run, api, folder / "workspace", override_label=None)
    publication.publish_report(report)
    code = publication.code
    outputs = re.findall(r"^([a-z-]+)<<(\w+)\n(.*?)\n\2$", (folder / "output").read_text(), re.MULTILINE | re.DOTALL)
    left = {name: value for name, _, value in outputs if name != "comment-url"}
    left["summary"] = (folder / "summary").read_text()
    left["report.json"] = (folder / "workspace/weighbridge-report/report.json").read_text()
    return code, left, stream.getvalue()


def _with_comments(github):
    github.fake.add_file("Dockerfile", DIFF)
    for text in ("old", "duplicate"):
        github.fake.add_comment(f"<!-- weighbridge:v1:default -->\n{text}")


@pytest.fixture
def faulty(faulty_github, request):
    timed_out = request.node.callspec.params["status"] == -1
    return faulty_github.with_policy(attempts=2, request_timeout_seconds=1 if timed_out else 30)


@pytest.mark.parametrize("status", STATUSES.values(), ids=STATUSES.keys())
@pytest.mark.parametrize("call", CALLS)
def test_no_fault_changes_verdict(faulty, fake_api, tmp_path, call, status):
    if call != "comment":
        _with_comments(faulty)
    expected = _told(faulty, tmp_path / "well", CLOSED)
    assert expected[0] is ExitCode.GATE_CLOSED
    assert expected[1]["verdict"] == "failed"
    faulty.fake.comments.clear()
    faulty.fake.review_comments.clear()
    if call != "comment":
        _with_comments(faulty)
    faulty.fake.faults += [fake_api.Fault(method, path, status) for method, path in CALLS[call]]
    assert _told(faulty, tmp_path / "ill", CLOSED)[:2] == expected[:2]
    assert _told(faulty, tmp_path / "open", OPEN)[0] is ExitCode.PASSED


def test_report_with_override_and_notes_is_complete_in_all_formats(github, tmp_path):
    github.fake.add_file("Dockerfile", DIFF)
    code, left, log = _told(github, tmp_path, CLOSED)
    assert (code, left["verdict"], left["delta-bytes"]) == (ExitCode.GATE_CLOSED, "failed", "8000000")
    (check,) = github.fake.checks
    assert (check["conclusion"], check["head_sha"]) == ("failure", HEAD)
    assert [one["start_line"] for one in check["sent"][0]["annotations"]] == [2]
    (comment,) = github.fake.comments
    assert comment["body"].startswith("<!-- weighbridge:v1:default -->\n### ")
    (suggestion,) = github.fake.review_comments
    assert suggestion["body"].endswith("```suggestion\nRUN b\n```")
    assert "Suggested changes: 1 new" in log


def test_second_push_names_problems_fixed_since_first_push(github, tmp_path):
    later = "4" * 40
    for event, report in ((EVENT, CLOSED), (EVENT, CLOSED), (replace(EVENT, head_sha=later), OPEN)):
        github.fake.pulls[7]["head"]["sha"] = event.head_sha
        environment = {
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": "octo-org/octo-repo",
        }
        api = Api(client=github.client, repository=github.repository, calls=github.calls, token="t", api_url=github.url)
        run = Run(inputs=read_inputs({}), event=event, environment=environment, log=ActionLog(io.StringIO()))
        Publication(run, api, tmp_path, override_label=None).publish_report(report)
        lines = [line for line in github.fake.comments[0]["body"].splitlines() if line.startswith("Since ")]
        assert bool(lines) == (event.head_sha == later)
    assert len(github.fake.comments) == 1
    compared = f"https://github.com/octo-org/octo-repo/compare/{HEAD}...{later}"
    assert lines == [f"Since [`1111111`]({compared}): ✅ fixed: `api` over its limit"]


def test_suggestions_disabled_by_input_or_mode_are_not_posted(github, tmp_path):
    github.fake.add_file("Dockerfile", DIFF)
    environment = {"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    api = Api(client=github.client, repository=github.repository, calls=github.calls, token="t", api_url=github.url)
    for given in ({"INPUT_SUGGESTIONS": "0"}, {"INPUT_COMMENT": "never"}):
        run = Run(inputs=read_inputs(given), event=EVENT, environment=environment, log=ActionLog(io.StringIO()))
        Publication(run, api, tmp_path, override_label=None).publish_report(CLOSED)
    assert github.fake.review_comments == []
