"""The fork's artifact as bytes: hostile archives are refused within bounds."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile

import pytest

from weighbridge.errors import ReportError
from weighbridge.github import fork
from weighbridge.github.fork import read_artifact
from weighbridge.report.model import MAXIMUM_REPORT_BYTES, Report, Verdict, WritingProgram, encode_report

REPORT = Report(
    tool=WritingProgram(name="weighbridge", version="1"), base=None, head=None, verdict=Verdict(passed=True), images=()
)


def _archive(*entries):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries:
            file.writestr(name, content)
    return data.getvalue()


GOOD = _archive(("report.json", encode_report(REPORT)))


def test_report_is_read_and_other_entries_are_not_looked_at():
    archive = _archive(("../../evil", "x"), ("report.json", encode_report(REPORT)), ("/etc/passwd", "x"))
    assert read_artifact(archive) == REPORT


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("archive", "said"),
    [
        (b"", "not a readable zip"),
        (b"PK\x03\x04 but no more", "not a readable zip"),
        (GOOD[: len(GOOD) // 2], "not a readable zip"),
        (_archive(), "expected one entry report.json, found 0"),
        (_archive(("../report.json", "{}")), "expected one entry report.json, found 0"),
        (_archive(("report.json", "not json")), "the JSON is damaged"),
        (_archive(("report.json", "{}")), "not a report"),
        (_archive(*((f"{number}", "") for number in range(65))), "65 entries"),
    ],
)
def test_archive_without_report_is_refused(archive, said):
    with pytest.raises(ReportError, match=said):
        read_artifact(archive)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_reports_are_refused():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("report.json", encode_report(REPORT))
        file.writestr("report.json", "{}")
    with pytest.raises(ReportError, match=r"expected one entry report.json, found 2"):
        read_artifact(data.getvalue())


def test_zip_bomb_with_declared_size_is_refused():
    archive = _archive(("report.json", b" " * (MAXIMUM_REPORT_BYTES + 1)))
    assert len(archive) < 100_000
    with pytest.raises(ReportError, match="claims"):
        read_artifact(archive)


def test_zip_bomb_with_false_size_is_not_unpacked():
    archive = bytearray(_archive(("report.json", b" " * (128 * 1024 * 1024))))
    central = archive.rindex(b"PK\x01\x02")
    archive[central + 24 : central + 28] = struct.pack("<I", 100)
    tracemalloc.start()
    try:
        with pytest.raises(ReportError):
            read_artifact(bytes(archive))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 3 * MAXIMUM_REPORT_BYTES


def test_encrypted_entry_is_refused():
    archive = bytearray(GOOD)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        archive[archive.index(signature) + offset] |= 1
    with pytest.raises(ReportError, match="not a readable zip"):
        read_artifact(bytes(archive))


def test_too_large_archive_is_refused_unread():
    with pytest.raises(ReportError, match="exceed the limit"):
        read_artifact(bytes(fork.MAXIMUM_ARTIFACT_BYTES + 1))
