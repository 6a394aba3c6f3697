"""Changes become files and a patch; what contradicts itself does not go together."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.tips.patch import Sources, best_together, contradict, patched
from weighbridge.domain.tips.tip import Basis, Tip, TipChange

TEXT = "FROM a\nRUN one\nRUN two\n\nRUN three\n"


def change(old: str, new: str, *ignore_lines: str) -> TipChange:
    start = TEXT.index(old)
    edits = (Edit(start=start, end=start + len(old), replacement=new),) if old else ()
    return TipChange(edits=edits, ignore_lines=ignore_lines)


def tip(code: str, saved_bytes: int, one: TipChange) -> Tip:
    return Tip(code=code, saved_bytes=saved_bytes, basis=Basis.REBUILT, line=1, explanation="", change=one)


def sources(ignore_text: str | None = None) -> Sources:
    return Sources(dockerfile="api/Dockerfile", text=TEXT, ignore_file="api/.dockerignore", ignore_text=ignore_text)


@pytest.mark.parametrize("ignore_text", [None, "", "a\n", "a", "a\nbig\n"])
def test_patch_applied_by_git_gives_built_files(tmp_path: Path, ignore_text: str | None) -> None:
    files = patched(sources(ignore_text), [change("two", "2"), change("", "", "big", "docs/")])
    assert files is not None
    (tmp_path / "api").mkdir()
    (tmp_path / "api/Dockerfile").write_text(TEXT)
    if ignore_text is not None:
        (tmp_path / "api/.dockerignore").write_text(ignore_text)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=files.diff, text=True, check=True)
    assert (tmp_path / "api/Dockerfile").read_text() == files.text == TEXT.replace("two", "2")
    assert (tmp_path / "api/.dockerignore").read_text() == files.ignore_text
    assert files.ignore_text.splitlines()[-2:] == ["big", "docs/"]
    assert files.ignore_text.splitlines().count("big") == 1


def test_patch_with_ignore_lines_present_is_unchanged() -> None:
    assert patched(sources("big\n"), [change("", "", "big")]) is None
    files = patched(sources("big\n"), [change("two", "2", "big")])
    assert files is not None
    assert files.ignore_text is None
    assert ".dockerignore" not in files.diff


def test_patched_overlapping_changes_returns_none() -> None:
    assert patched(sources(), [change("two", "2"), change("RUN two", "RUN 2")]) is None
    twice = patched(sources(), [change("two", "2"), change("two", "2")])
    assert twice is not None
    assert twice.text == TEXT.replace("two", "2")


def test_best_together_picks_largest_total_saving() -> None:
    best = tip("best", 50, change("one\nRUN two", "both"))
    first, second = tip("first", 30, change("one", "1")), tip("second", 40, change("two", "2"))
    assert best_together([best, first, second]) == (second, first)
    assert best_together([best, first]) == (best,)
    assert best_together([]) == ()


def test_contradict_two_bases_is_true() -> None:
    base, stage = tip("smaller-base", 5, change("one", "1")), tip("use-multi-stage", 9, change("three", "3"))
    assert contradict(base, stage)
    assert best_together([base, stage]) == (stage,)
    assert not contradict(base, tip("package-cache", 9, change("three", "3")))


def test_best_together_of_many_tips_ends_in_bounded_time() -> None:
    many = [tip(f"tip-{number}", number, change("", "", str(number))) for number in range(200)]
    assert len(best_together(many)) == 12
