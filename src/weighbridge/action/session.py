"""State that all steps of one run share: its inputs, its log, and its GitHub API."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from github import Github
from github.Repository import Repository

from weighbridge.action.inputs import Inputs
from weighbridge.github.client import DEFAULT_API_URL, Calls, connect_to_github
from weighbridge.github.event import Event
from weighbridge.github.log import ActionLog


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """The inputs, event and log of this run. `started_ms` is its start in ms of Unix time."""

    inputs: Inputs
    event: Event
    environment: Mapping[str, str]
    log: ActionLog
    started_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Api:
    """GitHub's API with the run's token."""

    client: Github
    repository: Repository
    calls: Calls
    token: str = field(repr=False)
    api_url: str


def connect_api(inputs: Inputs, repository: str, environment: Mapping[str, str]) -> Api | None:
    """The API of `repository`; ``None`` without a token. Raises UsageError for an invalid address."""
    if not inputs.token:
        return None
    api_url = environment.get("GITHUB_API_URL") or DEFAULT_API_URL
    client = connect_to_github(inputs.token, api_url=api_url)
    return Api(
        client=client, repository=client.get_repo(repository), calls=Calls(), token=inputs.token, api_url=api_url
    )
