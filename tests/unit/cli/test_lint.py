"""``weighbridge lint`` from the command line: files, output, fixes and exit codes."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from weighbridge.cli.commands.lint import lint as lint_command
from weighbridge.cli.lint_files import LintRequest, lint_paths
from weighbridge.cli.process import run_command
from weighbridge.domain.lint.model import LintSettings
from weighbridge.errors import ExitCode

DATA = Path(__file__).parents[2] / "data/dockerfiles"
WELL_MADE = sorted((DATA / "well-made").iterdir())
IMPROVABLE = sorted((DATA / "improvable").iterdir())
APK = "FROM alpine\nRUN apk add curl\n"
GIT = ["git", "-c", "user.name=T", "-c", "user.email=t@example.org"]


def found(path: Path) -> list[tuple[int, str]]:
    (file,) = lint_paths(LintRequest(paths=[path], settings=LintSettings()))
    return [(one.line, one.code) for one in file.findings if one.ignored_because is None]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a git repository with one Dockerfile that has one finding."""
    path = tmp_path / "repo"
    path.mkdir()
    subprocess.run([*GIT, "init", "--quiet"], cwd=path, check=True)
    (path / "Dockerfile").write_text(APK)
    monkeypatch.chdir(path)
    return path


@pytest.fixture
def lint(capsys: pytest.CaptureFixture[str]):
    def call(*arguments: str) -> tuple[ExitCode, str, str]:
        code = run_command(lint_command, arguments)
        return code, *capsys.readouterr()

    return call


# --- real kinds of files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", WELL_MADE, ids=lambda path: path.stem)
def test_lint_of_good_file_has_no_finding(path: Path) -> None:
    assert found(path) == []


def test_lint_corpus_has_enough_multi_stage_files() -> None:
    assert sum(path.read_text().count("\nFROM ") >= 1 for path in WELL_MADE) >= 20


EXPECTED = {
    "accepted": [],
    "alpine-heredoc": [(5, "package-cache")],
    "backtick-escape": [],  # not read as a POSIX shell's
    "debian-heredoc": [(4, "package-cache"), (5, "recommended-packages")],
    "distroless-shell-form": [
        (4, "strip-binaries"),
        (7, "shell-form-on-shell-less-base"),
        (8, "shell-form-on-shell-less-base"),
    ],
    "enterprise-packages": [(2, "package-cache")],
    "errexit-style": [(3, "package-cache"), (5, "recommended-packages"), (8, "permission-copies")],
    "go-in-place": [(4, "single-stage-build")],
    "hello-c": [(3, "single-stage-build")],
    "hello-go-relative": [(4, "strip-binaries"), (6, "copy-from-relative-path"), (7, "shell-form-on-shell-less-base")],
    "java-maven": [(5, "single-stage-build")],
    "large-user-number": [(2, "sparse-logs")],
    "libraries-by-hand": [
        (5, "copied-libraries-by-hand"),
        (6, "copied-libraries-by-hand"),
        (8, "shell-form-on-shell-less-base"),
    ],
    "many-numbered-stages": [(4, "strip-binaries"), (12, "stage-by-number")],
    "no-final-newline": [(2, "package-cache")],
    "node-built-in-place": [(4, "dev-dependencies"), (4, "package-cache"), (6, "single-stage-build")],
    "node-everything": [(1, "large-base"), (4, "dev-dependencies"), (4, "package-cache")],
    "onbuild-parent": [(6, "dev-dependencies"), (6, "package-cache")],
    "python-slim-two-runs": [(2, "package-cache"), (3, "recommended-packages"), (5, "package-cache")],
    "python-web": [
        (3, "dev-packages"),
        (3, "package-cache"),
        (3, "recommended-packages"),
        (8, "package-cache"),
        (8, "single-stage-build"),
        (10, "permission-copies"),
    ],
    "rust-cargo": [(4, "single-stage-build")],
    "site-on-debian": [(2, "package-cache"), (2, "recommended-packages")],
    "windows-line-ends": [(2, "package-cache"), (3, "recommended-packages")],
}


@pytest.mark.parametrize("path", IMPROVABLE, ids=lambda path: path.stem)
def test_lint_improvable_file_has_expected_findings(path: Path) -> None:
    assert found(path) == EXPECTED[path.stem]


# --- which files --------------------------------------------------------------------------------------------------


