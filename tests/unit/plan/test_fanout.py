"""Plan and merge: images and reasons, distributed over jobs, and merged without loss."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.cli.main import run
from weighbridge.domain.gate.settings import FailOn
from weighbridge.domain.result.failure import FailureKind, SideFailure
from weighbridge.domain.result.image import ImageName, ImageResult
from weighbridge.domain.result.judge import judge_images
from weighbridge.domain.result.run import RunResult
from weighbridge.domain.tips.tip import Basis
from weighbridge.errors import ExitCode, ReportError, UsageError
from weighbridge.plan.image_plan import Change, ImagePlan, PlannedSide
from weighbridge.plan.shares import MAXIMUM_JOBS, PartNumber, matrix, parse_part, share_out
from weighbridge.report.assemble import assemble
from weighbridge.report.merge import merge_reports
from weighbridge.report.model import (
    Part,
    Report,
    Revision,
    SharedTipReport,
    Status,
    encode_report,
)
from weighbridge.report.verdict import exit_code_of


def image_plan(name: str, change: Change = Change.AFFECTED) -> ImagePlan:
    side = PlannedSide(dockerfile=f"{name}/Dockerfile", context=name)
    return ImagePlan(name=name, image=name, base=side, head=side, change=change, reason="x changed")


# --- shares -------------------------------------------------------------------------------------------------------


@given(
    affected=st.lists(st.booleans(), max_size=40),
    count=st.integers(1, 12),
    all_images=st.booleans(),
)
def test_every_image_is_in_exactly_one_share_and_shares_are_even(affected, count, all_images):
    changes = [Change.AFFECTED if one else Change.UNAFFECTED for one in affected]
    plans = [image_plan(f"i{number:03d}", change) for number, change in enumerate(changes)]
    shares = share_out(plans, PartNumber(number=1, count=count), all_images=all_images)
    assert sorted(plan.name for share in shares for plan in share) == [plan.name for plan in plans]
    sizes = [sum(all_images or plan.change is Change.AFFECTED for plan in share) for share in shares]
    assert max(sizes) - min(sizes) <= 1


def test_job_with_one_image_has_its_name():
    assert matrix([image_plan("api"), image_plan("web", Change.UNAFFECTED)], all_images=False) == {
        "include": [
            {
                "name": "api",
                "dockerfile": "api/Dockerfile",
                "context": "api",
                "context_evidence": None,
                "problem": None,
                "target": None,
                "platform": None,
                "number": 1,
                "part": "1/1",
            }
        ]
    }


def test_more_images_than_jobs_share_them():
    plans = [image_plan(f"i{number:04d}") for number in range(600)]
    jobs = matrix(plans, all_images=False)["include"]
    assert len(jobs) == MAXIMUM_JOBS
    assert {job["name"] for job in jobs} == {"2 images", "3 images"}
    assert [job["part"] for job in jobs[:2]] == ["1/256", "2/256"]


def test_empty_plan_has_one_job():
    (job,) = matrix([image_plan("a", Change.UNAFFECTED)], all_images=False)["include"]
    assert (job["name"], job["part"]) == ("nothing to build", "1/1")


# --- balance ------------------------------------------------------------------------------------------------------


def shares_of(plans: list[ImagePlan], part: str) -> list[list[str]]:
    return [[plan.name for plan in share] for share in share_out(plans, parse_part(part), all_images=False)]


def test_images_are_distributed_over_jobs_by_build_time():
    plans = [image_plan(name) for name in ("a", "b", "c", "d", "e")]
    seconds = {"a": 100.0, "b": 10.0, "c": 30.0, "d": 60.0, "e": 20.0}
    jobs = matrix(plans, all_images=False, maximum_jobs=2, seconds=seconds)["include"]
    # A job knows no times: what it needs stands in its part.
    assert {tuple(map(tuple, shares_of(plans, job["part"]))) for job in jobs} == {(("a", "b"), ("c", "d", "e"))}
    assert [parse_part(job["part"]).number for job in jobs] == [1, 2]
    assert all("/" in job["part"] and job["part"].partition("/")[0].isdigit() for job in jobs)


def test_image_without_time_counts_as_median():
    plans = [image_plan(name) for name in ("a", "b", "c", "d")]
    jobs = matrix(plans, all_images=False, maximum_jobs=2, seconds={"a": 50.0, "b": 50.0, "c": 1.0})["include"]
    assert shares_of(plans, jobs[0]["part"]) == [["a", "c"], ["b", "d"]] or "d" in shares_of(plans, jobs[0]["part"])[0]
    assert matrix(plans, all_images=False, maximum_jobs=2, seconds={})["include"][0]["part"] == "1/2"
    assert matrix(plans, all_images=False, maximum_jobs=4, seconds={"a": 1.0})["include"][0]["part"] == "1/4"


@given(
    seconds=st.lists(st.floats(0, 1_000), min_size=2, max_size=40),
    affected=st.lists(st.booleans(), min_size=40, max_size=40),
    count=st.integers(1, 12),
)
def test_balanced_shares_hold_every_image_once_within_twice_minimum(seconds, affected, count):
    plans = [
        image_plan(f"i{number:03d}", Change.AFFECTED if is_affected else Change.UNAFFECTED)
        for number, (_, is_affected) in enumerate(zip(seconds, affected, strict=False))
    ]
    times = dict(zip((plan.name for plan in plans), seconds, strict=True))
    job = matrix(plans, all_images=False, maximum_jobs=count, seconds=times)["include"][0]
    shares = shares_of(plans, job["part"])
    assert sorted(name for share in shares for name in share) == [plan.name for plan in plans]
    built = {plan.name for plan in plans if plan.change is Change.AFFECTED}
    if ":" in job["part"]:
        loads = [sum(max(0.1, times[name]) for name in share if name in built) for share in shares]
        least = max(*(max(0.1, times[name]) for name in built), sum(loads) / len(loads))
        assert max(loads) <= 4 / 3 * least + max(0.1, *(times[name] for name in built)) / 3 + 1e-6
        assert min(loads) > 0


def test_part_of_another_plan_is_refused_and_not_guessed_at():
    plans = [image_plan(name) for name in ("a", "b", "c")]
    seconds = {"a": 3.0, "b": 2.0, "c": 1.0}
    part = parse_part(matrix(plans, all_images=False, maximum_jobs=2, seconds=seconds)["include"][0]["part"])
    for other in ([*plans, image_plan("d")], plans[:2], [image_plan("x"), *plans[1:]]):
        with pytest.raises(UsageError, match="belongs to another plan"):
            share_out(other, part, all_images=False)
    for forged in (replace(part, shares="zzzzzz"), replace(part, shares="01"), replace(part, check="0" * 12)):
        with pytest.raises(UsageError, match="belongs to another plan"):
            share_out(plans, forged, all_images=False)


def test_images_over_matrix_limit_are_distributed_round_robin():
    plans = [image_plan(f"i{number:05d}") for number in range(3_000)]
    jobs = matrix(plans, all_images=False, seconds={"i00000": 5.0})["include"]
    assert jobs[0]["part"] == "1/256"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3",
        "1/2:",
        "1/2:00",
        "1/2:0 .aaaaaaaaaaaa",
        "1/2:00.AAAAAAAAAAAA",
        "0/2",
        "3/2",
        "1/257",
        "a/b",
        "1/2/3",
        "-1/2",
    ],
)
def test_part_invalid_is_refused(text):
    with pytest.raises(UsageError, match="write NUMBER/COUNT"):
        parse_part(text)


# --- plan ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def planned(git_folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What `plan` prints between two commits, with no engine to ask."""
    git_folder.commit(
        {
            "api/Dockerfile": "FROM debian AS run\nCOPY main.c /\n",
            "api/main.c": "1",
            "api/README.md": "1",
            "web/Dockerfile": "FROM debian\nCOPY . /\n",
            "web/x": "1",
            "old/Dockerfile": "FROM alpine:3\nENV NAME=other\nRUN echo quite another file\n",
        }
    )
    git_folder.git("tag", "base")
    git_folder.commit(
        {"api/README.md": "2", "web/x": "2", "old/Dockerfile": None, "new/Dockerfile": "FROM debian\nCOPY gone /\n"}
    )
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")

    def call(*arguments: str) -> str:
        assert run(["plan", "base", "HEAD", "--repo", str(git_folder.root), *arguments]) == ExitCode.PASSED
        return capsys.readouterr().out

    return call


