"""Check runs and annotations."""

from __future__ import annotations

from dataclasses import replace

from weighbridge.github.annotation import Annotation, Level
from weighbridge.github.checks import CheckRequest, Conclusion, annotate, publish_check

HEAD = "1" * 40
REQUEST = CheckRequest(
    name="Weighbridge", head_sha=HEAD, conclusion=Conclusion.FAILURE, title="api grew", summary="| a | b |"
)


def _annotations(count):
    return tuple(
        Annotation(level=Level.WARNING, title="t", message=f"m{number}", path="Dockerfile", start_line=3, end_line=3)
        for number in range(count)
    )


def test_check_run_is_completed_with_summary_and_conclusion(github):
    outcome = publish_check(github.repository, REQUEST, calls=github.calls)
    check = github.fake.checks[0]
    assert outcome.url == check["html_url"]
    assert (check["name"], check["head_sha"], check["conclusion"]) == ("Weighbridge", HEAD, "failure")
    assert check["sent"] == [{"title": "api grew", "summary": "| a | b |", "annotations": []}]


def test_annotations_go_out_in_batches_of_fifty(github):
    request = replace(REQUEST, annotations=_annotations(120))
    outcome = publish_check(github.repository, request, calls=github.calls)
    sent = [output["annotations"] for output in github.fake.checks[0]["sent"]]
    assert [len(batch) for batch in sent] == [50, 50, 20]
    assert [item["message"] for batch in sent for item in batch] == [f"m{number}" for number in range(120)]
    assert outcome.annotations_left == ()


def test_too_long_texts_are_cut_to_limit_of_api(github):
    huge = Annotation(level=Level.FAILURE, title="t" * 999, message="é" * 99_999, path="Dockerfile")
    request = replace(REQUEST, title="x" * 999, summary="long line\n" * 9_999, annotations=(huge,))
    outcome = publish_check(github.repository, request, calls=github.calls)
    sent = github.fake.checks[0]["sent"][0]
    assert outcome.warnings == ()
    assert len(sent["summary"]) <= 65_535
    assert sent["summary"].endswith("65,535 characters._\n")
    assert len(sent["annotations"][0]["message"].encode()) <= 65_536
    assert len(sent["annotations"][0]["title"]) == 255


def test_annotations_without_permission_become_workflow_commands(faulty_github):
    github = faulty_github  # the description leaves out that this can be answered with 403
    github.fake.permissions.discard("checks")
    lines = []
    request = replace(REQUEST, annotations=_annotations(1))
    outcome = annotate(github.repository, request, calls=github.calls, write_line=lines.append, in_actions=True)
    assert lines == ["::warning title=t,file=Dockerfile,line=3,endLine=3::m0"]
    assert "`checks: write`" in outcome.warnings[0]


def test_annotations_outside_of_actions_are_plain_lines(github):
    lines = []
    request = replace(REQUEST, annotations=_annotations(1))
    annotate(None, request, calls=github.calls, write_line=lines.append, in_actions=False)
    assert lines == ["warning: Dockerfile:3: t: m0"]
    assert github.fake.requests == []


def test_annotation_without_file_is_left_to_log(github):
    lines = []
    request = replace(REQUEST, annotations=(Annotation(level=Level.FAILURE, title="api: max-size", message="big"),))
    annotate(github.repository, request, calls=github.calls, write_line=lines.append, in_actions=True)
    assert lines == ["::error title=api%3A max-size::big"]


def test_failed_second_batch_is_written_to_log(faulty_github, fake_api):
    github = faulty_github
    github.fake.faults.append(fake_api.Fault("PATCH", "/check-runs/", 403))
    lines = []
    request = replace(REQUEST, annotations=_annotations(53))
    outcome = annotate(github.repository, request, calls=github.calls, write_line=lines.append, in_actions=True)
    assert outcome.url is not None
    assert [line.rpartition("::")[2] for line in lines] == ["m50", "m51", "m52"]
