"""Suggested changes as review comments."""

from __future__ import annotations

from weighbridge.github.suggestions import Suggestion, suggestion_body, suggestion_marker, sync_suggestions

HEAD = "1" * 40
PATCH = '@@ -1,2 +1,4 @@\n FROM debian\n+RUN apt-get update\n+RUN apt-get install -y curl\n CMD ["/app"]'
APT = ("RUN apt-get update", "RUN apt-get install -y curl")
ONE = Suggestion(path="Dockerfile", start_line=2, replaced=APT, replacement="RUN a && b", explanation="Saves 2 MB.")
TWO = Suggestion(
    path="Dockerfile",
    start_line=4,
    replaced=('CMD ["/app"]',),
    replacement='CMD ["/b"]',
    explanation="Saves 1 MB.",
)


def _sync(github, *suggestions, **options):
    return sync_suggestions(
        github.client,
        github.repository,
        7,
        suggestions,
        key="default",
        head_sha=HEAD,
        calls=github.calls,
        **options,
    )


def test_suggestion_is_posted_on_its_lines(github):
    github.fake.add_file("Dockerfile", PATCH)
    outcome = _sync(github, ONE)
    assert (outcome.posted, outcome.warnings) == (1, ())
    comment = github.fake.review_comments[0]
    assert (comment["path"], comment["start_line"], comment["line"]) == ("Dockerfile", 2, 3)
    assert comment["body"].endswith("Saves 2 MB.\n\n```suggestion\nRUN a && b\n```")


def test_same_suggestion_is_never_repeated(github):
    github.fake.add_file("Dockerfile", PATCH)
    _sync(github, ONE, TWO)
    outcome = _sync(github, ONE, TWO)
    assert (outcome.posted, outcome.kept, outcome.removed) == (0, 2, 0)
    assert len(github.fake.review_comments) == 2


def test_lines_outside_of_diff_get_no_suggestion(github):
    github.fake.add_file("Dockerfile", PATCH)
    far = Suggestion(path="Dockerfile", start_line=40, replaced=("z",), replacement="x", explanation="y")
    other = Suggestion(path="other/Dockerfile", start_line=2, replaced=("z",), replacement="x", explanation="y")
    outcome = _sync(github, far, other)
    assert (outcome.posted, outcome.not_in_diff) == (0, 2)
    assert github.fake.count("POST", "/pulls/7/comments") == 0


def test_lines_different_in_diff_get_no_suggestion(github):
    github.fake.add_file("Dockerfile", PATCH)
    moved = Suggestion(path="Dockerfile", start_line=1, replaced=APT, replacement="RUN a && b", explanation="y")
    outcome = _sync(github, moved)
    assert (outcome.posted, outcome.not_in_diff) == (0, 1)


def test_suggestions_over_maximum_are_dropped(github):
    github.fake.add_file("Dockerfile", PATCH)
    outcome = _sync(github, ONE, TWO, maximum=1)
    assert (outcome.posted, outcome.over_maximum) == (1, 1)


def test_outdated_suggestion_is_removed_without_replies(github):
    github.fake.add_file("Dockerfile", PATCH)
    github.fake.add_review_comment(suggestion_body("default", TWO))
    answered = github.fake.add_review_comment(
        suggestion_body("default", Suggestion(path="a", start_line=1, replaced=("z",), replacement="", explanation="e"))
    )
    github.fake.add_review_comment("good point", login="alice", reply_to=answered["id"])
    strangers = github.fake.add_review_comment(suggestion_body("default", TWO), login="mallory")
    outcome = _sync(github, ONE)
    assert (outcome.posted, outcome.removed) == (1, 1)
    bodies = [comment["body"] for comment in github.fake.review_comments]
    assert len(bodies) == 4
    assert answered in github.fake.review_comments
    assert strangers in github.fake.review_comments


def test_outdated_comment_is_replaced(github):
    github.fake.add_file("Dockerfile", PATCH)
    github.fake.add_review_comment(suggestion_body("default", ONE), line=None)
    outcome = _sync(github, ONE)
    assert (outcome.posted, outcome.removed) == (1, 1)
    assert [comment["line"] for comment in github.fake.review_comments] == [3]


def test_newer_head_gets_no_suggestions(github):
    github.fake.pulls[7]["head"]["sha"] = "9" * 40
    outcome = _sync(github, ONE)
    assert "newer head" in outcome.warnings[0]
    assert github.fake.review_comments == []


def test_missing_permission_is_one_warning_for_all(github):
    github.fake.add_file("Dockerfile", PATCH)
    github.fake.permissions.discard("pull-requests")
    outcome = _sync(github, ONE, TWO)
    assert len(outcome.warnings) == 1
    assert "`pull-requests: write`" in outcome.warnings[0]


def test_lost_answer_causes_no_second_suggestion(faulty_github, fake_api):
    github = faulty_github
    github.fake.add_file("Dockerfile", PATCH)
    github.fake.faults.append(fake_api.Fault("POST", "/pulls/7/comments", 502, times=1, after=True))
    assert _sync(github, ONE).posted == 1
    assert len(github.fake.review_comments) == 1


def test_fence_is_longer_than_any_backticks_within():
    body = suggestion_body(
        "default", Suggestion(path="p", start_line=1, replaced=("z",), replacement="RUN echo ````", explanation="e")
    )
    assert body.endswith("`````suggestion\nRUN echo ````\n`````")


def test_removal_of_lines_is_empty_suggestion():
    body = suggestion_body(
        "k", Suggestion(path="p", start_line=1, replaced=("y", "z"), replacement="", explanation="e")
    )
    assert body.endswith("```suggestion\n```")


def test_marker_follows_content_and_not_position():
    moved = Suggestion(path="Dockerfile", start_line=12, replaced=APT, replacement="RUN a && b", explanation="other")
    assert suggestion_marker("default", moved) == suggestion_marker("default", ONE)
    assert suggestion_marker("default", TWO) != suggestion_marker("default", ONE)
