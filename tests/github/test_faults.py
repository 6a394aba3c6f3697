"""Each call x each fault: the outcome says what failed, nothing is raised, waits are bounded.

The verdict is decided before any of these functions is called and none of them can raise for what GitHub does, so it
cannot change. Requests that carry faults do not go through the validating proxy: a fault breaks the contract by design.
"""

from __future__ import annotations

import pytest

from weighbridge.github.annotation import Annotation, Level
from weighbridge.github.checks import CheckRequest, Conclusion, annotate
from weighbridge.github.client import CallFailure, GitHubError
from weighbridge.github.comment import CommentAction, CommentRequest, post_comment
from weighbridge.github.fork import download_artifact
from weighbridge.github.override import read_override
from weighbridge.github.suggestions import Suggestion, suggestion_body, sync_suggestions

HEAD = "1" * 40
MARKER = "<!-- weighbridge:v1:default -->"


def _fixed(body):
    """A `render` that does not depend on the comment that it replaces."""
    return lambda _: body


LABEL = "weighbridge: allow"
ATTEMPTS = 2

FORBIDDEN, MISSING, CONFLICT, INVALID = 403, 404, 409, 422
LIMITED, SERVER, RESET, TIMEOUT = 429, 500, 0, -1
FAULTS = {
    "403": FORBIDDEN,
    "404": MISSING,
    "409": CONFLICT,
    "422": INVALID,
    "429": LIMITED,
    "500": SERVER,
    "time-out": TIMEOUT,
    "connection-reset": RESET,
}
SAID = {
    FORBIDDEN: "the token may not do this",
    MISSING: "not found, or not visible",
    CONFLICT: "another client changed it",
    INVALID: "refused the request as invalid",
    LIMITED: "rate limit",
    SERVER: "server failed",
    RESET: "the connection failed",
    TIMEOUT: "no answer in time",
}
RETRIED = {CONFLICT, LIMITED, SERVER, RESET, TIMEOUT}

COMMENT_CALLS = {
    "read the pull request": ("GET", r"/pulls/7$", "pull-requests: read"),
    "list the comments": ("GET", r"/issues/7/comments$", "pull-requests: read"),
    "create": ("POST", r"/issues/7/comments$", "pull-requests: write"),
    "edit": ("PATCH", r"/issues/comments/\d+$", "pull-requests: write"),
}


@pytest.fixture
def github(faulty_github, request):
    # Only what is meant to time out does: on a busy machine a second can pass before an honest answer.
    timed_out = hasattr(request.node, "callspec") and request.node.callspec.params.get("status") == TIMEOUT
    return faulty_github.with_policy(attempts=ATTEMPTS, request_timeout_seconds=1 if timed_out else 30)


def _post(github, *, hide=False):
    request = CommentRequest(render=_fixed(f"{MARKER}\nnew"), key="default", head_sha=HEAD, hide_when_resolved=hide)
    return post_comment(github.client, github.repository, 7, request, calls=github.calls)


def _assert_said(warning, status, permission):
    assert SAID[status] in warning
    assert (f"`{permission}`" in warning) is (status in {FORBIDDEN, MISSING})
    assert (f"{ATTEMPTS} attempts" in warning) is (status in RETRIED)


