"""Accesses the GitHub API: a PyGithub client without its own retries, and the retry policy around it.

PyGithub's default retry sleeps until a rate limit resets, which can take most of an hour. Here every wait and their
sum are limited. A request that finally fails raises a `GitHubError` with the call and, if that is the cause, the
missing permission. Callers turn it into an outcome: GitHub never decides a verdict.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
import requests
from github import Auth, Github, GithubException
from github.GithubException import RateLimitExceededException
from github.Requester import Requester

from weighbridge import __version__
from weighbridge.errors import ExitCode, UsageError, WeighbridgeError
from weighbridge.github.plain_text import printable_line

DEFAULT_API_URL = "https://api.github.com"
PAGE_SIZE = 100
"""Items per page: the maximum of the API."""
MAXIMUM_LISTED_ITEMS = 10_000
"""Maximum items of a listing: a pull request with more comments is not worth the wait."""

T = TypeVar("T")


class CallFailure(enum.Enum):
    """The reason of a failed call, as far as the reaction differs."""

    UNAUTHORIZED = "the token is not valid"
    FORBIDDEN = "the token may not do this"
    NOT_FOUND = "not found, or not visible to the token"
    CONFLICT = "another client changed it at the same time"
    INVALID = "GitHub refused the request as invalid"
    RATE_LIMITED = "rate limit"
    SERVER = "GitHub's server failed"
    TIMEOUT = "no answer in time"
    CONNECTION = "the connection failed"
    UNEXPECTED = "an unexpected answer"


_PASSING = frozenset(
    {CallFailure.CONFLICT, CallFailure.RATE_LIMITED, CallFailure.SERVER, CallFailure.TIMEOUT, CallFailure.CONNECTION}
)
"""Transient failures: another attempt may succeed."""

_MAYBE_DONE = frozenset({CallFailure.SERVER, CallFailure.TIMEOUT, CallFailure.CONNECTION, CallFailure.UNEXPECTED})
"""Failures after which the server may still have executed the request."""


class GitHubError(WeighbridgeError):
    """A call to GitHub finally failed. `failure` is the reason; the text names the call and, on 403, the permission."""

    exit_code = ExitCode.UNAVAILABLE

    def __init__(self, message: str, *, failure: CallFailure) -> None:
        super().__init__(message)
        self.failure = failure


@dataclass(frozen=True, kw_only=True, slots=True)
class CallPolicy:
    """Time limits for GitHub, in seconds. `total_seconds` applies to all calls of one `Calls` together."""

    attempts: int = 4
    first_backoff_seconds: float = 2.0
    longest_wait_seconds: float = 60.0
    total_seconds: float = 180.0
    request_timeout_seconds: int = 15


class Calls:
    """Runs calls under one `CallPolicy` and one shared time budget. Tests inject `sleep` and `clock`."""

    def __init__(
        self,
        policy: CallPolicy | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.policy = policy or CallPolicy()
        self._sleep = sleep
        self._clock = clock
        self._now = now
        self._deadline = clock() + self.policy.total_seconds

    def run(self, what: str, call: Callable[[], T], *, permission: str | None = None) -> T:
        """The result of `call`, after retries as the policy allows; `call` must be safe to repeat.

        `what` completes "could not …" in the error text; `permission` is the likely missing one after a 403.
        Raises GitHubError.
        """
        attempt = 1
        while True:
            try:
                return call()
            except WeighbridgeError:
                raise  # already has its message, or a nested call has already retried it
            except Exception as error:
                # The verdict must survive any answer of GitHub or a proxy: no unexpected error escapes.
                failure = classify(error)
                wait = self._wait_before_next(error, failure, attempt)
                if wait is None:
                    raise _github_error(what, error, failure, permission, attempt) from error
            self._sleep(wait)
            attempt += 1

    def create(
        self, what: str, call: Callable[[], object], *, already_done: Callable[[], bool], permission: str | None = None
    ) -> None:
        """Like `run`, for a `call` that creates something and must not create it twice.

        After a failure that leaves the result open (the answer was lost), calls `already_done` before the next attempt.
        Raises GitHubError.
        """
        unsure = False

        def once() -> None:
            nonlocal unsure
            if unsure and already_done():
                return
            unsure = False
            try:
                call()
            except Exception as error:
                unsure = classify(error) in _MAYBE_DONE
                raise

        self.run(what, once, permission=permission)

    def _wait_before_next(self, error: Exception, failure: CallFailure, attempt: int) -> float | None:
        """Seconds to wait before the next attempt, or ``None`` to give up."""
        if failure not in _PASSING or attempt >= self.policy.attempts:
            return None
        wait = self.policy.first_backoff_seconds * 2.0 ** (attempt - 1)
        if failure is CallFailure.RATE_LIMITED or isinstance(error, GithubException):
            wait = max(wait, _requested_wait_seconds(error, self._now()))
        if wait > self.policy.longest_wait_seconds or self._clock() + wait > self._deadline:
            return None
        return wait


def connect_to_github(
    token: str,
    *,
    api_url: str = DEFAULT_API_URL,
    policy: CallPolicy | None = None,
    seconds_between_writes: float | None = 1.0,
) -> Github:
    """A client for the API at `api_url` (``GITHUB_API_URL``; GitHub Enterprise Server: ``https://HOST/api/v3``).

    GitHub recommends a second between writes; tests pass ``None``. Raises UsageError for an invalid URL.
    """
    parts = urlsplit(api_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise UsageError(f"GITHUB_API_URL is not a valid URL of an API: {printable_line(api_url)}")
    return Github(
        auth=Auth.Token(token),
        base_url=api_url.rstrip("/"),
        timeout=(policy or CallPolicy()).request_timeout_seconds,
        user_agent=f"weighbridge/{__version__}",
        per_page=PAGE_SIZE,
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=seconds_between_writes,
        # Lazy: `get_repo` makes no request, so that every request runs inside a `Calls`.
        lazy=True,
    )


def read_pages(requester: Requester, url: str, kind: type[T], *, maximum_items: int = MAXIMUM_LISTED_ITEMS) -> list[T]:
    """All items of the listing at `url`, each converted to `kind` (a msgspec type), up to `maximum_items`.

    For listings whose items lack keys: PyGithub's objects would make one extra request for each missing key.
    """
    items: list[T] = []
    for page in range(1, maximum_items // PAGE_SIZE + 1):
        parameters = {"per_page": PAGE_SIZE, "page": page}
        _, answer = requester.requestJsonAndCheck("GET", url, parameters=parameters)
        found = msgspec.convert(answer, list[kind])  # type: ignore[valid-type]
        items += found
        if len(found) < PAGE_SIZE:
            break
    return items


def classify(error: Exception) -> CallFailure:
    """The `CallFailure` of an exception from PyGithub or `requests`."""
    match error:
        case RateLimitExceededException():
            return CallFailure.RATE_LIMITED
        case GithubException():
            return _classify_status(error)
        case requests.Timeout():
            return CallFailure.TIMEOUT
        case requests.ConnectionError() | ConnectionError():
            return CallFailure.CONNECTION
        case requests.exceptions.ChunkedEncodingError():
            return CallFailure.CONNECTION
        case _:
            return CallFailure.UNEXPECTED


def _classify_status(error: GithubException) -> CallFailure:
    status = error.status
    if status == 429 or (status == 403 and "retry-after" in _headers(error)):
        return CallFailure.RATE_LIMITED
    if status >= 500:
        return CallFailure.SERVER
    return {
        400: CallFailure.INVALID,
        401: CallFailure.UNAUTHORIZED,
        403: CallFailure.FORBIDDEN,
        404: CallFailure.NOT_FOUND,
        409: CallFailure.CONFLICT,
        410: CallFailure.NOT_FOUND,
        422: CallFailure.INVALID,
    }.get(status, CallFailure.UNEXPECTED)


def _requested_wait_seconds(error: Exception, now: float) -> float:
    """The wait that the answer requests: ``Retry-After``, otherwise until ``X-RateLimit-Reset`` if nothing remains."""
    headers = _headers(error)
    retry_after = headers.get("retry-after", "")
    if retry_after.isdecimal() and len(retry_after) < 10:
        return float(retry_after)
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal() and len(reset) < 12:
        return max(0.0, float(reset) - now) + 1.0
    return 0.0


def _headers(error: Exception) -> Mapping[str, str]:
    headers = error.headers if isinstance(error, GithubException) else None
    return {str(name).lower(): str(value) for name, value in (headers or {}).items()}


def _github_error(
    what: str, error: Exception, failure: CallFailure, permission: str | None, attempts: int
) -> GitHubError:
    text = f"could not {what}: {_reason_text(error, failure)}"
    if attempts > 1:
        text += f" ({attempts} attempts)"
    if failure in {CallFailure.FORBIDDEN, CallFailure.NOT_FOUND} and permission:
        text += (
            f". The token probably lacks the permission `{permission}`: add it under `permissions:` of the job. "
            "Pull requests from forks never have it: see docs/forks.md"
        )
    elif failure is CallFailure.UNAUTHORIZED:
        text += ". Give the action a valid `token`"
    return GitHubError(text + ".", failure=failure)


def _reason_text(error: Exception, failure: CallFailure) -> str:
    if isinstance(error, GithubException):
        data = error.data
        message = data.get("message") if isinstance(data, dict) else None
        said = f": {printable_line(str(message))}" if message else ""
        return f"{failure.value} (HTTP {error.status}{said})"
    return f"{failure.value} ({type(error).__name__})"
