"""The main job without an engine: what is built, what the verdict is, and that it does not wait for tips."""

from __future__ import annotations

import pytest

from weighbridge.build.builder import BuildRequest
from weighbridge.config import Config, Tips, VerifyTips
from weighbridge.config.settings import Checks
from weighbridge.domain.gate.limits import parse_limit
from weighbridge.domain.gate.scale import Rule
from weighbridge.domain.gate.settings import FailOn, Limits, OnUnknown
from weighbridge.domain.result.status import Status
from weighbridge.domain.tips.tip import Basis
from weighbridge.errors import BuildError, EngineError, ExitCode
from weighbridge.report.assemble import assemble
from weighbridge.report.markdown import render_markdown
from weighbridge.report.verdict import exit_code_of
from weighbridge.run.request import KnownRepository

DOCKERFILE = 'FROM scratch\nCOPY . /srv/\nCMD ["/srv/app"]\n'


@pytest.fixture
def grown(git_folder) -> tuple[str, str]:
    """Base and head of an image that copies its whole context, with a log of 300 kB in head."""
    base = git_folder.commit({"Dockerfile": DOCKERFILE, "app": b"a" * 1_000})
    head = git_folder.commit({"app": b"b" * 2_000, "tests/data.bin": b"t" * 300_000})
    return base, head


def config(**tips: object) -> Config:
    return Config(tips=Tips(minimum_saving_bytes=1_000, **tips))


def test_run_of_grown_image_gives_verdict_before_first_tip_is_built(run, grown):
    limited = Config(limits=Limits(max_increase=parse_limit("+10%")), tips=Tips(minimum_saving_bytes=1_000))
    result = run.weigh(*grown, config=limited)
    at = run.events.index("verdict")
    assert sorted(run.events[:at]) == ["shop base", "shop head"]
    assert run.events[at + 1 :], "no tip was built"
    (verdict,) = run.verdicts
    assert verdict.tips_pending
    assert not result.tips_pending
    assert verdict.breaches == result.breaches
    assert [breach.rule for breach in result.breaches] == [Rule.MAX_INCREASE]
    assert verdict.images[0].tips is None
    measured = [one.tip for one in result.images[0].tips.proposed if one.tip.basis is Basis.REBUILT]
    assert [tip.saved_bytes for tip in measured] == [300_000 - len("tests\n")]  # .dockerignore is copied too


def test_comment_of_pending_run_has_verdict_and_one_line_for_tips(run, grown):
    result = run.weigh(*grown, config=config())
    first, last = (render_markdown(assemble(one)) for one in (run.verdicts[0], result))
    assert first.count("Tips are being measured") == 1
    assert "Tips are being measured" not in last
    assert first.split("<details>")[0] == last.split("💡")[0]


def test_run_with_deferred_tips_builds_none_and_marks_pending(run, grown):
    result = run.weigh(*grown, config=config(), defer_tips=True)
    assert result.tips_pending
    assert sorted(run.events) == ["shop base", "shop head"]


@pytest.mark.parametrize(
    ("verify", "on_default_branch", "is_built"),
    [
        (VerifyTips.AFTER_VERDICT, False, True),
        (VerifyTips.DEFAULT_BRANCH, True, True),
        (VerifyTips.DEFAULT_BRANCH, False, False),
        (VerifyTips.NEVER, True, False),
    ],
)
def test_verify_setting_decides_whether_tips_are_built(run, grown, verify, on_default_branch, is_built):
    known = KnownRepository(name="o/shop", is_on_default_branch=on_default_branch)
    result = run.weigh(*grown, config=config(verify=verify), known=known)
    assert ("verdict" in run.events) is is_built
    proposed = result.images[0].tips.proposed
    assert proposed
    assert all((one.not_built is None) is is_built for one in proposed if one.patch)
    assert all((one.tip.basis is Basis.REBUILT) is is_built for one in proposed if one.patch)


def test_engine_failed_after_verdict_keeps_verdict_and_names_reason(run, grown, monkeypatch):
    def fail(*_: object) -> None:
        raise EngineError("the engine is gone")

    monkeypatch.setattr("weighbridge.run.rebuild.Rebuilder.build", fail)
    result = run.weigh(*grown, config=config())
    assert result.images[0].status is Status.CHANGED
    assert result.notes[-1] == "Tips were not measured: the engine is gone"
    assert not result.tips_pending


def test_failed_head_fails_and_base_is_weighed(run, git_folder):
    base = git_folder.commit({"Dockerfile": DOCKERFILE, "app": b"a" * 1_000})
    head = git_folder.commit({"Dockerfile": DOCKERFILE.replace("COPY . /srv/", "RUN false")})
    result = run.weigh(base, head)
    (image,) = result.images
    assert image.status is Status.FAILED
    assert image.base.unpacked_bytes == 1_000 + len(DOCKERFILE)
    assert [breach.rule for breach in result.breaches] == [Rule.BUILD]
    assert "verdict" not in run.events


