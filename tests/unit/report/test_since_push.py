"""The comment compares a push with the one before it, which it finds in the comment that it replaces."""

from __future__ import annotations

import base64
import zlib
from dataclasses import replace

import msgspec
import pytest
from report_builders import FINDING, image_report, image_side, report_of

from weighbridge.report.markdown import render_markdown
from weighbridge.report.markdown.links import ReportLinks
from weighbridge.report.model import (
    Delta,
    FindingReport,
    ImageReport,
    Reason,
    Report,
    Revision,
    Status,
    Verdict,
)
from weighbridge.report.push_state import (
    MAXIMUM_STATE_CHARACTERS,
    ImageState,
    PushState,
    hidden_state,
    previous_push,
    state_of,
)
from weighbridge.report.view.since_push import since_push

FIRST, SECOND, THIRD = ("a" * 40, "b" * 40, "c" * 40)
LINKS = ReportLinks(repository_url="https://github.com/o/r", head_sha=SECOND)


def image(name: str, size: int, *findings: FindingReport) -> ImageReport:
    return image_report(
        name=name,
        base=image_side(1_000_000),
        head=image_side(size),
        delta=Delta(unpacked_bytes=size - 1_000_000),
        findings=findings,
    )


def report(*images: ImageReport, reasons: tuple[Reason, ...] = ()) -> Report:
    sides = {"base": Revision(ref="main"), "head": Revision(ref="topic")}
    return report_of(*images, verdict=Verdict(passed=not reasons, reasons=reasons), **sides)


def comment(this: Report, sha: str, replaced: str | None) -> str:
    """The whole comment of a push, as the Action writes it."""
    push, previous = state_of(this, sha), previous_push(replaced, sha)
    return render_markdown(this, links=LINKS, push=push, previous=previous).rstrip() + hidden_state(push, previous)


def since_line(body: str) -> str:
    lines = [line for line in body.splitlines() if line.startswith("Since ")]
    return lines[0] if lines else ""


LIMIT = Reason(image="api", rule="max-increase", limit="+1MB", actual_bytes=2_000_000, message="api grew")
START = Reason(image="web", rule="check", limit=FINDING.code, actual_bytes=None, message="web", code=FINDING.code)


def test_first_push_has_no_line() -> None:
    assert since_line(comment(report(image("api", 3_000_000)), FIRST, None)) == ""


def test_second_push_names_fixed_and_new_problems_and_sizes() -> None:
    before = comment(report(image("api", 3_000_000), image("web", 1, FINDING), reasons=(START,)), FIRST, None)
    after = comment(report(image("api", 5_000_000), image("web", 1), reasons=(LIMIT,)), SECOND, before)
    line = since_line(after)
    assert line.startswith(f"Since [`aaaaaaa`](https://github.com/o/r/compare/{FIRST}...{SECOND}): ✅ fixed: `web` ")
    assert "`libc-loader-missing`" in line
    assert "⚠️ new: `api` over its limit · `api` +2.0\u00a0MB" in line


def test_push_without_change_is_reported() -> None:
    before = comment(report(image("api", 3_000_000)), FIRST, None)
    assert since_line(comment(report(image("api", 3_000_000)), SECOND, before)).endswith(
        "no problem and no size changed"
    )


def test_edit_for_same_push_keeps_comparison_with_push_before() -> None:
    before = comment(report(image("api", 3_000_000)), FIRST, None)
    verdict = comment(report(image("api", 4_000_000)), SECOND, before)
    assert comment(report(image("api", 4_000_000)), SECOND, verdict) == verdict
    third = comment(report(image("api", 4_000_000)), THIRD, verdict + "\n\n<!-- weighbridge:started:12 -->")
    assert since_line(third).startswith("Since [`bbbbbbb`]")


def test_quiet_push_names_fixed_problems() -> None:
    before = comment(report(image("api", 3_000_000), reasons=(LIMIT,)), FIRST, None)
    same = replace(image("api", 1_000_000), status=Status.UNCHANGED)
    after = comment(report(same), SECOND, before)
    assert "no change in 1 image" in after
    assert "✅ fixed: `api` over its limit · `api` −2.0\u00a0MB" in since_line(after)


def test_image_missing_in_new_report_has_fixed_problem() -> None:
    found = since_push(state_of(report(image("web", 1, FINDING)), FIRST), state_of(report(image("api", 1)), SECOND))
    assert found.fixed == (("web", FINDING.code),)
    assert found.sizes == ()


def test_state_in_build_log_is_not_read() -> None:
    forged = hidden_state(PushState(FIRST, True, (ImageState("api", 1, ("build",)),)), None)
    assert previous_push(f"log{forged}\nmore", SECOND) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zlib",
        zlib.compress(b"[" * 100_000),
        zlib.compress(b" " * 10_000_000),
        zlib.compress(b'["x", true, [["a", "b", []]]]'),
        zlib.compress(b'{"head_sha": 1}'),
    ],
)
def test_damaged_state_counts_as_none(data: bytes) -> None:
    assert previous_push(f"x\n<!-- weighbridge:push:{base64.b64encode(data).decode()} -->", SECOND) is None


def test_names_of_forged_state_are_escaped() -> None:
    forged = PushState(FIRST, True, (ImageState("<img src=x>@all\n#1", 1, ("**[x](http://evil)**",)),))
    line = since_line(render_markdown(report(image("api", 1)), push=state_of(report(), SECOND), previous=forged))
    assert "](http" not in line
    assert "<img" not in line.replace("`<img src=x>@all #1`", "")


def test_state_of_many_images_is_cut_and_cut_images_are_not_compared() -> None:
    names = [f"services/{base64.b32encode(msgspec.json.encode(n * 7919)).decode()}-{n}" for n in range(2000)]
    state = PushState(FIRST, True, tuple(ImageState(name, n * 104_729, ("build",)) for n, name in enumerate(names)))
    hidden = hidden_state(state, state)
    assert 0 < len(hidden) <= MAXIMUM_STATE_CHARACTERS
    kept = previous_push("x" + hidden, SECOND)
    assert kept is not None
    assert not kept.is_complete
    assert 0 < len(kept.images) < 2000
    found = since_push(kept, replace_head(state))
    assert (found.fixed, found.new, found.sizes) == ((), (), ())


def replace_head(state: PushState) -> PushState:
    return PushState(SECOND, state.is_complete, state.images)