@pytest.mark.parametrize("status", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("call", COMMENT_CALLS)
def test_comment_names_failed_call_without_exception(github, fake_api, call, status):
    method, path, permission = COMMENT_CALLS[call]
    if call == "edit":
        github.fake.add_comment(f"{MARKER}\nold")
    github.fake.faults.append(fake_api.Fault(method, path, status))
    outcome = _post(github)
    assert outcome.action is CommentAction.FAILED
    _assert_said(outcome.warnings[-1], status, permission)
    assert "new" not in str(github.fake.comments)


@pytest.mark.parametrize("status", FAULTS.values(), ids=FAULTS.keys())
def test_comment_with_unknown_login_is_posted(github, fake_api, status):
    ours = github.fake.add_comment(f"{MARKER}\nold")
    github.fake.faults += [fake_api.Fault("POST", "/graphql", status), fake_api.Fault("GET", "/user$", status)]
    assert _post(github).action is CommentAction.UPDATED
    assert ours["body"] == f"{MARKER}\nnew"


@pytest.mark.parametrize("status", FAULTS.values(), ids=FAULTS.keys())
def test_undeletable_duplicate_does_not_stop_comment(github, fake_api, status):
    github.fake.add_comment(f"{MARKER}\nold")
    github.fake.add_comment(f"{MARKER}\nduplicate")
    github.fake.faults.append(fake_api.Fault("DELETE", "/issues/comments/", status))
    outcome = _post(github)
    assert outcome.action is CommentAction.UPDATED
    assert len(github.fake.comments) == 2
    # 404 is what the other of two runs leaves behind, which is as wanted.
    assert len(outcome.warnings) == (status != MISSING)
    assert all(SAID[status] in warning for warning in outcome.warnings)


@pytest.mark.parametrize("status", FAULTS.values(), ids=FAULTS.keys())
def test_unhideable_comment_is_posted(github, fake_api, status):
    github.fake.faults.append(fake_api.Fault("POST", "/graphql", status, times=1_000))
    outcome = _post(github, hide=True)
    assert outcome.action is CommentAction.CREATED
    assert len(outcome.warnings) == 1
    assert "hide or show the comment" in outcome.warnings[0]


@pytest.mark.parametrize("status", [SERVER, RESET, TIMEOUT])
def test_lost_answer_causes_no_second_comment(github, fake_api, status):
    github.fake.faults.append(fake_api.Fault("POST", "/issues/7/comments", status, times=1, after=True))
    outcome = _post(github)
    assert outcome.action is CommentAction.CREATED
    assert len(github.fake.comments) == 1
    assert github.fake.count("POST", "/issues/7/comments") == 1


@pytest.mark.parametrize("status", [SERVER, RESET, TIMEOUT, LIMITED, CONFLICT])
@pytest.mark.parametrize("call", COMMENT_CALLS)
def test_temporary_fault_is_retried(github, fake_api, call, status):
    method, path, _ = COMMENT_CALLS[call]
    if call == "edit":
        github.fake.add_comment(f"{MARKER}\nold")
    github.fake.faults.append(fake_api.Fault(method, path, status, times=1))
    outcome = _post(github)
    assert outcome.warnings == ()
    assert [comment["body"] for comment in github.fake.comments] == [f"{MARKER}\nnew"]
    assert github.sleeps == [2.0]


CHECK_CALLS = {"create": ("POST", "/check-runs$"), "add annotations": ("PATCH", r"/check-runs/\d+$")}


@pytest.mark.parametrize("status", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("call", CHECK_CALLS)
def test_annotations_go_to_log_if_check_run_fails(github, fake_api, call, status):
    method, path = CHECK_CALLS[call]
    github.fake.faults.append(fake_api.Fault(method, path, status))
    annotations = tuple(
        Annotation(level=Level.NOTICE, title="t", message=f"m{number}.", path="Dockerfile") for number in range(55)
    )
    request = CheckRequest(
        name="Weighbridge",
        head_sha=HEAD,
        conclusion=Conclusion.SUCCESS,
        title="t",
        summary="s",
        annotations=annotations,
    )
    lines = []
    outcome = annotate(github.repository, request, calls=github.calls, write_line=lines.append, in_actions=True)
    _assert_said(outcome.warnings[0], status, "checks: write")
    assert [f"m{number}." in lines[number - 55] for number in (50, 51, 52, 53, 54)] == [True] * 5
    assert len(lines) == (55 if call == "create" else 5)


OVERRIDE_CALLS = {
    "read the pull request": (r"/pulls/7$", False),
    "read the events": (r"/issues/7/events$", False),
    "list the comments": (r"/issues/7/comments$", True),
}


@pytest.mark.parametrize("status", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("call", OVERRIDE_CALLS)
def test_unreadable_override_does_not_pass(github, fake_api, call, status):
    path, counts = OVERRIDE_CALLS[call]
    github.fake.pulls[7]["labels"] = [{"name": LABEL}]
    github.fake.add_label_event(LABEL, login="maintainer", at="2026-05-01T10:20:30Z")
    github.fake.faults.append(fake_api.Fault("GET", path, status))
    outcome = read_override(github.repository, 7, label=LABEL, calls=github.calls)
    assert (outcome.override is not None) is counts  # without the comments only the reason is not known
    _assert_said(outcome.warnings[0], status, "pull-requests: read")


PATCH = "@@ -1,1 +1,2 @@\n FROM debian\n+RUN a"
SUGGESTION_CALLS = {
    "read the pull request": ("GET", r"/pulls/7$", "pull-requests: read"),
    "list the review comments": ("GET", r"/pulls/7/comments$", "pull-requests: read"),
    "read the diff": ("GET", r"/pulls/7/files$", "pull-requests: read"),
    "create": ("POST", r"/pulls/7/comments$", "pull-requests: write"),
    "delete": ("DELETE", r"/pulls/comments/\d+$", "pull-requests: write"),
}


@pytest.mark.parametrize("status", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("call", SUGGESTION_CALLS)
def test_suggestions_name_failed_call_without_exception(github, fake_api, call, status):
    method, path, permission = SUGGESTION_CALLS[call]
    github.fake.add_file("Dockerfile", PATCH)
    new = Suggestion(path="Dockerfile", start_line=2, replaced=("RUN a",), replacement="RUN b", explanation="e")
    old = Suggestion(path="Dockerfile", start_line=2, replaced=("RUN a",), replacement="RUN c", explanation="e")
    github.fake.add_review_comment(suggestion_body("default", old))
    github.fake.faults.append(fake_api.Fault(method, path, status))
    outcome = sync_suggestions(
        github.client, github.repository, 7, [new], key="default", head_sha=HEAD, calls=github.calls
    )
    if call == "delete" and status == MISSING:
        assert (outcome.warnings, outcome.posted) == ((), 1)  # it is gone, as it should be
        return
    _assert_said(outcome.warnings[0], status, permission)
    assert outcome.posted == (call == "delete")


ARTIFACT_CALLS = {
    "list the artifacts": r"/runs/5/artifacts$",
    "read the run": r"/runs/5$",
    "download": r"/artifacts/\d+/zip$",
}


@pytest.mark.parametrize("status", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("call", ARTIFACT_CALLS)
def test_unavailable_artifact_is_github_error(github, fake_api, call, status):
    github.fake.add_run(5)
    github.fake.add_artifact("weighbridge", b"data")
    github.fake.faults.append(fake_api.Fault("GET", ARTIFACT_CALLS[call], status))
    with pytest.raises(GitHubError) as caught:
        download_artifact(github.repository, 5, name="weighbridge", token="t", calls=github.calls, api_url=github.url)
    _assert_said(str(caught.value), status, "actions: read")


def test_secondary_rate_limit_waits_requested_time(github, fake_api):
    message = "You have exceeded a secondary rate limit. Please wait a few minutes."
    fault = fake_api.Fault("POST", "/issues/7/comments", 403, {"Retry-After": "41"}, message=message, times=1)
    github.fake.faults.append(fault)
    assert _post(github).action is CommentAction.CREATED
    assert github.sleeps == [41.0]


def test_wait_is_limited_by_policy(github, fake_api):
    fault = fake_api.Fault("POST", "/issues/7/comments", 429, {"Retry-After": "3600"})
    github.fake.faults.append(fault)
    outcome = _post(github)
    assert outcome.action is CommentAction.FAILED
    assert "rate limit" in outcome.warnings[0]
    assert github.sleeps == []


def test_primary_rate_limit_is_not_slept_until_its_reset(github, fake_api):
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "99999999999"}
    message = "API rate limit exceeded for installation ID 1."
    github.fake.faults.append(fake_api.Fault("GET", "/pulls/7$", 403, headers, message=message))
    outcome = _post(github)
    assert outcome.action is CommentAction.FAILED
    assert "rate limit" in outcome.warnings[0]
    assert github.sleeps == []


def test_answer_not_json_object_fails_without_exception(github, fake_api):
    github.fake.pulls[7] = ["not", "a", "pull", "request"]
    outcome = _post(github)
    assert outcome.action is CommentAction.FAILED
    assert CallFailure.UNEXPECTED.value in outcome.warnings[0]
