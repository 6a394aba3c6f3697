"""What an earlier run measured is used for the same content, marked for other content, and never when in doubt."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from weighbridge.config import Config, Tips
from weighbridge.domain.tips.tip import Basis
from weighbridge.github.tip_suggestions import suggestions_of
from weighbridge.report.assemble import assemble
from weighbridge.report.markdown import render_markdown
from weighbridge.report.view.tips import basis_text

DOCKERFILE = 'FROM scratch\nCOPY . /srv/\nCMD ["/srv/app"]\n'
SIDES = ["shop base", "shop head"]


def config(**tips: object) -> Config:
    return Config(tips=Tips(minimum_saving_bytes=1_000, **tips))


def measured(result) -> list:
    return [one for one in result.images[0].tips.proposed if one.tip.basis is Basis.REBUILT]


def tip_builds(run) -> list[str]:
    return [title for title in run.events if title not in {*SIDES, "verdict"}]


@pytest.fixture
def first(run, git_folder):
    """The commits and the result of a first run, which measured a tip."""
    base = git_folder.commit({"Dockerfile": DOCKERFILE, "app": b"a" * 1_000})
    head = git_folder.commit({"app": b"b" * 2_000, "tests/data.bin": b"t" * 300_000})
    result = run.weigh(base, head, config=config())
    assert tip_builds(run)
    assert [one.earlier for one in measured(result)] == [None]
    return base, head, result


def test_tip_cache_with_same_content_skips_build(run, first, git_folder):
    base, head, before = first
    git_folder.git("commit", "--quiet", "--allow-empty", "-m", "no change")
    again = git_folder.git("rev-parse", "HEAD")
    result = run.weigh(base, again, config=config())
    assert tip_builds(run) == []
    (one,) = measured(result)
    assert one.tip.saved_bytes == measured(before)[0].tip.saved_bytes
    assert (one.earlier.commit, one.earlier.is_same_content) == (head, True)
    assert result.images[0].tips.proposed[0].not_built is None


def test_tip_cache_other_copied_files_names_earlier_commit(run, first, git_folder):
    base, head, _ = first
    again = git_folder.commit({"app": b"c" * 90_000})
    result = run.weigh(base, again, config=config())
    assert tip_builds(run) == []
    (one,) = measured(result)
    assert (one.earlier.commit, one.earlier.is_same_content) == (head, False)
    report = assemble(result)
    (tip,) = [tip for tip in report.images[0].tips if tip.basis is Basis.REBUILT]
    assert tip.before_bytes - tip.after_bytes == tip.saved_bytes
    assert tip.before_bytes != report.images[0].head.unpacked_bytes
    assert basis_text(tip).startswith(f"built and measured at {head[:7]} on ")
    assert "copied files have changed since" in render_markdown(report)
    assert suggestions_of(report) == ()


@pytest.mark.parametrize(
    "settings", [{"use_memory": False}, {"config": config(maximum_age_seconds=3_600)}], ids=["asked", "too old"]
)
def test_tip_cache_unused_or_too_old_measures_again(run, first, git_folder, settings, monkeypatch):
    base, _, _ = first
    later = time.time() + 7_200
    monkeypatch.setattr("weighbridge.run.tip_cache.time", SimpleNamespace(time=lambda: later))
    again = git_folder.commit({"app": b"c" * 2_500})
    result = run.weigh(base, again, **{"config": config(), **settings})
    assert tip_builds(run)
    assert [one.earlier for one in measured(result)] == [None]


def test_tip_cache_other_dockerfile_builds_again(run, first, git_folder):
    base, _, _ = first
    again = git_folder.commit({"Dockerfile": DOCKERFILE + "LABEL a=b\n"})
    assert [one.earlier for one in measured(run.weigh(base, again, config=config()))] == [None]
    assert tip_builds(run)


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:-7], lambda data: b"\xff" * len(data)])
def test_tip_cache_corrupt_counts_as_missing(run, first, damage):
    base, head, _ = first
    for file in Path(run.folder / "cache").rglob("*"):
        if file.is_file() and "history" not in file.parts:
            file.write_bytes(damage(file.read_bytes()))
    result = run.weigh(base, head, config=config())
    assert tip_builds(run)
    assert [one.earlier for one in measured(result)] == [None]


def test_tip_cache_other_version_counts_as_missing(run, first, monkeypatch):
    base, head, _ = first
    monkeypatch.setattr("weighbridge.run.tip_cache.__version__", "0.0.0.other")
    assert [one.earlier for one in measured(run.weigh(base, head, config=config()))] == [None]
    assert tip_builds(run)


@pytest.mark.parametrize("left", [0, 1], ids=["even", "odd"])
def test_tip_cache_partly_there_gives_the_same_saving(run, first, left):
    base, head, before = first
    files = sorted(one for one in Path(run.folder / "cache").rglob("*") if one.is_file())
    for number, file in enumerate(files):
        if number % 2 != left:
            file.unlink()
    result = run.weigh(base, head, config=config())
    assert [one.tip.saved_bytes for one in measured(result)] == [one.tip.saved_bytes for one in measured(before)]
    assert all(one.earlier is not None for one in measured(result)) is (tip_builds(run) == [])
