"""The comment, against a GitHub whose every request and answer is checked against GitHub's own API description."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from weighbridge.errors import UsageError
from weighbridge.github.client import connect_to_github
from weighbridge.github.comment import CommentAction, CommentMode, CommentRequest, post_comment
from weighbridge.report.markdown import comment_marker

HEAD = "1" * 40
MARKER = "<!-- weighbridge:v1:default -->"


def _fixed(body):
    """A `render` that does not depend on the comment that it replaces."""
    return lambda _: body


REQUEST = CommentRequest(render=_fixed(f"{MARKER}\n### grew"), key="default", head_sha=HEAD)
BOT = "github-actions[bot]"


def _post(github, request=REQUEST):
    return post_comment(github.client, github.repository, 7, request, calls=github.calls)


def _bodies(github):
    return [comment["body"] for comment in github.fake.comments]


def test_first_run_creates_comment_and_gives_its_address(github):
    outcome = _post(github)
    assert outcome.action is CommentAction.CREATED
    assert outcome.warnings == ()
    assert outcome.url == github.fake.comments[0]["html_url"]
    assert _bodies(github) == [f"{MARKER}\n### grew"]


def test_second_run_edits_in_place(github):
    _post(github)
    outcome = _post(github, replace(REQUEST, render=_fixed(f"{MARKER}\n### shrank")))
    assert outcome.action is CommentAction.UPDATED
    assert _bodies(github) == [f"{MARKER}\n### shrank"]


def test_unchanged_comment_is_not_written(github):
    github.fake.add_comment(f"{MARKER}\r\n### grew\r\n  ")
    outcome = _post(github)
    assert outcome.action is CommentAction.UNCHANGED
    assert github.fake.count("PATCH", "") == 0
    assert github.fake.count("POST", "/comments") == 0


def test_edit_of_earlier_run_keeps_later_comment(github):
    later = replace(REQUEST, render=_fixed(f"{MARKER}\n### later"), started_ms=2_000)
    earlier = replace(REQUEST, render=_fixed(f"{MARKER}\n### earlier, with tips"), started_ms=1_000)
    assert _post(github, later).action is CommentAction.CREATED
    assert _post(github, earlier).action is CommentAction.STALE
    (body,) = _bodies(github)
    assert body.startswith(f"{MARKER}\n### later")


def test_second_edit_of_one_run_and_edit_of_later_run_count(github):
    first = replace(REQUEST, render=_fixed(f"{MARKER}\n### pending"), started_ms=1_000)
    assert _post(github, first).action is CommentAction.CREATED
    assert _post(github, replace(first, render=_fixed(f"{MARKER}\n### with tips"))).action is CommentAction.UPDATED
    assert (
        _post(github, replace(first, render=_fixed(f"{MARKER}\n### newer"), started_ms=3_000)).action
        is CommentAction.UPDATED
    )
    assert _bodies(github) == [f"{MARKER}\n### newer\n\n<!-- weighbridge:started:3000 -->"]


def test_later_run_with_same_text_does_not_write(github):
    _post(github, replace(REQUEST, started_ms=1_000))
    assert _post(github, replace(REQUEST, started_ms=2_000)).action is CommentAction.UNCHANGED
    assert github.fake.count("PATCH", "") == 0


def test_marker_is_put_first_when_body_has_none(github):
    _post(github, replace(REQUEST, render=_fixed("### grew")))
    assert _bodies(github) == [f"{MARKER}\n### grew"]


def test_comments_of_other_keys_and_authors_are_unchanged(github):
    others = [
        github.fake.add_comment(f"{MARKER}\nI am not a bot", login="mallory"),
        github.fake.add_comment(f"{MARKER}\nalmost", login="github-actions"),
        github.fake.add_comment("<!-- weighbridge:v1:arm -->\nanother workflow"),
        github.fake.add_comment(f"look at this:\n{MARKER}\nquoted"),
    ]
    before = [other["body"] for other in others]
    outcome = _post(github)
    assert outcome.action is CommentAction.CREATED
    assert [other["body"] for other in others] == before
    assert len(github.fake.comments) == 5


def test_our_comment_is_found_on_later_page(github):
    for number in range(230):
        github.fake.add_comment(f"chatter {number}", login="alice")
    ours = github.fake.add_comment(f"{MARKER}\nold")
    for number in range(30):
        github.fake.add_comment(f"more {number}", login="alice")
    outcome = _post(github)
    assert outcome.action is CommentAction.UPDATED
    assert ours["body"] == f"{MARKER}\n### grew"
    assert github.fake.count("GET", r"/issues/7/comments.*page=3") == 2


def test_older_duplicates_are_removed_and_oldest_is_kept(github):
    first = github.fake.add_comment(f"{MARKER}\nold")
    github.fake.add_comment(f"{MARKER}\nduplicate")
    github.fake.add_comment(f"{MARKER}\nanother")
    _post(github)
    assert github.fake.comments == [first]


@pytest.mark.parametrize(
    ("mode", "has_changes", "has_failures", "posted"),
    [
        (CommentMode.ALWAYS, False, False, True),
        (CommentMode.CHANGES, False, False, False),
        (CommentMode.CHANGES, True, False, True),
        (CommentMode.CHANGES, False, True, True),
        (CommentMode.FAILURES, True, False, False),
        (CommentMode.FAILURES, True, True, True),
        (CommentMode.NEVER, True, True, False),
    ],
)
def test_mode_decides_whether_new_comment_is_made(github, mode, has_changes, has_failures, posted):
    outcome = _post(github, replace(REQUEST, mode=mode, has_changes=has_changes, has_failures=has_failures))
    assert (outcome.action is CommentAction.CREATED) is posted
    assert len(github.fake.comments) == posted


@pytest.mark.parametrize("mode", [CommentMode.CHANGES, CommentMode.FAILURES])
def test_comment_existing_is_updated_although_mode_creates_none(github, mode):
    github.fake.add_comment(f"{MARKER}\n### over the limit")
    outcome = _post(github, replace(REQUEST, mode=mode, has_changes=False, has_failures=False))
    assert outcome.action is CommentAction.UPDATED
    assert _bodies(github) == [f"{MARKER}\n### grew"]


def test_stale_head_does_not_overwrite_newer_comment(github):
    github.fake.add_comment(f"{MARKER}\nfor the newer head")
    github.fake.pulls[7]["head"]["sha"] = "9" * 40
    outcome = _post(github)
    assert outcome.action is CommentAction.STALE
    assert "999999999999" in outcome.reason
    assert _bodies(github) == [f"{MARKER}\nfor the newer head"]


def test_two_simultaneous_creations_end_with_one_comment(github):
    # The other run's comment appears between our listing and our creating.
    github.fake.before.append(
        ("POST", "/issues/7/comments", lambda: github.fake.add_comment(f"{MARKER}\n### the other run's"))
    )
    _post(github)
    assert _bodies(github) == [f"{MARKER}\n### grew"]


def test_comment_deleted_during_edit_is_created_again(faulty_github):
    github = faulty_github  # the description leaves out that an edit can be answered with 404
    github.fake.add_comment(f"{MARKER}\nold")
    github.fake.before.append(("PATCH", "/issues/comments/", github.fake.comments.clear))
    outcome = _post(github)
    assert outcome.action is CommentAction.CREATED
    assert _bodies(github) == [f"{MARKER}\n### grew"]


def test_head_moved_during_write_is_noticed(github):
    def push():
        github.fake.pulls[7]["head"]["sha"] = "9" * 40

    github.fake.before.append(("POST", "/issues/7/comments", push))
    assert _post(github).action is CommentAction.STALE


def test_duplicate_removed_by_other_run_gives_no_warning(faulty_github):
    github = faulty_github  # nor does it have the 404 of a deletion
    github.fake.add_comment(REQUEST.render(None))
    duplicate = github.fake.add_comment(f"{MARKER}\nduplicate")
    github.fake.before.append(("DELETE", "", lambda: github.fake.comments.remove(duplicate)))
    outcome = _post(github)
    assert outcome.warnings == ()
    assert len(github.fake.comments) == 1


def test_too_long_body_is_never_sent(github):
    body = f"{MARKER}\n" + "x" * 65_536
    outcome = _post(github, replace(REQUEST, render=_fixed(body)))
    assert outcome.action is CommentAction.FAILED
    assert "65536" in outcome.reason
    assert [method for method, _ in github.fake.requests if method != "GET"] == []


def test_render_gets_body_of_replaced_comment(github):
    seen = []

    def render(replaced):
        seen.append(replaced)
        return f"{MARKER}\n### run {len(seen)}" if len(seen) < 3 else f"{MARKER}\n### run 2"

    assert _post(github, replace(REQUEST, render=render)).action is CommentAction.CREATED
    assert seen == [None, f"{MARKER}\n### run 1", f"{MARKER}\n### run 2"]
    assert _bodies(github) == [f"{MARKER}\n### run 2"]


def test_longest_body_allowed_is_created_and_edited(github):
    body = f"{MARKER}\n".ljust(65_536, "x")
    assert _post(github, replace(REQUEST, render=_fixed(body))).action is CommentAction.CREATED
    other = f"{MARKER}\n".ljust(65_536, "y")
    assert _post(github, replace(REQUEST, render=_fixed(other))).action is CommentAction.UPDATED
    assert _bodies(github) == [other]


def test_missing_permission_is_named_without_exception(github):
    github.fake.permissions.discard("pull-requests")
    outcome = _post(github)
    assert outcome.action is CommentAction.FAILED
    assert "`pull-requests: write`" in outcome.warnings[0]
    assert "docs/forks.md" in outcome.warnings[0]


def test_resolved_comment_is_hidden_and_shown_again(github):
    request = replace(REQUEST, hide_when_resolved=True)
    _post(github, request)
    assert github.fake.comments[0]["minimized"] == {"reason": "resolved"}
    broken = replace(request, render=_fixed(f"{MARKER}\n### broken"), has_failures=True)
    assert _post(github, broken).warnings == ()
    assert github.fake.comments[0]["minimized"] is None


@pytest.mark.parametrize("login", ["octocat", "weighbridge-app[bot]"])
def test_comments_of_personal_token_or_app_are_found_by_login(github, login):
    github.fake.login = login
    theirs = github.fake.add_comment(f"{MARKER}\nby the actions bot")
    ours = github.fake.add_comment(f"{MARKER}\nold", login=login)
    outcome = _post(github)
    assert outcome.action is CommentAction.UPDATED
    assert ours["body"] == f"{MARKER}\n### grew"
    assert theirs["body"] == f"{MARKER}\nby the actions bot"


def test_personal_token_without_graphql_is_found_by_user(github):
    github.fake.viewer_allowed = False
    github.fake.user_allowed = True
    github.fake.login = "octocat"
    ours = github.fake.add_comment(f"{MARKER}\nold", login="octocat")
    assert _post(github).action is CommentAction.UPDATED
    assert ours["body"] == f"{MARKER}\n### grew"


def test_login_unknown_defaults_to_actions_bot(github):
    github.fake.viewer_allowed = False
    github.fake.add_comment(f"{MARKER}\nold", login=BOT)
    assert _post(github).action is CommentAction.UPDATED


def test_enterprise_server_is_used_at_its_address():
    client = connect_to_github("token", api_url="https://github.example.test/api/v3/", seconds_between_writes=None)
    assert client.requester.base_url == "https://github.example.test/api/v3"
    assert client.requester.graphql_url == "https://github.example.test/api/graphql"


def test_enterprise_server_s_comment_is_found_over_pages_and_edited(faulty_github):
    github = faulty_github.at(faulty_github.url + "/api/v3")
    for number in range(120):
        github.fake.add_comment(f"chatter {number}", login="alice")
    ours = github.fake.add_comment(f"{MARKER}\nold")
    outcome = _post(github, replace(REQUEST, hide_when_resolved=True))
    assert (outcome.action, outcome.warnings) == (CommentAction.UPDATED, ())
    assert ours["body"] == f"{MARKER}\n### grew"
    assert github.fake.count("POST", "^/api/graphql$") == 2
    assert all(path.startswith("/api/") for _, path in github.fake.requests)


def test_racing_runs_end_with_one_right_comment(faulty_github):
    for _ in range(15):
        faulty_github.fake.reset()
        faulty_github.fake.add_pull()
        barrier = threading.Barrier(3)

        def run(number, barrier=barrier):
            github = faulty_github.at(faulty_github.url)
            barrier.wait()
            return _post(github, replace(REQUEST, render=_fixed(f"{MARKER}\nrun {number}")))

        with ThreadPoolExecutor(3) as pool:
            outcomes = list(pool.map(run, range(3)))
        bodies = _bodies(faulty_github)
        assert [outcome.warnings for outcome in outcomes] == [()] * 3
        assert len(bodies) == 1
        assert bodies[0] in {f"{MARKER}\nrun {number}" for number in range(3)}


@pytest.mark.parametrize("key", ["", "a b", "x" * 65, "a--b", "-->", "a\n"])
def test_key_able_to_break_marker_is_refused(key):
    with pytest.raises(UsageError, match="comment-key"):
        comment_marker(key)