def test_plan_lists_images_to_build(planned):
    assert planned() == "new\nold\nweb\n3 of 4 images to build\n"


def test_plan_explains_every_image(planned):
    assert planned("--explain") == (
        "leave api\n"
        "      unaffected: nothing that it copies from its context api changed\n"
        "      api/Dockerfile, context api (its own folder, which holds what it copies), defined by its file name\n"
        "build new\n"
        "      added: its Dockerfile is new\n"
        "      new/Dockerfile, context unknown, defined by its file name\n"
        "      head is skipped: new/Dockerfile:2: cannot be built from git alone: `gone` is not in it. If an earlier"
        " step makes it, set its command (images.new.prepare, with --prepare), weigh the finished images"
        " (weighbridge compare OLD NEW, mode: compare), or leave this one out:"
        " discover.exclude in .github/weighbridge.yml. If the context is another folder, set images.new.context there."
        " Its context is unknown: set images.new.context.\n"
        "build old\n"
        "      removed: its Dockerfile was removed\n"
        "      old/Dockerfile, context old (nothing is copied from it), defined by its file name\n"
        "build web\n"
        "      affected: web/x changed\n"
        "      web/Dockerfile, context web (its own folder, which holds what it copies), defined by its file name\n"
        "3 of 4 images to build\n"
    )


def test_plan_as_json_is_matrix_on_one_line(planned):
    out = planned("--format", "json", "--all", "--platform", "linux/arm64")
    assert out.count("\n") == 1
    jobs = json.loads(out)["include"]
    assert [job["name"] for job in jobs] == ["api", "new", "old", "web"]
    assert [job["part"] for job in jobs] == ["1/4", "2/4", "3/4", "4/4"]
    assert {job["platform"] for job in jobs} == {"linux/arm64"}


