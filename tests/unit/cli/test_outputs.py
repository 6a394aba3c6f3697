"""Where a report cannot be written, the message names the place, and no part of a file stays behind."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from tars import tar_of

from weighbridge.cli.main import run
from weighbridge.cli.options import OutputOptions
from weighbridge.cli.results import for_outputs
from weighbridge.cli.streams import prepare_streams
from weighbridge.config import Config
from weighbridge.errors import ExitCode, MachineError
from weighbridge.report.model import Report, Verdict, WritingProgram, encode_report
from weighbridge.report.whole_file import write_whole

COMMAND = [sys.executable, "-m", "weighbridge"]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """The file of a report without images."""
    file = tmp_path / "in.json"
    tool = WritingProgram(name="weighbridge", version="1")
    file.write_text(
        encode_report(Report(tool=tool, base=None, head=None, verdict=Verdict(passed=True), notes=("é ✓",), images=()))
    )
    return file


@pytest.fixture
def saved_image(tmp_path: Path) -> Path:
    """A saved image with one file of three bytes."""
    layer = tar_of({"a": b"abc"})
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers"}}
    config["rootfs"]["diff_ids"] = [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    manifest = [{"Config": "c.json", "Layers": ["l.tar"], "RepoTags": ["x:1"]}]
    files = {"c.json": json.dumps(config).encode(), "l.tar": layer, "manifest.json": json.dumps(manifest).encode()}
    archive = tmp_path / "image.tar"
    archive.write_bytes(tar_of(files))
    return archive


def test_stdout_on_full_device_is_exit_code_4_and_one_line(report):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "render", report, "--format", "json"],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == 4
    assert done.stderr == (
        b"error: cannot write the report: standard output: No space left on device. Free some space.\n"
    )


def test_closed_stdout_leaves_exit_code_of_verdict(report):
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, "render", str(report)],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(("format_", "shown"), [("table", rb"\xe9 \u2713"), ("markdown", "é ✓".encode())])
def test_report_on_ascii_terminal_escapes_other_characters(report, monkeypatch, format_, shown):
    """Only a table is for a terminal; another format is a file, in UTF-8."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO()))
    prepare_streams()
    assert run(["render", str(report), "--format", format_]) == ExitCode.PASSED
    sys.stdout.flush()
    assert shown in written.getvalue()


def test_write_without_space_leaves_old_file_and_no_part(tmp_path, monkeypatch):
    file = tmp_path / "report.json"
    file.write_text("old")
    file.chmod(0o640)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("weighbridge.report.whole_file.Path.replace", fail)
        with pytest.raises(MachineError, match=r"report.json: No space left on device. Free some space."):
            write_whole(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]
    write_whole(file, "new")
    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o640


def test_write_through_link_and_to_device_keeps_both(tmp_path):
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "real.json")
    write_whole(link, "text")
    assert link.is_symlink()
    assert (tmp_path / "real.json").read_text() == "text"
    write_whole(Path("/dev/null"), "text")
    assert Path("/dev/null").is_char_device()


def test_interrupt_during_imports_is_exit_code_130_and_one_line():
    code = """
import sys
from weighbridge.__main__ import main

class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == "weighbridge.cli.main":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupts())
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (130, b"interrupted\n")


def test_default_cache_folder_not_writable_gives_warning_only(tmp_path, saved_image, monkeypatch, capfd):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    command = ["inspect", f"docker-archive:{saved_image}", "--format", "json"]
    assert run(command) == ExitCode.PASSED
    printed = capfd.readouterr()
    assert "This run keeps no cache. Set --cache-dir" in printed.err
    assert '"unpacked_bytes": 3' in printed.out
    assert run([*command, "--cache-dir", str(tmp_path / "file")]) == ExitCode.USAGE


@pytest.mark.parametrize(
    ("format_", "files", "wanted"),
    [
        (None, [], False),
        ("markdown", [], False),
        ("json", [], True),
        ("html", [], True),
        (None, ["a.txt"], False),
        (None, ["a.txt", "a.html"], True),
        ("html", ["a.other"], True),
        ("json", ["a.md"], False),
    ],
)
def test_file_maps_are_made_only_for_formats_that_show_them(
    format_: str | None, files: list[str], wanted: bool
) -> None:
    output = OutputOptions(format_=format_, outputs=tuple(map(Path, files)))
    assert for_outputs(Config(), output).report.file_maps is wanted
