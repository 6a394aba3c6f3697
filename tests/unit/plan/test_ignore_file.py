"""Ignore files, held to what real builds left out: ``tests/data/ignore_files``, made by ``record_ignore_files.py``."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from weighbridge.plan.ignore_file import IgnoreFile, pattern_lines

_DATA = Path(__file__).parents[2] / "data/ignore_files"
_RECORDED = {engine: json.loads((_DATA / f"{engine}.json").read_text()) for engine in ("overlay2", "containerd")}
_NAMES = _RECORDED["overlay2"]["names"]
_PAIRS = list(
    zip(*(_RECORDED[engine]["records"] for engine in ("overlay2", "containerd")), strict=True),
)


def _kept(data: bytes) -> set[int]:
    file = IgnoreFile(data)
    return {index for index, name in enumerate(_NAMES) if not file.ignores(name)}


def test_recorded_builds_cover_300_ignore_files():
    assert len(_PAIRS) >= 300
    assert sum(any(one["kept"] is not None for one in pair) for pair in _PAIRS) >= 290


def test_ignore_file_never_excludes_file_of_recorded_build():
    for pair in _PAIRS:
        data = base64.b64decode(pair[0]["ignore_file"])
        for one in pair:
            missing = set(one["kept"] or ()) - _kept(data)
            assert not missing, (data[:80], [_NAMES[index] for index in missing])


@pytest.mark.parametrize(
    "data",
    [
        b"data",
        b"data\r\nx\r\n",
        b"# c\n**\n",
        b"  data  \n",
        b"\xef\xbb\xbfdata\n",
        b"\xc2\xa0data\xc2\xa0\n",
        b"*\n!data\n!a/b\n",
        b"**\n!src\n",
        b"//data\n",
        b"a/../data\n",
        b"/*\n",
        b"*/*\n",
        b"**/x\n",
        b"**/*.md\n",
        b"a/**\n",
        b"a/**/x\n",
        b"docs\n!docs/keep\n",
        b"*.md\n!README.md\n",
        b"[a-d]*\n",
        b"[^a]*\n",
        b"a.b*\n",
        b"??\n",
        b"**/\n",
        b"src/**/*.go\n",
        b"*\n!a/**\n",
        b"x\\*\n",
    ],
)
def test_common_ignore_file_excludes_files_of_no_recorded_build(data):
    (pair,) = (pair for pair in _PAIRS if base64.b64decode(pair[0]["ignore_file"]) == data)
    assert [set(one["kept"]) for one in pair] == [_kept(data)] * 2


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\v", "\f", "\x1c", "\x1d", "\x1e", "\r"])
def test_line_with_other_line_end_is_one_line(character):
    assert pattern_lines(f"# keep{character}**\ndata\n".encode()) == ("data",)


@pytest.mark.parametrize(
    "data",
    [
        b"x|*\n",
        b"\\d*\n",
        b"a+b\n",
        b"[*]\n",
        b"\xff\n",
        b"version https://git-lfs.github.com/spec/v1\ndata\n",
        b"**/" * 50 + b"x\n",
        b"data\n" * 501,
        b"x" * 70_000 + b"\ndata\n",
        b"data\n!\n",
        b"data\n[\n",
        b"data\n! \n",
    ],
)
def test_untrusted_ignore_file_has_no_effect(data):
    assert _kept(data) == set(range(len(_NAMES)))
