"""Events without published payloads: refused, hostile and minimal ones."""

from __future__ import annotations

import json

import pytest

from weighbridge.errors import UsageError
from weighbridge.github.comparison import (
    CompareCommits,
    CompareFirstParent,
    CompareMergeBase,
    NothingToCompare,
    choose_comparison,
)
from weighbridge.github.event import (
    MAXIMUM_PAYLOAD_BYTES,
    BranchEvent,
    MergeGroupEvent,
    PushEvent,
    parse_event,
    read_event,
)

A, B, C, ZERO = "a" * 40, "b" * 40, "c" * 40, "0" * 40
REPOSITORY = {"full_name": "o/r", "default_branch": "main"}
ENVIRONMENT = {"GITHUB_REPOSITORY": "o/r", "GITHUB_SHA": A, "GITHUB_REF": "refs/heads/main"}


def _push(ref="refs/heads/topic", before=A, after=B):
    return parse_event("push", {"ref": ref, "before": before, "after": after, "repository": REPOSITORY}, {})


def _pull(**head):
    side = {"ref": "main", "sha": A, "repo": {"full_name": "o/r"}}
    return {
        "action": "opened",
        "number": 1,
        "repository": REPOSITORY,
        "pull_request": {"state": "open", "base": side, "head": {**side, "ref": "topic", "sha": B, **head}},
    }


def _choose(event, sha=C, parents=()):
    return choose_comparison(event, checked_out_sha=sha, checked_out_parents=parents)


def test_pull_request_target_is_refused_with_explanation():
    with pytest.raises(UsageError, match=r"pull_request_target is refused.*docs/forks\.md"):
        parse_event("pull_request_target", _pull(), {})


def test_unknown_event_is_refused_with_supported_events():
    with pytest.raises(UsageError, match=r"'issues' is not supported.*merge_group"):
        parse_event("issues", {}, {})


def test_push_is_compared_with_previous_commit():
    comparison = _choose(_push())
    assert isinstance(comparison, CompareCommits)
    assert (comparison.base_sha, comparison.head_sha) == (A, B)


def test_first_push_of_branch_is_compared_with_merge_base():
    event = _push(before=ZERO)
    assert isinstance(event, PushEvent)
    assert event.before_sha is None
    comparison = _choose(event)
    assert isinstance(comparison, CompareMergeBase)
    assert (comparison.base_ref, comparison.base_sha, comparison.head_sha) == ("refs/heads/main", None, B)


def test_first_push_of_tag_is_compared_with_merge_base():
    assert isinstance(_choose(_push(ref="refs/tags/v1", before=ZERO)), CompareMergeBase)


def test_deleted_branch_is_nothing_to_do():
    assert _choose(_push(after=ZERO)) == NothingToCompare(why="refs/heads/topic was deleted")


@pytest.mark.parametrize("name", ["schedule", "workflow_dispatch"])
def test_run_on_default_branch_is_compared_with_first_parent(name):
    event = parse_event(name, {"repository": REPOSITORY}, ENVIRONMENT)
    assert event == BranchEvent(name=name, repository="o/r", ref="refs/heads/main", head_sha=A, default_branch="main")
    assert isinstance(_choose(event, A), CompareFirstParent)


def test_schedule_without_repository_uses_environment():
    event = parse_event("schedule", {"schedule": "0 5 * * 1"}, ENVIRONMENT)
    assert event.repository == "o/r"
    assert isinstance(_choose(event, A), CompareFirstParent)


def test_dispatch_on_another_branch_is_compared_with_merge_base():
    environment = {**ENVIRONMENT, "GITHUB_REF": "refs/heads/topic"}
    comparison = _choose(parse_event("workflow_dispatch", {"repository": REPOSITORY}, environment), A)
    assert isinstance(comparison, CompareMergeBase)
    assert (comparison.base_ref, comparison.head_sha) == ("refs/heads/main", A)


def test_destroyed_merge_group_is_nothing_to_do():
    event = MergeGroupEvent(repository="o/r", action="destroyed", base_ref="x", base_sha=A, head_ref="y", head_sha=B)
    assert isinstance(_choose(event), NothingToCompare)


@pytest.mark.parametrize(
    "changes",
    [
        {"sha": "HEAD"},
        {"sha": "--upload-pack=x"},
        {"sha": A + "\n"},
        {"sha": None},
        {"ref": "a\nb"},
        {"ref": ""},
        {"ref": "x" * 2000},
        {"ref": 7},
        {"repo": {"full_name": "../../etc"}},
        {"repo": {"full_name": "a/b/c"}},
        {"repo": []},
    ],
)
def test_payload_undocumented_is_refused(changes):
    with pytest.raises(UsageError, match="The payload of the pull_request event does not match"):
        parse_event("pull_request", _pull(**changes), {})


@pytest.mark.parametrize("ref", ["$(id)", "-rf", "a;b", "`id`", "üñî", "a|b<img>"])
def test_branch_names_allowed_by_git_are_kept(ref):
    assert parse_event("pull_request", _pull(ref=ref), {}).head_ref == f"refs/heads/{ref}"


def test_event_is_read_from_file_runner_names(tmp_path):
    path = tmp_path / "event.json"
    path.write_text(json.dumps(_pull()))
    event = read_event({"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(path)})
    assert (event.number, event.repository, event.author) == (1, "o/r", "ghost")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b"\xff\xfe", "not a JSON object"),
        (b"[" * 100_000, "not a JSON object"),
        (b" " * (MAXIMUM_PAYLOAD_BYTES + 1), "exceeds"),
    ],
    ids=["empty", "array", "not-utf-8", "deep", "large"],
)
def test_event_file_invalid_is_refused(tmp_path, content, said):
    path = tmp_path / "event.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        read_event({"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": str(path)})


def test_missing_variables_and_files_raise_error(tmp_path):
    with pytest.raises(UsageError, match="inside GitHub Actions"):
        read_event({})
    with pytest.raises(UsageError, match="cannot be read"):
        read_event({"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": str(tmp_path / "none")})