@pytest.mark.parametrize("on_unknown", [None, OnUnknown.FAIL, OnUnknown.WARN])
def test_failed_base_leaves_growth_unknown(run, git_folder, on_unknown):
    base = git_folder.commit({"Dockerfile": DOCKERFILE.replace("COPY . /srv/", "RUN false")})
    head = git_folder.commit({"Dockerfile": DOCKERFILE, "app": b"a"})
    limits = Limits(max_increase=parse_limit("+1B"), on_unknown=on_unknown)
    result = run.weigh(base, head, config=Config(limits=limits, checks=Checks(fail_on=FailOn.NEVER)))
    (image,) = assemble(result).images
    assert image.status is Status.CHANGED
    assert image.delta.unpacked_bytes is None
    assert image.layers == ()
    rules = [breach.rule for breach in result.breaches]
    assert rules == ([] if on_unknown is OnUnknown.WARN else [Rule.NOT_CHECKED])


def test_engine_stopped_during_builds_is_exit_4(run, grown):
    def die(request: BuildRequest) -> None:
        raise EngineError(f"{request.title}: the engine stopped answering")

    run.on_build = die
    limited = Config(limits=Limits(max_increase=parse_limit("+1B")))
    result = run.weigh(*grown, config=limited)
    assert {breach.rule for breach in result.breaches} == {Rule.UNAVAILABLE}
    assert exit_code_of(assemble(result)) is ExitCode.UNAVAILABLE


def test_range_without_affected_image_opens_no_builder(run, git_folder):
    base = git_folder.commit({"Dockerfile": "FROM scratch\nCOPY app /\n", "app": b"a"})
    head = git_folder.commit({"README": "x"})
    result = run.weigh(base, head)
    assert [image.status for image in result.images] == [Status.UNCHANGED]
    assert run.events == []


def test_second_run_takes_base_from_build_cache(run, grown, git_folder):
    run.weigh(*grown, config=config(verify=VerifyTips.NEVER))
    again = git_folder.commit({"app": b"c" * 2_500})
    result = run.weigh(grown[0], again, config=config(verify=VerifyTips.NEVER))
    assert run.events == ["shop head"]
    assert result.images[0].cached_base is not None


def test_cached_base_is_built_again_before_growth_fails_job(run, grown, git_folder):
    run.weigh(*grown, config=config(verify=VerifyTips.NEVER))
    again = git_folder.commit({"app": b"c" * 2_500})
    limited = Config(limits=Limits(max_increase=parse_limit("+10%")), tips=Tips(verify=VerifyTips.NEVER))
    result = run.weigh(grown[0], again, config=limited)
    assert "shop base" in run.events
    assert result.images[0].cached_base is None
    assert any("rebuilt to check its limit" in note for note in result.notes)


def test_image_based_on_failed_image_fails_with_its_reason(run, git_folder):
    def refuse(request):
        if "b head" in request.title:
            raise BuildError(f"{request.title}: out of disk", log_tail=("out of disk",))

    run.on_build = refuse
    base = git_folder.commit({"a/Dockerfile": "FROM scratch\nCOPY x /\n", "a/x": "1"})
    head = git_folder.commit({"b/Dockerfile": "FROM scratch\nCOPY y /\n", "b/y": "1", "a/x": "22"})
    result = run.weigh(base, head)
    assert {image.name: image.status for image in result.images} == {"a": Status.CHANGED, "b": Status.FAILED}
    assert result.images[1].failures[0].log_tail == ("out of disk",)


def test_engine_lost_for_base_only_is_unavailable(run, grown):
    def lost_for_base(request: BuildRequest) -> None:
        if request.side == "base":
            raise EngineError("the engine stopped answering during the build")

    run.on_build = lost_for_base
    limits = Limits(max_increase=parse_limit("+10%"))
    report = assemble(run.weigh(*grown, config=Config(limits=limits)))
    assert Rule.NOT_CHECKED in [reason.rule for reason in report.verdict.reasons]
    assert exit_code_of(report) is ExitCode.UNAVAILABLE


def test_run_cancelled_between_verdict_and_tips_is_completed_by_next_run(run, grown):
    def cancel(request: BuildRequest) -> None:
        if run.verdicts:
            raise KeyboardInterrupt

    run.on_build = cancel
    with pytest.raises(KeyboardInterrupt):
        run.weigh(*grown, config=config())
    (verdict,) = run.verdicts
    assert "Tips are being measured" in render_markdown(assemble(verdict))
    run.on_build = lambda _: None
    result = run.weigh(*grown, config=config())
    assert "Tips are being measured" not in render_markdown(assemble(result))
    measured = [one for one in result.images[0].tips.proposed if one.tip.basis is Basis.REBUILT]
    assert measured, "the cancelled run left no measured tip, so this one measures"
    assert [one.earlier for one in measured] == [None]