def test_lint_folder_skips_ignored_files(folder: Path, lint) -> None:
    for name in (
        "ignored/Dockerfile",
        "api/Dockerfile.dev",
        "api/web.Dockerfile",
        "api/Containerfile",
        "api/Dockerfile.md",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(APK)
    (folder / ".gitignore").write_text("ignored\n")
    subprocess.run([*GIT, "add", "Dockerfile"], cwd=folder, check=True)
    _, out, _ = lint("--format", "json")
    paths = [one["path"] for one in json.loads(out)["findings"]]
    assert paths == ["Dockerfile", "api/Containerfile", "api/Dockerfile.dev", "api/web.Dockerfile"]


def test_lint_file_with_any_name_is_linted(folder: Path, lint) -> None:
    (folder / "build.txt").write_text(APK)
    assert lint("build.txt")[1].startswith("build.txt:2: warning package-cache")


def test_lint_folder_outside_repository_lints_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lint) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/Dockerfile").write_text(APK)
    monkeypatch.chdir(tmp_path)
    assert "1 Dockerfile: 1 warning" in lint("a")[1]


def test_lint_symlink_out_of_folder_is_skipped(folder: Path, tmp_path: Path, lint) -> None:
    (tmp_path / "elsewhere").write_text(APK)
    (folder / "Dockerfile").unlink()
    (folder / "Dockerfile").symlink_to(tmp_path / "elsewhere")
    assert lint(".")[1] == "no Dockerfile found: nothing is checked\n"


def test_lint_path_missing_is_usage_error(folder: Path, lint) -> None:
    code, out, err = lint("missing")
    assert (code, out) == (ExitCode.USAGE, "")
    assert "missing: No such file or directory." in err


# --- how it ends --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "code"),
    [("info", 1), ("warning", 1), ("error", 0), ("never", 0)],
)
def test_lint_fail_level_decides_exit_code(folder: Path, lint, level: str, code: int) -> None:
    assert lint("--fail-level", level)[0] == code


def test_lint_without_findings_passes(folder: Path, lint) -> None:
    (folder / "Dockerfile").write_text("FROM alpine\n")
    assert lint()[:2] == (ExitCode.PASSED, "1 Dockerfile: nothing found\n")


def test_lint_file_unparsable_exits_3_at_every_level(folder: Path, lint) -> None:
    (folder / "Dockerfile.broken").write_text("FROM a\nRNU x\n")
    code, out, _ = lint("--fail-level", "never")
    assert code == ExitCode.BUILD_FAILED
    assert "Dockerfile.broken:2: error dockerfile-error: unknown instruction: RNU" in out
    assert "Dockerfile:2: warning package-cache" in out


def test_lint_ignored_finding_passes_with_reason(folder: Path, lint) -> None:
    (folder / "Dockerfile").write_text(f"# weighbridge: ignore=package-cache tiny\n{APK}")
    code, out, _ = lint()
    assert code == ExitCode.PASSED
    assert "Dockerfile:3: ignored package-cache: tiny" in out


def test_lint_in_a_removed_folder_names_it(folder: Path, lint) -> None:
    shutil.rmtree(folder)
    code, _, message = lint()
    assert code == ExitCode.UNAVAILABLE
    assert message == "error: the current folder: No such file or directory. Change to an existing folder.\n"


def test_lint_configuration_found_is_used(folder: Path, lint) -> None:
    (folder / ".github").mkdir()
    (folder / ".github/weighbridge.yml").write_text(
        "version: 1\n"
        "discover: { exclude: ['old/**'] }\n"
        "lint: { trusted-bases: ['ghcr.io/us/*'] }\n"
        "checks: { ignore: [{ code: package-cache, reason: 'a small one' }] }\n"
    )
    (folder / "old").mkdir()
    (folder / "old/Dockerfile").write_text(APK)
    (folder / "Dockerfile").write_text("FROM ghcr.io/us/base\nRUN apk add curl\n")
    code, out, _ = lint("--fail-level", "info")
    assert code == ExitCode.PASSED
    assert out == "Dockerfile:2: ignored package-cache: a small one\n1 Dockerfile: nothing found\n"


# --- fixing -------------------------------------------------------------------------------------------------------


def test_fix_applies_safe_fixes_only(folder: Path, lint) -> None:
    (folder / "Dockerfile").write_text("FROM debian\nRUN apt-get update && apt-get install -y curl\n")
    (folder / "Dockerfile").chmod(0o640)
    code, out, _ = lint("--fix")
    assert (folder / "Dockerfile").read_text() == (
        "FROM debian\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\n"
    )
    assert (folder / "Dockerfile").stat().st_mode & 0o777 == 0o640
    assert "Dockerfile:2: fixed package-cache" in out
    assert "warning recommended-packages" in out
    assert code == ExitCode.GATE_CLOSED  # what is left


