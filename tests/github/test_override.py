"""The override label, as GitHub recorded it."""

from __future__ import annotations

import pytest

from weighbridge.github.override import read_override
from weighbridge.report.model import Override

LABEL = "weighbridge: allow"


def _read(github, **options):
    return read_override(github.repository, 7, label=LABEL, calls=github.calls, **options)


@pytest.fixture
def labelled(github):
    github.fake.pulls[7]["labels"] = [
        {
            "id": 1,
            "node_id": "L1",
            "url": f"{github.url}/repos/octo-org/octo-repo/labels/1",
            "name": LABEL,
            "description": None,
            "color": "ededed",
            "default": False,
        }
    ]
    return github


def test_actor_time_and_reason_come_from_api(labelled):
    labelled.fake.add_label_event(LABEL, login="maintainer", at="2026-05-01T10:20:30Z")
    labelled.fake.add_comment("Weighbridge: allow CUDA needs it until March\nmore", login="maintainer")
    outcome = _read(labelled)
    assert outcome.override == Override(
        actor="maintainer", label=LABEL, at="2026-05-01T10:20:30Z", reason="CUDA needs it until March"
    )
    assert outcome.warnings == ()


def test_label_removed_gives_no_override(github):
    github.fake.add_label_event(LABEL, login="maintainer", at="2026-05-01T10:20:30Z")
    github.fake.add_label_event(LABEL, login="maintainer", event="unlabeled", at="2026-05-01T10:30:30Z")
    outcome = _read(github)
    assert outcome.override is None
    assert outcome.refused is None
    assert github.fake.count("GET", "/events") == 0


def test_newest_label_event_of_all_pages_counts(labelled):
    labelled.fake.add_label_event(LABEL, login="first", at="2026-05-01T10:20:30Z")
    for _ in range(150):
        labelled.fake.add_label_event("other", login="noise", at="2026-05-02T10:20:30Z")
    labelled.fake.add_label_event(LABEL, login="last", at="2026-05-03T10:20:30Z")
    assert _read(labelled).override.actor == "last"


def test_label_put_on_by_bot_does_not_count(labelled):
    labelled.fake.add_label_event(LABEL, login="labeler[bot]", at="2026-05-01T10:20:30Z")
    outcome = _read(labelled)
    assert outcome.override is None
    assert outcome.refused == "labeler[bot] is not a person"


def test_label_without_recorded_actor_does_not_count(labelled):
    outcome = _read(labelled)
    assert outcome.override is None
    assert outcome.refused == "GitHub does not record who added it"


def test_author_may_be_kept_from_overriding(labelled):
    labelled.fake.add_label_event(LABEL, login="author", at="2026-05-01T10:20:30Z")
    assert _read(labelled).override.actor == "author"
    refused = _read(labelled, author_may=False)
    assert refused.override is None
    assert refused.refused == "author is the pull request's author"


def test_reason_by_other_author_is_ignored(labelled):
    labelled.fake.add_label_event(LABEL, login="maintainer", at="2026-05-01T10:20:30Z")
    labelled.fake.add_comment(f"{LABEL} because I say so", login="mallory")
    assert _read(labelled).override.reason is None
