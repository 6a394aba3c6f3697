"""The retry policy: attempts, waits, and the last message."""

from __future__ import annotations

import pytest
import requests
from github import GithubException

from weighbridge.errors import UsageError
from weighbridge.github.client import CallFailure, CallPolicy, Calls, GitHubError, connect_to_github


class Clock:
    """A clock that only sleeping moves on."""

    def __init__(self):
        self.seconds = 0.0
        self.sleeps = []

    def __call__(self):
        return self.seconds

    def sleep(self, seconds):
        self.sleeps.append(seconds)
        self.seconds += seconds


def _failing(*errors):
    """A call that raises `errors` one after the other, the last one for ever."""
    left = list(errors)

    def call():
        raise left.pop(0) if len(left) > 1 else left[0]

    return call


def _error(status, message="said", headers=None):
    return GithubException(status, {"message": message}, headers or {})


def _calls(clock, **policy):
    return Calls(CallPolicy(**policy), sleep=clock.sleep, clock=clock, now=lambda: 1000.0)


def test_waits_double_and_attempts_are_bounded():
    clock = Clock()
    with pytest.raises(GitHubError, match=r"could not do it: GitHub's server failed \(HTTP 502: said\) \(4 attempts\)"):
        _calls(clock).run("do it", _failing(_error(502)))
    assert clock.sleeps == [2.0, 4.0, 8.0]


def test_permanent_failure_is_not_retried():
    clock = Clock()
    for status in (400, 401, 403, 404, 410, 422):
        with pytest.raises(GitHubError):
            _calls(clock).run("do it", _failing(_error(status)))
    assert clock.sleeps == []


def test_all_waits_of_all_calls_together_are_bounded():
    clock = Clock()
    calls = _calls(clock, total_seconds=20.0)
    for _ in range(5):
        with pytest.raises(GitHubError):
            calls.run("do it", _failing(_error(503)))
    assert clock.seconds <= 20.0


def test_single_wait_never_exceeds_its_limit():
    clock = Clock()
    with pytest.raises(GitHubError, match="rate limit"):
        _calls(clock).run("do it", _failing(_error(429, headers={"Retry-After": "61"})))
    assert clock.sleeps == []


def test_rate_limit_with_near_reset_waits():
    clock = Clock()
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1030"}
    with pytest.raises(GitHubError):
        _calls(clock, attempts=2).run("do it", _failing(_error(429, headers=headers)))
    assert clock.sleeps == [31.0]


@pytest.mark.parametrize("value", ["soon", "-1", "1e9", "9" * 30, "Wed, 21 Oct 2026 07:28:00 GMT", "½"])
def test_retry_after_not_number_is_ignored(value):
    clock = Clock()
    with pytest.raises(GitHubError):
        _calls(clock, attempts=2).run("do it", _failing(_error(429, headers={"Retry-After": value})))
    assert clock.sleeps == [2.0]


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (requests.ConnectTimeout(), CallFailure.TIMEOUT),
        (requests.ReadTimeout(), CallFailure.TIMEOUT),
        (requests.ConnectionError(), CallFailure.CONNECTION),
        (ConnectionResetError(), CallFailure.CONNECTION),
        (_error(401), CallFailure.UNAUTHORIZED),
        (_error(403), CallFailure.FORBIDDEN),
        (_error(403, headers={"Retry-After": "1"}), CallFailure.RATE_LIMITED),
        (_error(418), CallFailure.UNEXPECTED),
        (AssertionError("an assertion of PyGithub's"), CallFailure.UNEXPECTED),
        (RecursionError(), CallFailure.UNEXPECTED),
    ],
)
def test_every_error_becomes_failure_of_kind(error, failure):
    with pytest.raises(GitHubError) as caught:
        _calls(Clock()).run("do it", _failing(error))
    assert caught.value.failure is failure


def test_text_from_github_is_one_printable_line():
    with pytest.raises(GitHubError) as caught:
        _calls(Clock()).run("do it", _failing(_error(422, message="a\n::add-mask::b\x1b[31m" + "x" * 9_999)))
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_own_errors_pass_unchanged():
    with pytest.raises(UsageError, match="mine"):
        _calls(Clock()).run("do it", _failing(UsageError("mine")))


def test_creation_already_done_is_not_repeated():
    made = []

    def create():
        made.append(1)
        raise requests.ReadTimeout

    _calls(Clock()).create("make it", create, already_done=lambda: bool(made))
    assert made == [1]


def test_creation_refused_is_repeated():
    answers = [_error(429), None]

    def create():
        if (error := answers.pop(0)) is not None:
            raise error

    def never():
        raise AssertionError("a refusal leaves nothing open")

    _calls(Clock()).create("make it", create, already_done=never)
    assert answers == []


@pytest.mark.parametrize(
    "url", ["", "api.github.com", "file:///etc/passwd", "https://user:pw@host/", "https://host/?a", "https://"]
)
def test_api_address_invalid_is_refused(url):
    with pytest.raises(UsageError, match="GITHUB_API_URL"):
        connect_to_github("token", api_url=url)


def test_token_is_in_no_text_of_client():
    client = connect_to_github("ghs_secret")
    assert "ghs_secret" not in repr(client)
    assert "ghs_secret" not in str(client.requester)
