"""The two commits of a run, found in real repositories."""

from __future__ import annotations

import pytest

from weighbridge.action.commits import pinned_sides
from weighbridge.github.comparison import CompareFirstParent, CompareMergeBase
from weighbridge.plan.fetch import Remote, borrowed_history
from weighbridge.plan.git import call_git, open_repository


@pytest.fixture
def history(git_folder):
    git_folder.commit({"Dockerfile": "FROM scratch\n"})
    with borrowed_history(open_repository(git_folder.root), Remote(url="http://127.0.0.1:9/o/r"), name="r") as opened:
        yield opened


def test_first_commit_is_compared_with_commit_without_files(history, git_folder):
    head = git_folder.commit({"Dockerfile": "FROM busybox\n"})
    first = history.first_parent(head)
    comparisons = [
        CompareFirstParent(head_ref="main", head_sha=first, why="the first push"),
        CompareMergeBase(base_ref="main", base_sha=first, head_ref="x", head_sha=first, why="merged"),
    ]
    for comparison in comparisons:
        sides = pinned_sides(history, comparison)
        assert (sides.base.ref, sides.base.sha, sides.head_sha) == ("nothing", None, first)
        assert call_git(history.repository, ["ls-tree", sides.base_sha]) == ""


def test_commit_is_compared_with_its_first_parent(history, git_folder):
    first = git_folder.commit({"a": "1"})
    head = git_folder.commit({"a": "2"})
    sides = pinned_sides(history, CompareFirstParent(head_ref="main", head_sha=head, why="a push"))
    assert (sides.base.ref, sides.base_sha, sides.head_sha) == ("main~1", first, head)


def test_merged_head_is_compared_with_its_parent(history, git_folder):
    first = git_folder.commit({"a": "1"})
    head = git_folder.commit({"a": "2"})
    tip = git_folder.commit({"a": "3"})
    merged = CompareMergeBase(base_ref="main", base_sha=tip, head_ref="x", head_sha=head, why="merged")
    sides = pinned_sides(history, merged)
    assert (sides.base_sha, sides.head_sha, sides.rules_sha) == (first, head, tip)
