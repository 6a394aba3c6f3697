"""The event payloads that GitHub's own webhook documentation is made from."""

from __future__ import annotations

import copy

import pytest

from weighbridge.github.comparison import (
    CompareCommits,
    CompareFirstParent,
    CompareMergeBase,
    NothingToCompare,
    choose_comparison,
)
from weighbridge.github.event import (
    BranchEvent,
    MergeGroupEvent,
    PullRequestEvent,
    PushEvent,
    WorkflowRunEvent,
    parse_event,
)

ENVIRONMENT = {
    "GITHUB_REPOSITORY": "octo-org/octo-repo",
    "GITHUB_SHA": "4" * 40,
    "GITHUB_REF": "refs/heads/main",
}
CHECKED_OUT = "5" * 40


@pytest.mark.parametrize(
    ("name", "kind", "count"),
    [
        ("pull_request", PullRequestEvent, 29),
        ("push", PushEvent, 7),
        ("merge_group", MergeGroupEvent, 2),
        ("workflow_dispatch", BranchEvent, 2),
        ("workflow_run", WorkflowRunEvent, 5),
    ],
)
def test_every_published_payload_is_understood(webhook_examples, name, kind, count):
    events = [parse_event(name, payload, ENVIRONMENT) for payload in webhook_examples[name]]
    assert len(events) == count
    assert all(isinstance(event, kind) for event in events)
    comparisons = [
        choose_comparison(event, checked_out_sha=CHECKED_OUT, checked_out_parents=("6" * 40,)) for event in events
    ]
    assert all(comparison.why for comparison in comparisons)


def _opened(webhook_examples):
    payloads = webhook_examples["pull_request"]
    return copy.deepcopy(next(payload for payload in payloads if payload["action"] == "synchronize"))


def test_checked_out_merge_commit_is_compared_with_its_first_parent(webhook_examples):
    event = parse_event("pull_request", _opened(webhook_examples), ENVIRONMENT)
    parents = ("7" * 40, event.head_sha)
    comparison = choose_comparison(event, checked_out_sha=CHECKED_OUT, checked_out_parents=parents)
    assert isinstance(comparison, CompareCommits)
    assert (comparison.base_sha, comparison.head_sha) == ("7" * 40, CHECKED_OUT)


def test_checked_out_head_is_compared_with_merge_base(webhook_examples):
    event = parse_event("pull_request", _opened(webhook_examples), ENVIRONMENT)
    parents = ("7" * 40, "8" * 40)
    comparison = choose_comparison(event, checked_out_sha=event.head_sha, checked_out_parents=parents)
    assert isinstance(comparison, CompareMergeBase)
    assert (comparison.base_sha, comparison.head_sha) == (event.base_sha, event.head_sha)


def test_any_other_checked_out_commit_is_compared_with_merge_base(webhook_examples):
    event = parse_event("pull_request", _opened(webhook_examples), ENVIRONMENT)
    comparison = choose_comparison(event, checked_out_sha=CHECKED_OUT, checked_out_parents=())
    assert isinstance(comparison, CompareMergeBase)
    assert comparison.head_sha == CHECKED_OUT
    assert "neither" in comparison.why


def test_published_pull_request_event_has_repository_and_draft(webhook_examples):
    events = [parse_event("pull_request", payload, ENVIRONMENT) for payload in webhook_examples["pull_request"]]
    assert not any(event.from_fork for event in events)
    assert {event.action for event in events if event.draft} == {"converted_to_draft"}


def test_closed_pull_request_is_skipped(webhook_examples):
    closed = [payload for payload in webhook_examples["pull_request"] if payload["action"] == "closed"]
    event = parse_event("pull_request", closed[0], ENVIRONMENT)
    comparison = choose_comparison(event, checked_out_sha=CHECKED_OUT, checked_out_parents=())
    assert isinstance(comparison, NothingToCompare)


def test_pull_request_of_fork_and_of_deleted_fork_are_forks(webhook_examples):
    payload = _opened(webhook_examples)
    payload["pull_request"]["head"]["repo"]["full_name"] = "contributor/Hello-World"
    event = parse_event("pull_request", payload, ENVIRONMENT)
    assert (event.from_fork, event.head_repository) == (True, "contributor/Hello-World")
    payload["pull_request"]["head"]["repo"] = None
    event = parse_event("pull_request", payload, ENVIRONMENT)
    assert (event.from_fork, event.head_repository) == (True, None)


def test_first_push_of_default_branch_is_compared_with_parent(webhook_examples):
    payload = next(item for item in webhook_examples["push"] if item["ref"] == "refs/heads/master")
    event = parse_event("push", payload, ENVIRONMENT)
    comparison = choose_comparison(event, checked_out_sha=CHECKED_OUT, checked_out_parents=())
    assert comparison == CompareFirstParent(
        head_ref="refs/heads/master",
        head_sha=payload["after"],
        why="first push: compared with the commit's first parent",
    )


def test_deleted_ref_is_skipped(webhook_examples):
    payload = next(item for item in webhook_examples["push"] if item["deleted"])
    event = parse_event("push", payload, ENVIRONMENT)
    assert event.after_sha is None
    comparison = choose_comparison(event, checked_out_sha=CHECKED_OUT, checked_out_parents=())
    assert isinstance(comparison, NothingToCompare)


def test_merge_group_is_compared_with_its_base(webhook_examples):
    payload = webhook_examples["merge_group"][0]
    event = parse_event("merge_group", payload, ENVIRONMENT)
    comparison = choose_comparison(event, checked_out_sha=CHECKED_OUT, checked_out_parents=())
    assert isinstance(comparison, CompareCommits)
    assert comparison.base_sha == payload["merge_group"]["base_sha"]
    assert comparison.head_sha == payload["merge_group"]["head_sha"]


def test_published_workflow_run_mostly_names_no_pull_request(webhook_examples):
    events = [parse_event("workflow_run", payload, ENVIRONMENT) for payload in webhook_examples["workflow_run"]]
    assert [len(event.pull_requests) for event in events].count(0) == 4
    assert max(event.pull_requests for event in events) == ((2, "ec26c3e57ca3a959ca5aad62de7213c562f8c821"),)
