"""The history as lines, in the cache folder and in a branch: bounded, checked, and never lost to a race."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.cli.main import run
from weighbridge.domain.gate.limits import parse_limit
from weighbridge.domain.gate.settings import FailOn, Limits, Ratchet
from weighbridge.domain.image.image import ImageConfig
from weighbridge.domain.result.image import ImageHistory, ImageName, ImageResult
from weighbridge.domain.result.judge import judge_images
from weighbridge.domain.result.revision import Revision
from weighbridge.domain.result.run import RunResult
from weighbridge.domain.result.side import SideResult
from weighbridge.domain.result.status import Status
from weighbridge.domain.size_history import Figure, Record, Trend
from weighbridge.domain.start.predict import StartPrediction, Starts
from weighbridge.errors import ExitCode, GitError, UsageError
from weighbridge.plan.git import open_repository
from weighbridge.report.assemble import assemble
from weighbridge.report.html import render_html
from weighbridge.report.markdown import render_markdown
from weighbridge.report.model import encode_report
from weighbridge.report.units import sparkline
from weighbridge.report.verdict import exit_code_of
from weighbridge.run.size_history import Ratchets, latest_points, ratchet_notes, repository_identity
from weighbridge.size_history.branch import HISTORY_FILE, push_record, read_branch
from weighbridge.size_history.file import HistoryFile
from weighbridge.size_history.lines import read_lines, with_record


def sha(number: int) -> str:
    return f"{number:040x}"


def record(number: int, **images: int | None) -> Record:
    return Record(
        commit=sha(number),
        base=sha(number - 1) if number else None,
        committed_at=1_700_000_000 + number * 86_400,
        images={name: None if size is None else Figure(unpacked_bytes=size) for name, size in images.items()},
    )


def side(unpacked_bytes: int) -> SideResult:
    return SideResult(
        image_id="sha256:0",
        config=ImageConfig(),
        unpacked_bytes=unpacked_bytes,
        download_bytes=None,
        download_estimated=False,
        wasted_bytes=0,
        efficiency=1.0,
        layers=(),
        metadata_copies={},
        start=StartPrediction(starts=Starts.NOT_CHECKED),
        notes=(),
    )


def image(name: str, base: int, head: int, **found: object) -> ImageResult:
    return ImageResult(
        image=ImageName(name=name, dockerfile="Dockerfile", context="."),
        status=Status.CHANGED,
        base=side(base),
        head=side(head),
        **found,
    )


def run_result(*images: ImageResult, base: Revision | None = None, head: Revision | None = None, notes=()) -> RunResult:
    return RunResult(
        base=base, head=head, images=images, breaches=judge_images(images, fail_on=FailOn.NEVER), notes=notes
    )


# --- lines --------------------------------------------------------------------------------------------------------

_figures = st.builds(
    Figure,
    unpacked_bytes=st.integers(0, 1 << 53),
    download_bytes=st.none() | st.integers(0, 1 << 53),
    build_seconds=st.none() | st.floats(0, 10_000),
)
_records = st.builds(
    Record,
    commit=st.integers(0, 1 << 160 - 1).map(lambda number: f"{number:040x}"),
    base=st.none() | st.just("a" * 40),
    committed_at=st.integers(0, 4_000_000_000),
    images=st.dictionaries(st.text(min_size=1, max_size=20).filter(str.isprintable), st.none() | _figures, max_size=4),
)


@given(records=st.lists(_records, max_size=6))
def test_record_written_twice_is_read_once(records):
    data = b""
    for one in records:
        data = with_record(data, one)
        assert with_record(data, one) == data
    found = read_lines(data)
    assert found.refused == 0
    assert all(one in found.records for one in records)
    assert all(one in records for one in found.records)


GOOD = {"v": 1, "commit": sha(1), "base": None, "at": "2026-01-01T00:00:00Z", "images": {"a": {"unpacked_bytes": 1}}}


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe",
        b"{",
        b"[" * 100_000,
        b"null",
        json.dumps({**GOOD, "v": 2}).encode(),
        json.dumps({**GOOD, "commit": "HEAD; rm"}).encode(),
        json.dumps({**GOOD, "base": "--upload-pack=x"}).encode(),
        json.dumps({**GOOD, "at": "yesterday"}).encode(),
        json.dumps({**GOOD, "at": "2026-01-01T00:00:00"}).encode(),
        json.dumps({**GOOD, "images": {"a": {"unpacked_bytes": -1}}}).encode(),
        json.dumps({**GOOD, "images": {"a": {"unpacked_bytes": 1e300}}}).encode(),
        json.dumps({**GOOD, "images": {"a": {"unpacked_bytes": "1"}}}).encode(),
        json.dumps({**GOOD, "images": {"a\u202eb": {"unpacked_bytes": 1}}}).encode(),
        json.dumps({**GOOD, "images": {"": {"unpacked_bytes": 1}}}).encode(),
        json.dumps({**GOOD, "images": {str(number): None for number in range(20_001)}}).encode(),
        b'{"v": 1, ' + b" " * (5 << 20) + b"}",
    ],
    ids=range(16),
)
def test_history_line_invalid_is_counted_and_dropped(line):
    good = json.dumps(GOOD).encode()
    found = read_lines(good + b"\n" + line + b"\n")
    assert ([one.commit for one in found.records], found.refused) == ([sha(1)], 1)
    assert read_lines(with_record(good + b"\n" + line + b"\n", record(2))).refused == 0


def test_history_over_maximum_size_drops_oldest_lines(monkeypatch):
    monkeypatch.setattr("weighbridge.size_history.lines._KEPT_BYTES", 100_000)
    wide = {f"image-{number:05d}": number for number in range(300)}
    data = b""
    for number in range(14):
        data = with_record(data, record(number, **wide))
    assert 80_000 < len(data) <= 100_000
    commits = [one.commit for one in read_lines(data).records]
    assert commits[-1] == sha(13)
    assert commits == [sha(number) for number in range(14 - len(commits), 14)]


def test_history_parallel_runs_keep_all_lines(tmp_path: Path):
    threads = [
        threading.Thread(target=HistoryFile(tmp_path, "octo/shop").append, args=(record(number, api=number),))
        for number in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_lines(HistoryFile(tmp_path, "octo/shop").read()).records) == 16
    assert HistoryFile(tmp_path, "octo/other").read() == b""
    names = ("../../x", "a" * 300, "https://h/o/shop.git", "/", "")
    assert all(HistoryFile(tmp_path, name).path.parent == tmp_path / "history" for name in names)


# --- the data branch ----------------------------------------------------------------------------------------------


def test_push_record_lost_race_retries(git_folder, tmp_path: Path) -> None:
    git_folder.commit({"Dockerfile": "FROM scratch\n"})
    served = tmp_path / "served.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", git_folder.root, served], check=True)
    repository = open_repository(git_folder.root)
    before = git_folder.git("for-each-ref"), git_folder.git("status", "--porcelain"), git_folder.git("write-tree")
    others = [record(5, api=5), record(6, api=6)]
    ref = "refs/heads/weighbridge-data"

    def fetch() -> str | None:
        listed = git_folder.git("ls-remote", str(served), ref)
        if not listed:
            return None
        git_folder.git("fetch", "--quiet", "--no-write-fetch-head", str(served), ref)
        return listed.split()[0]

    def push(commit: str) -> bool:
        if others:  # somebody else was first
            assert push_record(repository, "weighbridge-data", others.pop(), fetch=fetch, push=push_now)
        return push_now(commit)

    def push_now(commit: str) -> bool:
        command = ["git", "-C", str(git_folder.root), "push", "--quiet", str(served), f"{commit}:{ref}"]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    assert push_record(repository, "weighbridge-data", record(7, api=7), fetch=fetch, push=push)
    git_folder.git(
        "fetch", "--quiet", "--no-write-fetch-head", str(served), f"{ref}:refs/remotes/origin/weighbridge-data"
    )
    found = read_lines(read_branch(repository, "weighbridge-data"))
    assert {one.commit for one in found.records} == {sha(5), sha(6), sha(7)}
    git_folder.git("update-ref", "-d", "refs/remotes/origin/weighbridge-data")
    now = git_folder.git("for-each-ref"), git_folder.git("status", "--porcelain"), git_folder.git("write-tree")
    assert now == before, "nothing of the user's is touched"
    names = subprocess.run(["git", "-C", served, "ls-tree", "--name-only", ref], check=True, capture_output=True)
    assert names.stdout.decode().split() == [HISTORY_FILE]
    assert read_branch(repository, "nowhere") == b""


def test_push_record_foreign_branch_raises_error(git_folder) -> None:
    tip = git_folder.commit({"precious": "1"})

    def push(commit: str) -> bool:
        raise AssertionError("pushed")

    with pytest.raises(UsageError, match="Use another branch"):
        push_record(open_repository(git_folder.root), "main", record(1, a=1), fetch=lambda: tip, push=push)


def test_push_record_always_second_returns_false(git_folder) -> None:
    git_folder.commit({"Dockerfile": "FROM scratch\n"})
    tries: list[str] = []

    def push(commit: str) -> bool:
        tries.append(commit)
        return False

    repository = open_repository(git_folder.root)
    assert not push_record(repository, "data", record(1, a=1), fetch=lambda: None, push=push)
    assert len(tries) == 5


def test_repository_identity_with_password_omits_it(git_folder) -> None:
    repository = open_repository(git_folder.root)
    assert repository_identity(repository) == str(git_folder.root)
    git_folder.git("remote", "add", "origin", "https://me:secret@example.org/octo/shop.git")
    assert repository_identity(repository) == "https://example.org/octo/shop.git"


# --- in the report ------------------------------------------------------------------------------------------------


def unknown(name: str) -> str:
    raise GitError(f"{name}: unknown revision")


def test_ratchet_baseline_tag_or_day_is_found_or_reason_given() -> None:
    trend = Trend([record(0, api=100, web=50), record(1, api=110), record(2, web=None), record(3, api=130)])
    limit = parse_limit("+20%")
    ratchets = Ratchets(trend, {"v1": sha(1), "v9": sha(9)}.__getitem__)
    gone = Ratchets(trend, unknown)

    def baseline_of(which: Ratchets, since: str, name: str = "api") -> tuple[int | None, str | None]:
        found = which.baseline(name, Ratchet(since=since, max_increase=limit))
        return found.baseline_bytes, found.reason

    assert baseline_of(ratchets, "v1") == (110, None)
    assert baseline_of(ratchets, "v1", "web") == (50, None)
    assert baseline_of(ratchets, "2023-11-15") == (110, None)  # records are a day apart from 2023-11-14, 22:13 UTC
    assert baseline_of(ratchets, "2023-11-14") == (100, None)
    assert baseline_of(ratchets, "2023-11-13") == (None, "the size history has no record up to that day")
    assert baseline_of(ratchets, "v9") == (None, f"the size history has no run of {sha(9)[:12]}")
    assert baseline_of(ratchets, "2023-11-17", "web") == (None, f"the size history has no size at {sha(3)[:12]}")
    assert baseline_of(gone, "v2") == (None, "the repository has no such tag or commit")


def test_ratchet_exceeded_fails_gate_and_shows_limit() -> None:
    trend = Trend([record(number, api=10_000_000 + 700_000 * number) for number in range(4)])
    limits = Limits(max_increase=parse_limit("+10%"), ratchet=Ratchet(since="v1", max_increase=parse_limit("+20%")))
    ratchets = Ratchets(trend, lambda _: sha(0))
    history = ImageHistory(points=latest_points(trend, "api", sha(3)), ratchet=ratchets.baseline("api", limits.ratchet))
    head = image("api", 12_100_000, 12_800_000, history=history, limits=limits)
    report = assemble(run_result(head, base=Revision(ref="main"), head=Revision(ref="x")))
    (reason,) = report.verdict.reasons
    assert (reason.rule, reason.limit, reason.actual_bytes) == ("ratchet", "+20% since v1", 2_800_000)
    assert exit_code_of(report) is ExitCode.GATE_CLOSED
    comment = render_markdown(report)
    assert "grew by 2.8\u00a0MB in all, limit +20% since v1" in comment
    assert "is over its ratchet" in comment
    assert f"Trend: {sparkline([10_000_000, 10_700_000, 11_400_000, 12_800_000])}" in comment
    page = render_html(report)
    assert '<svg class="trend"' in page
    assert page.count("<circle") == 4
    assert f"<title>2023-11-14 {sha(0)[:7]}: 10.0 MB</title>" in page


def test_ratchet_unknown_passes_with_note() -> None:
    limits = Limits(ratchet=Ratchet(since="v1", max_increase=parse_limit("+20%")))
    baseline = Ratchets(Trend([]), unknown).baseline("api", limits.ratchet)
    head = image("api", 1, 900, history=ImageHistory(ratchet=baseline), limits=limits)
    notes = ratchet_notes([head])
    assert notes == ("api: its limit +20% since v1 was not checked: the repository has no such tag or commit",)
    report = assemble(run_result(head, notes=notes))
    assert report.verdict.passed
    assert notes[0].replace("+", "&#43;") in render_markdown(report) or notes[0] in render_markdown(report)


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([], ""),
        ([5], "▁"),
        ([5, 5, 5], "▁▁▁"),
        ([0, 7], "▁█"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([9, 0, 9], "█▁█"),
    ],
)
def test_sparkline_spans_lowest_to_highest(values, drawn):
    assert sparkline(values) == drawn


# --- the command --------------------------------------------------------------------------------------------------


def test_history_command_shows_records_and_adds_report(git_folder, tmp_path: Path, capsys) -> None:
    def history(*arguments: str, code: ExitCode = ExitCode.PASSED) -> str:
        cache = str(tmp_path / "cache")
        assert run(["history", "--repo", str(git_folder.root), "--cache-dir", cache, *arguments]) == code
        return capsys.readouterr().out

    first = git_folder.commit({"Dockerfile": "FROM scratch\n"})
    assert history().startswith("No sizes recorded")
    second = git_folder.commit({"Dockerfile": "FROM busybox\n"})
    for base, head, size in (("", first, 1_000_000), (first, second, 1_500_000)):
        revisions = {"base": Revision(ref="b", sha=base or None), "head": Revision(ref="h", sha=head)}
        report = assemble(run_result(image("api", 1, size), **revisions))
        (tmp_path / "report.json").write_text(encode_report(report))
        history("--record", str(tmp_path / "report.json"))
    table = history()
    assert table.splitlines()[1].split() == [
        "api", "▁█", "1.0", "MB", "1.5", "MB", "+500.0", "kB", "(+50", "%)", second[:7], *table.split()[-1:],
    ]  # fmt: skip
    (found,) = json.loads(history("--format", "json", "a*"))["images"]
    assert [(point["commit"], point["unpacked_bytes"]) for point in found["points"]] == [
        (first, 1_000_000),
        (second, 1_500_000),
    ]
    history("nothing", code=ExitCode.USAGE)
    history("--branch", "../x", code=ExitCode.USAGE)
