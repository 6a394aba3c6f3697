"""The history of sizes: sizes are exact, and gaps stay unknown."""

from __future__ import annotations

from weighbridge.domain.gate.limits import parse_limit
from weighbridge.domain.gate.scale import GateInput, Rule
from weighbridge.domain.gate.settings import FailOn, Limits, Ratchet
from weighbridge.domain.gate.verdict import judge
from weighbridge.domain.size_history import Figure, Record, Trend


def record(commit: str, base: str | None, at: int, **images: int | None) -> Record:
    figures = {name: None if size is None else Figure(unpacked_bytes=size) for name, size in images.items()}
    return Record(commit=commit, base=base, committed_at=at, images=figures)


def size(trend: Trend, image: str, commit: str) -> int | None:
    figure = trend.at(image, commit)
    return None if figure is None else figure.unpacked_bytes


def test_image_unaffected_has_size_of_base():
    trend = Trend([record("a", None, 1, api=10, web=20), record("b", "a", 2, web=21), record("c", "b", 3)])
    assert (size(trend, "api", "c"), size(trend, "web", "c"), size(trend, "web", "a")) == (10, 21, 20)


def test_size_after_gap_is_unknown():
    failed = Trend([record("a", None, 1, api=10), record("b", "a", 2, api=None), record("c", "b", 3)])
    assert size(failed, "api", "c") is None
    gap = Trend([record("a", None, 1, api=10), record("c", "b", 3)])
    assert size(gap, "api", "c") is None
    assert size(gap, "api", "nowhere") is None
    assert size(Trend([record("a", "b", 1), record("b", "a", 1)]), "api", "a") is None


def test_parts_of_one_run_are_one_record_in_any_order():
    parts = [record("a", None, 1, api=10, web=None), record("a", None, 1, api=None, web=20)]
    for order in (parts, parts[::-1]):
        assert (size(Trend(order), "api", "a"), size(Trend(order), "web", "a")) == (10, 20)


def test_points_are_sorted_by_time_and_last_build_time_counts():
    older = Record(commit="a", base=None, committed_at=1, images={"api": Figure(unpacked_bytes=1, build_seconds=7.0)})
    trend = Trend([record("b", "a", 2, api=2), older])
    assert [point.commit for point in trend.points("api")] == ["a", "b"]
    assert trend.build_seconds("api") == 7.0
    assert trend.build_seconds("web") is None
    assert trend.names == ("api",)


def test_last_commit_before_time():
    trend = Trend([record("a", None, 10), record("b", "a", 20)])
    assert [trend.commit_before(time) for time in (10, 11, 20, 99)] == [None, "a", "a", "b"]


# --- the ratchet --------------------------------------------------------------------------------------------------


RATCHET = Limits(ratchet=Ratchet(since="v1", max_increase=parse_limit("+20%")))


def broken(base: int | None, head: int, since: int | None, limits: Limits = RATCHET, noise: int = 0) -> bool:
    scale = GateInput(
        name="api", base_bytes=base, head_bytes=head, limits=limits, ratchet_bytes=since, noise_bytes=noise
    )
    reasons = judge([scale], fail_on=FailOn.NEVER)
    assert all(one.rule is Rule.RATCHET for one in reasons)
    return bool(reasons)


def test_small_steps_together_exceed_ratchet():
    assert not broken(base=115, head=120, since=100)
    assert broken(base=120, head=121, since=100)


def test_unknown_size_exceeds_no_ratchet():
    assert not broken(base=120, head=121, since=None)


def test_ratchet_exceeded_before_does_not_fail_shrinking_change():
    assert not broken(base=150, head=149, since=100)
    assert not broken(base=150, head=150, since=100)
    assert not broken(base=150, head=151, since=100, noise=1)
    assert broken(base=None, head=150, since=100)


def test_reason_has_limit_and_total_growth():
    scale = GateInput(name="api", base_bytes=100, head_bytes=130, limits=RATCHET, ratchet_bytes=100)
    (reason,) = judge([scale], fail_on=FailOn.NEVER)
    assert (reason.limit, reason.actual_bytes) == ("+20% since v1", 30)
    assert reason.message == "grew by 30 bytes since v1; the limit is +20%"