def test_plan_puts_several_images_in_job_on_request(planned):
    jobs = json.loads(planned("--format", "json", "--max-jobs", "2"))["include"]
    assert [(job["name"], job["part"]) for job in jobs] == [("2 images", "1/2"), ("old", "2/2")]


# --- merge --------------------------------------------------------------------------------------------------------

BASE, HEAD = Revision(ref="main", sha="1" * 40), Revision(ref="HEAD", sha="2" * 40)
SHARES = (("a", "c"), ("b",))


def image(name: str, *, failed: bool = False) -> ImageResult:
    return ImageResult(
        image=ImageName(name=name, dockerfile=f"{name}/Dockerfile", context=name),
        status=Status.FAILED if failed else Status.UNCHANGED,
        failures=(SideFailure(side="head", kind=FailureKind.BUILD, message="no"),) if failed else (),
    )


def report(*images: ImageResult, part: Part | None = None, notes: tuple[str, ...] = ("a note",)) -> Report:
    breaches = judge_images(images, fail_on=FailOn.REGRESSION)
    return assemble(RunResult(base=BASE, head=HEAD, images=images, breaches=breaches, notes=notes, part=part))


def part(number: int, *images: ImageResult) -> Report:
    return report(*images, part=Part(number=number, count=2, images=SHARES))


def test_merged_parts_are_report_of_one_run():
    parts = {"2.json": part(2, image("b", failed=True)), "1.json": part(1, image("a"), image("c", failed=True))}
    assert merge_reports(parts) == report(image("a"), image("b", failed=True), image("c", failed=True))


def test_shared_tips_of_parts_are_merged_by_saving():
    def share(saved_bytes, *names):
        return SharedTipReport(
            code="share-base", saved_bytes=saved_bytes, basis=Basis.COMPUTED, images=names, explanation="equal files"
        )

    parts = {
        "1.json": replace(part(1, image("a"), image("c", failed=True)), shared_tips=(share(5, "a", "c"),)),
        "2.json": replace(part(2, image("b", failed=True)), shared_tips=(share(9, "b", "x"),)),
    }
    assert [tip.saved_bytes for tip in merge_reports(parts).shared_tips] == [9, 5]


def test_missing_part_is_named_and_closes_gate():
    merged = merge_reports({"1.json": part(1, image("a"), image("c"))})
    assert not merged.verdict.passed
    (reason,) = merged.verdict.reasons
    assert (reason.image, reason.message) == ("b", "part 2/2 is missing")
    assert "part 2/2 is missing: b not weighed" in merged.notes
    assert [(one.name, one.status) for one in merged.images][1] == ("b", Status.FAILED)
    assert exit_code_of(merged) == ExitCode.UNAVAILABLE
    overridden = replace(merged, verdict=replace(merged.verdict, override=None))
    assert exit_code_of(overridden) != ExitCode.PASSED


def test_part_duplicate_is_named_and_does_not_count():
    first = part(1, image("a"), image("c"))
    merged = merge_reports({"1.json": first, "again.json": first, "2.json": part(2, image("b"))})
    assert [reason.image for reason in merged.verdict.reasons] == ["a", "c"]
    assert {reason.message for reason in merged.verdict.reasons} == {"part 1/2 occurs 2 times: 1.json, again.json"}


def test_missing_part_without_images_closes_gate_too():
    empty = Part(number=1, count=2, images=((), ("b",)))
    merged = merge_reports({"2.json": report(image("b"), part=replace(empty, number=2))})
    assert [reason.message for reason in merged.verdict.reasons] == ["part 1/2 is missing"]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (report(image("b")), "a complete report, not a part"),
        (replace(part(2, image("b")), head=BASE), "differ from those of 1.json"),
        (report(image("b"), part=Part(number=2, count=2, images=(("a",), ("b",)))), "not parts of one run"),
        (part(2, image("x")), "its images are not those of part 2/2"),
        (part(3, image("b")), "part 3 of 2"),
        (report(image("b"), part=Part(number=2, count=2, images=(("a", "c"), ("b", "a")))), "more than one share"),
    ],
)
def test_parts_of_different_runs_are_refused(other, message):
    with pytest.raises(ReportError, match=message):
        merge_reports({"1.json": part(1, image("a"), image("c")), "other.json": other})


def test_merge_reads_folders_and_prints_any_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for number, one in enumerate([part(1, image("a"), image("c")), part(2, image("b"))], 1):
        (tmp_path / f"part-{number}").mkdir()
        (tmp_path / f"part-{number}/report.json").write_text(encode_report(one))
    assert run(["merge", str(tmp_path), "--format", "json"]) == ExitCode.PASSED
    assert capsys.readouterr().out == encode_report(report(image("a"), image("b"), image("c")))
    assert run(["merge", str(tmp_path / "part-1"), "--format", "markdown"]) == ExitCode.UNAVAILABLE
    assert "part 2/2 is missing" in capsys.readouterr().out


def test_merge_without_parts_is_error(tmp_path: Path):
    assert run(["merge", str(tmp_path)]) != ExitCode.PASSED