def test_unsafe_fixes_requested_are_applied(folder: Path, lint) -> None:
    (folder / "Dockerfile").write_text("FROM debian\nRUN apt-get update && apt-get install -y curl\n")
    code, out, _ = lint("--fix", "--unsafe-fixes")
    assert "--no-install-recommends" in (folder / "Dockerfile").read_text()
    assert (code, out.splitlines()[-1]) == (ExitCode.PASSED, "1 Dockerfile: nothing found, 2 fixed")


def test_fix_applied_twice_changes_file_once(folder: Path, lint) -> None:
    lint("--fix", "--unsafe-fixes")
    once = (folder / "Dockerfile").read_bytes()
    lint("--fix", "--unsafe-fixes")
    assert (folder / "Dockerfile").read_bytes() == once


@pytest.mark.parametrize("path", IMPROVABLE, ids=lambda path: path.stem)
def test_fix_leaves_no_fixable_finding(path: Path, folder: Path) -> None:
    copy = folder / "Dockerfile"
    copy.write_bytes(path.read_bytes())
    (file,) = lint_paths(LintRequest(paths=[copy], settings=LintSettings(), fix=True, unsafe_fixes=True))
    assert file.not_fixed is None
    assert not [one for one in file.findings if one.edits and one.ignored_because is None]
    assert copy.read_bytes().decode() == file.text


def test_fix_keeps_windows_line_ends(folder: Path, lint) -> None:
    (folder / "Dockerfile").write_bytes((DATA / "improvable/windows-line-ends.Dockerfile").read_bytes())
    lint("--fix")
    counts = Counter((folder / "Dockerfile").read_bytes())
    assert counts[ord("\r")] == counts[ord("\n")] == 5


def test_fix_symlink_or_broken_text_is_skipped_with_reason(folder: Path, lint) -> None:
    (folder / "link").symlink_to("Dockerfile")
    (folder / "latin").write_bytes(APK.encode() + b"# caf\xe9\n")
    _, out, _ = lint("--fix", "link", "latin")
    assert "link: not fixed: it is a symlink. Name the file that it points to" in out
    assert "latin: not fixed: it is not UTF-8" in out
    assert (folder / "Dockerfile").read_text() == APK


def test_unsafe_fixes_without_fix_is_usage_error(folder: Path, lint) -> None:
    code, _, err = lint("--unsafe-fixes")
    assert code == ExitCode.USAGE
    assert "--unsafe-fixes needs --fix" in err


# --- templates ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["FROM {{ base }}\n{% if a %}\nRUN x\n{% endif %}\n", "{{\n  set x\n}}FROM debian:{{ x }}\n", "FROM <%= b %>\n"],
)
def test_template_is_named_and_not_linted(folder: Path, lint, text: str) -> None:
    (folder / "Dockerfile").write_text(text)
    code, said, _ = lint("Dockerfile")
    assert code is ExitCode.PASSED
    assert "Dockerfile: not linted: looks like a template" in said


def test_vendored_file_of_folder_is_named_and_linted_only_on_request(folder: Path, lint) -> None:
    file = folder / "vendor/example.org/lib/Dockerfile"
    file.parent.mkdir(parents=True)
    file.write_text("FROM alpine\nRUN apk add x\n")
    (folder / "testdata").mkdir()
    (folder / "testdata/Dockerfile").write_text("FROM\n")
    code, said, _ = lint("--fail-level", "never")
    assert code is ExitCode.PASSED
    assert "vendor/example.org/lib/Dockerfile: not linted: vendored. Name the file to lint it" in said
    assert "testdata/Dockerfile: not linted: test data" in said
    assert "package-cache" in lint(str(file))[1]


def test_select_and_ignore_choose_rules(folder: Path, lint) -> None:
    (folder / "Dockerfile").write_text("FROM someone/app\nRUN apk add x\n")
    assert "unusual-run-base" not in lint()[1]
    assert "unusual-run-base" in lint("--select", "all")[1]
    assert "nothing found" in lint("--ignore", "package-cache")[1]
    code, _, error = lint("--select", "package-cahce")
    assert code is ExitCode.USAGE
    assert "Did you mean package-cache?" in error


def test_help_has_short_option(lint) -> None:
    assert "--select" in lint("-h")[1]
