"""Messages and exit codes of the command line for bad input."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from tars import tar_of

from weighbridge.cli.main import run
from weighbridge.config import parse_config
from weighbridge.errors import EXIT_CODE_MEANING, PRECEDENCE, ExitCode, worst
from weighbridge.report.model import Report, Verdict, WritingProgram, encode_report, report_schema

ROOT = Path(__file__).resolve().parents[3]
GIT = ["git", "-c", "user.name=T", "-c", "user.email=t@example.org"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Weighbridge = Callable[..., Done]


@pytest.fixture
def weighbridge(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Weighbridge:
    """Runs the command line in this process, in the folder `cwd`, with an engine that is not there."""

    def call(*arguments: str, cwd: Path) -> Done:
        monkeypatch.chdir(cwd)
        monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        code = run(arguments)
        out, err = capfd.readouterr()
        return Done(returncode=code, stdout=out, stderr=err)

    return call


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    path = tmp_path / "repo"
    path.mkdir()
    subprocess.run([*GIT, "init", "--quiet", "--initial-branch=main"], cwd=path, check=True)
    commit(path, "first")
    return path


def commit(repo: Path, message: str) -> None:
    subprocess.run([*GIT, "add", "--all"], cwd=repo, check=True)
    subprocess.run([*GIT, "commit", "--quiet", "--allow-empty", "--message", message], cwd=repo, check=True)


def test_diff_outside_repository_is_error(weighbridge: Weighbridge, tmp_path: Path) -> None:
    done = weighbridge("diff", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == "error: .: not a git repository (nor is any folder above it). Name one with --repo DIR.\n"


def test_diff_unknown_revision_is_named(weighbridge: Weighbridge, repo: Path) -> None:
    done = weighbridge("diff", "nope", "HEAD", cwd=repo)
    assert done.returncode == 4
    assert done.stderr.startswith("error: nope: unknown revision.")


def test_diff_unrelated_branches_is_error(weighbridge: Weighbridge, repo: Path) -> None:
    subprocess.run([*GIT, "checkout", "--quiet", "--orphan", "other"], cwd=repo, check=True)
    commit(repo, "second")
    done = weighbridge("diff", "main", cwd=repo)
    assert done.returncode == 4
    assert "have no common history" in done.stderr


def test_diff_shallow_clone_error_has_fetch_command(weighbridge: Weighbridge, repo: Path, tmp_path: Path) -> None:
    commit(repo, "second")
    subprocess.run([*GIT, "clone", "--quiet", "--depth=1", repo.as_uri(), "shallow"], cwd=tmp_path, check=True)
    done = weighbridge("diff", "HEAD~1", "HEAD", cwd=tmp_path / "shallow")
    assert done.returncode == 4
    assert "unknown revision in this shallow clone" in done.stderr
    assert "git fetch" in done.stderr


def test_diff_without_dockerfile_passes(weighbridge: Weighbridge, repo: Path) -> None:
    done = weighbridge("diff", "HEAD", "HEAD", "--quiet", cwd=repo)
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].startswith("No Dockerfile")
    assert done.stderr == ""


def test_all_dockerfiles_also_plans_test_data(weighbridge: Weighbridge, repo: Path) -> None:
    (repo / "testdata").mkdir()
    (repo / "testdata/Dockerfile").write_text("FROM scratch\n")
    commit(repo, "second")
    asked = ("plan", "HEAD~1", "HEAD")
    assert weighbridge(*asked, cwd=repo).stdout == "0 of 0 images to build\n"
    assert weighbridge(*asked, "--all-dockerfiles", cwd=repo).stdout == "testdata\n1 of 1 image to build\n"


def test_prepare_uses_command_of_base_only(weighbridge: Weighbridge, repo: Path) -> None:
    (repo / "Dockerfile").write_text("FROM scratch\nCOPY bin/app /\n")
    commit(repo, "second")
    (repo / ".github").mkdir()
    config = "version: 1\nimages: { app: { dockerfile: Dockerfile, context: ., prepare: [make] } }\n"
    (repo / ".github/weighbridge.yml").write_text(config)
    commit(repo, "third")
    (repo / "x").write_text("x")
    commit(repo, "fourth")
    of_head = weighbridge("plan", "HEAD~2", "HEAD", "--prepare", "--explain", cwd=repo).stdout
    assert "its prepare command" not in of_head
    assert (
        "its prepare command may use any file"
        in weighbridge("plan", "HEAD~1", "HEAD", "--prepare", "--explain", cwd=repo).stdout
    )
    assert "its prepare command" not in weighbridge("plan", "HEAD~1", "HEAD", "--explain", cwd=repo).stdout


def test_engine_unreachable_error_names_host(weighbridge: Weighbridge, repo: Path) -> None:
    (repo / "Dockerfile").write_text("FROM scratch\n")
    commit(repo, "second")
    done = weighbridge("diff", "HEAD~1", "HEAD", "--quiet", cwd=repo)
    assert done.returncode == 4
    assert done.stderr == (
        "error: The container engine at unix:///nowhere.sock does not answer: No such file or directory. "
        "Start it, or set DOCKER_HOST to another engine.\n"
    )


def test_configuration_unknown_key_error_suggests_nearest(weighbridge: Weighbridge, repo: Path) -> None:
    (repo / ".github").mkdir()
    (repo / ".github/weighbridge.yml").write_text('version: 1\nlimit: { max-increase: "+10%" }\n')
    done = weighbridge("diff", "HEAD", "HEAD", cwd=repo)
    assert done.returncode == 2
    assert done.stderr == 'error: .github/weighbridge.yml:2: unknown key "limit" (did you mean "limits"?)\n'


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["diff", "--max-increase", "150%"], '"150%" is ambiguous'),
        (["diff", "--max-size", "12"], '"12" has no unit'),
        (["diff", "--max-new-size", "12"], '"12" has no unit'),
        (["diff", "--on-unknown", "pass"], "is not one of 'fail', 'warn'"),
        (["diff", "--build-timeout", "soon"], "'soon' is not a duration. Write 90s, 30m or 1h"),
        (["diff", "--build-arg", "=x"], "'=x' has no name. Write NAME=VALUE."),
        (["diff", "--output", "report.xyz"], "--output report.xyz: the suffix has no format."),
        (["diff", "--output", "missing/report.json"], "--output missing/report.json: the folder"),
        (["render", "missing.json"], "missing.json: No such file or directory."),
        (["inspect", "UPPER:::"], "UPPER:::"),
    ],
)
def test_options_invalid_exit_with_usage_error(
    weighbridge: Weighbridge, repo: Path, arguments: list[str], message: str
) -> None:
    done = weighbridge(*arguments, cwd=repo)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_inspect_invalid_archive_is_unreadable_image(weighbridge: Weighbridge, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_text("no tar at all" * 100)
    done = weighbridge("inspect", "docker-archive:x.tar", cwd=tmp_path)
    assert done.returncode == 5
    assert done.stderr.startswith("error: x.tar: ")


def test_render_invalid_report_is_refused(weighbridge: Weighbridge, tmp_path: Path) -> None:
    report = Report(
        tool=WritingProgram(name="weighbridge", version="1"),
        base=None,
        head=None,
        verdict=Verdict(passed=True),
        images=(),
    )
    (tmp_path / "report.json").write_text(encode_report(report))
    for format_ in ("markdown", "html", "json", "table"):
        done = weighbridge("render", "report.json", "--format", format_, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout
    (tmp_path / "report.json").write_text('{"schema_version": 2}')
    done = weighbridge("render", "report.json", cwd=tmp_path)
    assert done.returncode == 2
    assert "report.json: a report of version 2; this program reads version 1" in done.stderr


def test_schemas_committed_match_code(weighbridge: Weighbridge, tmp_path: Path) -> None:
    printed = json.loads(weighbridge("schema", "report", cwd=tmp_path).stdout)
    assert printed == json.loads(json.dumps(report_schema()))
    assert json.loads((ROOT / "docs/report-schema.json").read_text()) == printed, "run: make schema"
    assert json.loads(weighbridge("schema", "config", cwd=tmp_path).stdout)["type"] == "object"


def test_exit_codes_help_and_docs_list_all(weighbridge: Weighbridge, tmp_path: Path) -> None:
    help_text = weighbridge("--help", cwd=tmp_path).stdout
    page = (ROOT / "docs/cli.md").read_text()
    for code, meaning in EXIT_CODE_MEANING.items():
        assert f"{code}  {meaning}" in help_text
        assert f"| {code:d} | {meaning} |" in page
    order = ", ".join(str(int(code)) for code in PRECEDENCE if code is not ExitCode.PASSED)
    assert f"the first of {order} is given" in page


@pytest.mark.parametrize("page", ["README.md", "docs/configuration.md"])
def test_documented_configuration_is_valid(page: str) -> None:
    (sample,) = re.findall(r"```yaml\n((?:# [^\n]*\n)?version: 1\n.*?)```", (ROOT / page).read_text(), re.DOTALL)
    config = parse_config(sample.encode())
    assert set(config.images) == set(yaml.safe_load(sample)["images"])


def test_worst_exit_code_of_gate_and_build_is_that_of_gate() -> None:
    assert worst([ExitCode.BUILD_FAILED, ExitCode.GATE_CLOSED]) is ExitCode.GATE_CLOSED
    assert worst([]) is ExitCode.PASSED


def test_module_run_with_python_m_works() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "weighbridge", "--version"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.startswith("weighbridge, version ")


@pytest.fixture
def archive_without_its_program(tmp_path: Path) -> Path:
    """A saved image of one file of 2,000 bytes with a missing entrypoint."""
    layer = tar_of({"data": bytes(2_000)})
    diff_id = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    config = {
        "os": "linux",
        "architecture": "amd64",
        "config": {"Entrypoint": ["/app"]},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    }
    documents = {
        "config.json": json.dumps(config).encode(),
        "layer.tar": layer,
        "manifest.json": json.dumps([{"Config": "config.json", "RepoTags": None, "Layers": ["layer.tar"]}]).encode(),
    }
    (tmp_path / "image.tar").write_bytes(tar_of(documents))
    return tmp_path


@pytest.mark.parametrize("command", [["inspect"], ["compare", "docker-archive:image.tar"]])
def test_compare_with_config_uses_limits_and_ignores(
    weighbridge: Weighbridge, archive_without_its_program: Path, command: list[str]
) -> None:
    def exit_code(*options: str) -> int:
        arguments = [*command, "docker-archive:image.tar", "--fail-on", "error", *options]
        return weighbridge(*arguments, cwd=archive_without_its_program).returncode

    accepted = 'checks: { ignore: [{ code: entrypoint-missing, reason: "comes with a volume" }] }\n'
    (archive_without_its_program / "live-with-it.yml").write_text(f"version: 1\n{accepted}")
    (archive_without_its_program / "small.yml").write_text(f"version: 1\nlimits: {{ max-size: 1kB }}\n{accepted}")
    assert exit_code() == 1
    assert exit_code("--config", "live-with-it.yml") == 0
    assert exit_code("--config", "small.yml") == 1
    assert exit_code("--config", "small.yml", "--max-size", "1MB") == 0
    assert exit_code("--config", "missing.yml") == 2
