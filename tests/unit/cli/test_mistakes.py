"""Mistakes of new users: each message is one line with problem, place and fix."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from weighbridge.cli.examples import EXAMPLES
from weighbridge.cli.main import COMMANDS, cli, run
from weighbridge.errors import ExitCode

GIT = ["git", "-c", "user.name=T", "-c", "user.email=t@example.org"]
CONFIGURATION = "--config {}.yml"

MISTAKES = [
    # the command and its options
    ("dif main", "error: 'dif' is not a command. Did you mean 'diff'? See weighbridge --help."),
    ("check", "error: 'check' is not a command. "),
    ("xyzzy", "Commands: diff, compare, inspect"),
    ("--versoin", "--version"),
    ("diff --outptu x.json", "error: No such option '--outptu'. Did you mean '--output'? See weighbridge diff --help."),
    ("diff --max-incraese +10%", "--max-increase"),
    ("diff a b c", "error: Got unexpected extra argument (c). See weighbridge diff --help."),
    ("diff --format yaml", "'yaml' is not one of 'table', 'markdown', 'json', 'html', 'badge'"),
    ("diff --jobs many", "error: Invalid value for '--jobs': 'many' is not a valid integer"),
    ("diff --jobs 0", "0 is not in the range 1<=x<=64"),
    ("diff --jobs", "error: Option '--jobs' requires an argument."),
    ("diff --max-increase 10", "--max-increase"),
    ("diff --max-increase 10%", '"10%"'),
    ("diff --max-size 12", '"12" has no unit'),
    ("diff --max-size big", '"big"'),
    ("diff --max-size -5MB", '"-5MB"'),
    ("diff --build-timeout soon", "'soon' is not a duration. Write 90s, 30m or 1h"),
    ("diff --build-arg =x", "'=x' has no name. Write NAME=VALUE."),
    ("diff --build-arg ABSENT_HERE", "'ABSENT_HERE' has no value and is not set in the environment"),
    ("diff --secret npmrc", "'npmrc' has no id or no src. Write id=NAME,src=FILE."),
    ("diff --secret id=npmrc,src=absent", "absent: no such file"),
    ("diff --secret id=token,env=TOKEN", "has no id or no src"),
    ("diff --part 3/2", "3/2"),
    ("diff --fail-on always", "'always' is not one of"),
    ("diff --output report.xyz", "--output report.xyz: the suffix has no format. Use one of .json .md"),
    ("diff --output missing/report.json", "does not exist. Create it first."),
    ("completion powershell", "'powershell' is not one of 'bash', 'zsh', 'fish'"),
    ("schema images", "'images' is not one of 'report', 'config'"),
    ("compare app:1", "error: Missing argument 'NEW'. See weighbridge compare --help."),
    ("inspect", "error: Missing argument 'IMAGE'. See weighbridge inspect --help."),
    ("merge", "error: Missing argument 'PART...'. See weighbridge merge --help."),
    ("render", "error: Missing argument 'REPORT'. See weighbridge render --help."),
    # the repository
    ("diff --repo absent", "absent: no such folder. Name a git repository with --repo DIR."),
    ("diff --repo /", "/: not a git repository (nor is any folder above it). Name one with --repo DIR."),
    ("diff master", 'master: unknown revision. Did you mean "main"? '),
    ("diff mian", 'mian: unknown revision. Did you mean "main"? '),
    ("diff featur/login", 'Did you mean "feature/login"?'),
    ("diff main nope", "nope: unknown revision. Write a branch, a tag or a commit, or fetch it"),
    ("diff --config absent.yml", "absent.yml"),
    ("lint absent/Dockerfile", "absent/Dockerfile"),
    # the configuration
    (CONFIGURATION.format("unknown-key"), 'unknown-key.yml:2: unknown key "limit" (did you mean "limits"?)'),
    (CONFIGURATION.format("no-yaml"), "no-yaml.yml:2: not valid YAML"),
    (CONFIGURATION.format("other-version"), "other-version.yml:1"),
    (CONFIGURATION.format("ambiguous"), "ambiguous.yml:2"),
    (CONFIGURATION.format("unknown-code"), "unknown-code.yml:2"),
    # images and reports
    ("inspect UPPER:::", "UPPER:::"),
    ("inspect docker-archive:absent.tar", "absent.tar"),
    ("inspect docker-archive:text.tar", "error: text.tar: "),
    ("inspect oci:absent", "absent"),
    ("inspect app:1", "does not answer"),
    ("render absent.json", "absent.json: No such file or directory."),
    # further ones: commands and options
    ("help", "'help' is not a command. Write weighbridge COMMAND --help."),
    ("version", "'version' is not a command. Write weighbridge --version."),
    ("diff --image nope", 'no image has the name "nope". Images: app'),
    ("diff --output folder", "File 'folder' is a directory."),
    ("diff --output a.json --output ./a.json", "--output a.json: named twice. Name each file once."),
    ("diff --max-increase +10percent", 'has the unknown unit "percent": write B, kB, MB'),
    ("diff --max-increase +10%,+5MB", 'has a comma: write "+10% and +5MB" or "+10% or +5MB"'),
    ("diff --max-size 500M", '"500M" has the unknown unit "M"'),
    ("diff --cache-dir text.tar", "Directory 'text.tar' is a file."),
    ("diff --repo text.tar", "Directory 'text.tar' is a file."),
    ("diff --config folder", "File 'folder' is a directory."),
    ("plan --format yaml", "'yaml' is not one of 'text', 'json'"),
    ("explore app:1", "The browser needs a terminal. Use `inspect` or `compare` for a report."),
    ("lint absent", "absent: No such file or directory."),
    # revisions
    ("diff main..feature/login", "main..feature/login: that is a range. Write two revisions: main feature/login."),
    ("diff ...main", "...main: that is a range. Write two revisions: HEAD main."),
    ("diff origin/main", 'origin/main: unknown revision. Did you mean "main"?'),
    ("diff HEAD~9", "HEAD~9: unknown revision."),
    ("diff login", 'Did you mean "feature/login"?'),
    ("diff 123abc4", "123abc4: unknown revision."),
    # values of the configuration
    (
        CONFIGURATION.format("text-limits"),
        "text-limits.yml:2: limits must be a mapping (key: value), not a single",
    ),
    (CONFIGURATION.format("list-images"), "list-images.yml:2: images must be a mapping (key: value), not a list"),
    (CONFIGURATION.format("text-image"), "text-image.yml:3: images.api must be a mapping (key: value)"),
    (CONFIGURATION.format("list-arguments"), "images.api.build-args must be a mapping (key: value), not a list"),
    (
        CONFIGURATION.format("outside"),
        "outside.yml:2: images.api.dockerfile: '../Dockerfile' is outside of the",
    ),
    (CONFIGURATION.format("gone"), "gone.yml:2: images.api.dockerfile: gone/Dockerfile is neither in base nor in head"),
    (CONFIGURATION.format("verify"), "verify.yml:2: tips.verify must be one of after-verdict"),
    (CONFIGURATION.format("fail-on"), "not 'errors' (did you mean \"error\"?)"),
    (CONFIGURATION.format("tab"), "tab.yml:3: not valid YAML: a tab; YAML indents with spaces"),
    (CONFIGURATION.format("twice"), 'twice.yml:2: duplicate key "version" (first on line 1)'),
    (CONFIGURATION.format("list"), "list.yml:1: the file must be a mapping (key: value), not a list"),
    (CONFIGURATION.format("reason"), 'the key "reason" is missing: say why runtime-ca-missing is accepted'),
    # addresses of images, and reports
    (
        "inspect registry:127.0.0.1:9/app:1",
        "the connection was refused. Check the name of the registry and the network.",
    ),
    ("inspect https://example.org/app:1", "name the registry: registry:HOST/NAME:TAG"),
    ("inspect app:1:2", "is not an image reference (write NAME:TAG, or NAME@sha256: and 64 digits)"),
    ("inspect app@sha256:123", "behind the @)"),
    ("inspect ./text.tar", "is a file: write docker-archive:./text.tar"),
    ("inspect oci:folder", "folder: no index.json; this is not an OCI layout"),
    ("inspect docker-archive:folder", "folder is a folder, but docker-archive: needs a file. Write oci:folder"),
    ("render empty.json", "it has no field `tool`. Write one with --format json."),
    ("render future.json", "a report of version 9; this program reads version 1."),
    ("merge empty.json", "empty.json: not a report of version 1: it has no field `tool`."),
    # options of other programs, and values that are found before anything is built
    ("diff --base main", "No such option '--base'. Write revisions without an option: diff BASE HEAD."),
    ("diff --json", "No such option '--json'. Write --format json, or --output report.json."),
    ("diff --html report.html", "Write --output report.html."),
    ("inspect -o x.json app:1", "No such option '-o'. Write --output FILE."),
    ("diff -q", "No such option '-q'. Write --quiet."),
    ("diff --no-tips", "No such option '--no-tips'. Write --no-verify-tips."),
    ("diff --limit +10%", "Write --max-increase or --max-size."),
    ("lint --base main", "error: No such option '--base'."),
    ("diff --platform amd64", "'amd64' is not a platform such as linux/arm64."),
    ("diff --max-increase=", '--max-increase: "" is not a limit: write +10%'),
    ("lint --ignore DL3008", "--ignore: unknown code 'DL3008'. Write a code of weighbridge as lint prints it"),
    ("lint --select package-cach", "--select: unknown code 'package-cach'. Did you mean package-cache?"),
    ("inspect text.tar", "'text.tar' is a file: write docker-archive:text.tar or oci-archive:text.tar"),
    ("inspect app/Dockerfile", "(to check a Dockerfile without building it: weighbridge lint app/Dockerfile)"),
    ("merge folder", "there is no part to merge: no file .json here. Write one with diff --part"),
    (CONFIGURATION.format("text-version"), "text-version.yml:1: version must be a whole number without quotes"),
    (CONFIGURATION.format("text-exclude"), "discover.exclude must be a list, not a single value: write [examples/**]"),
    (CONFIGURATION.format("indent"), "indent.yml:4: not valid YAML: a key at a wrong indentation"),
    (CONFIGURATION.format("quote"), "quote.yml:2: not valid YAML: a quote or bracket begins here and never ends"),
    (CONFIGURATION.format("documents"), "documents.yml:2: not valid YAML: a second document begins"),
    (CONFIGURATION.format("folder"), "folder.yml:2: images.api.dockerfile: app is a folder: write app/Dockerfile"),
    (CONFIGURATION.format("other-text"), "other-text.yml:2: not UTF-8 text. Save the file as UTF-8"),
    # words of other programs, and values at another place
    ("install", "'install' is not a command. Did you mean 'init'?"),
    ("scan app:1", "'scan' is not a command. Did you mean 'inspect'?"),
    ("login", "'login' is not a command. Commands: diff, compare"),
    ("diff --format md", "'badge'. Did you mean 'markdown'? See"),
    ("diff --format JSON", "Did you mean 'json'?"),
    ("diff --fail-on regressions", "Did you mean 'regression'?"),
    ("lint --format text --output lint.txt", "No such option '--output'. Write --format FORMAT > FILE. See"),
    ("plan --json", "No such option '--json'. Write --format json. See"),
    ("compare app:1 --base app:2", "No such option '--base'. Write images without an option: compare OLD NEW."),
    ("explore app:1 --base", "error: No such option '--base'. See weighbridge explore --help."),
    ("diff main --no-start", "No such option '--no-start'. Did you mean '--start'?"),
    ("diff --max-size 500000000", '"500000000" has no unit: write 500000000B'),
    ("diff --max-increase +10%%", '"+10%%" is not a limit: write +10%'),
    ("diff --max-size 5%", '"5%" is a percentage, but a size is needed. Write for example 500MB'),
    (CONFIGURATION.format("fail-on-at-top"), 'fail-on-at-top.yml:2: unknown key "fail-on" (write it below "checks")'),
    (CONFIGURATION.format("limit-at-top"), 'unknown key "max-increase" (write it below "limits")'),
    (CONFIGURATION.format("arguments"), 'unknown key "args" in images.api (did you mean "build-args"?)'),
    (CONFIGURATION.format("windows-lines"), 'windows-lines.yml:3: unknown key "max-sise" in limits (did you mean'),
    (CONFIGURATION.format("backslash"), 'is neither in base nor in head (did you mean "app/Dockerfile"?)'),
    (CONFIGURATION.format("lower"), 'app/dockerfile is neither in base nor in head (did you mean "app/Dockerfile"?)'),
    (CONFIGURATION.format("hadolint"), "'DL3008' is not a code such as runtime-ca-missing. docs/checks/README.md"),
    # words that are no revisions
    ("diff head", "head: unknown revision. Did you mean HEAD?"),
    ("diff https://example.org/app", "https://example.org/app: that is a URL. Clone the repository"),
    ("diff --repo https://example.org/app", "that is a URL. Clone the repository, and name its folder."),
    ("diff app/Dockerfile", "app/Dockerfile: that is a file, not a revision. Select an image with --image NAME"),
    ("diff folder", "folder: that is a folder, not a revision. Name a repository with --repo DIR"),
    ("diff app:1 app:2", "app:2: unknown revision. To compare two images: weighbridge compare OLD NEW."),
    # archives and reports
    ("inspect oci:layout", "error: layout holds no image: its index lists none. Export the image again."),
    ("inspect oci:layout:latest", "layout holds no latest; its index.json lists no image"),
    ("inspect docker-archive:damaged.tar.gz", "the gzip stream is damaged. Write or download the file again"),
    ("render text-version.json", "not a report of version 1: `schema_version` is a text, not a whole number."),
    ("render cut.json", "cut.json: not a report: the JSON ends too early. Write one with --format json."),
    ("render text.tar", "text.tar: not a report: the JSON is damaged (wrong at byte 4)."),
]
FILES = {
    "unknown-key.yml": 'version: 1\nlimit: { max-increase: "+10%" }\n',
    "no-yaml.yml": "version: [1\n",
    "other-version.yml": "version: 2\n",
    "ambiguous.yml": 'version: 1\nlimits: { max-increase: "150%" }\n',
    "unknown-code.yml": "version: 1\nchecks: { ignore: [{ code: runtime-ca, reason: x }] }\n",
    "text.tar": "no tar at all" * 100,
    "text-limits.yml": 'version: 1\nlimits: "+10%"\n',
    "list-images.yml": "version: 1\nimages: [api]\n",
    "text-image.yml": "version: 1\nimages:\n  api: services/api/Dockerfile\n",
    "list-arguments.yml": "version: 1\nimages: { api: { dockerfile: Dockerfile, build-args: [A=1] } }\n",
    "outside.yml": "version: 1\nimages: { api: { dockerfile: ../Dockerfile } }\n",
    "gone.yml": "version: 1\nimages: { api: { dockerfile: gone/Dockerfile } }\n",
    "verify.yml": "version: 1\ntips: { verify: maybe }\n",
    "fail-on.yml": "version: 1\nchecks: { fail-on: errors }\n",
    "tab.yml": "version: 1\nlimits:\n\tmax-size: 5MB\n",
    "twice.yml": "version: 1\nversion: 1\n",
    "list.yml": "- a\n",
    "reason.yml": "version: 1\nchecks: { ignore: [{ code: runtime-ca-missing }] }\n",
    "text-version.yml": 'version: "1"\n',
    "text-exclude.yml": "version: 1\ndiscover: { exclude: examples/** }\n",
    "indent.yml": 'version: 1\nlimits:\n  max-size: 5MB\n   max-increase: "+1%"\n',
    "quote.yml": 'version: 1\nlimits: { max-size: "500MB }\n',
    "documents.yml": "version: 1\n---\nversion: 1\n",
    "folder.yml": "version: 1\nimages: { api: { dockerfile: app } }\n",
    "other-text.yml": "version: 1\n# caf\udce9\n",
    "empty.json": "{}",
    "future.json": '{"schema_version": 9}',
    "fail-on-at-top.yml": "version: 1\nfail-on: never\n",
    "limit-at-top.yml": 'version: 1\nmax-increase: "+10%"\n',
    "arguments.yml": "version: 1\nimages: { api: { dockerfile: app/Dockerfile, args: { A: 1 } } }\n",
    "windows-lines.yml": "version: 1\r\nlimits:\r\n  max-sise: 5MB\r\n",
    "backslash.yml": "version: 1\nimages: { api: { dockerfile: app\\Dockerfile } }\n",
    "lower.yml": "version: 1\nimages: { api: { dockerfile: app/dockerfile } }\n",
    "hadolint.yml": "version: 1\nchecks: { ignore: [{ code: DL3008, reason: x }] }\n",
    "text-version.json": '{"schema_version": "1"}',
    "cut.json": '{"schema_version": 1, "tool',
    "layout/oci-layout": '{"imageLayoutVersion": "1.0.0"}',
    "layout/index.json": '{"schemaVersion": 2, "manifests": []}',
}


@pytest.fixture(scope="module")
def shared_repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One repository for all mistakes: none of them writes a file there."""
    folder = tmp_path_factory.mktemp("mistakes")
    for command in (
        ["init", "--quiet", "--initial-branch=main"],
        ["commit", "--quiet", "--allow-empty", "--message=a"],
        ["branch", "feature/login"],
    ):
        subprocess.run([*GIT, *command], cwd=folder, check=True)
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
    (folder / "damaged.tar.gz").write_bytes(b"\x1f\x8b\x08\x00" + bytes(40))
    (folder / "folder").mkdir()
    (folder / "app").mkdir()
    (folder / "app/Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    for command in (["add", "app"], ["commit", "--quiet", "--message=b"]):
        subprocess.run([*GIT, *command], cwd=folder, check=True)
    before = sorted(folder.rglob("*"))
    yield folder
    assert sorted(folder.rglob("*")) == before


@pytest.fixture
def repository(shared_repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the commands. A test that writes a file there removes it."""
    monkeypatch.chdir(shared_repository)
    monkeypatch.delenv("ABSENT_HERE", raising=False)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return shared_repository


@pytest.mark.parametrize(("line", "answer"), MISTAKES)
def test_mistake_is_answered_in_one_line(
    repository: Path, capfd: pytest.CaptureFixture[str], line: str, answer: str
) -> None:
    command = f"diff {line}" if line.startswith("--config") else line
    code = run(shlex.split(command))
    printed, said = capfd.readouterr()
    errors = [each for each in said.splitlines() if not each.startswith(("•", "warning:"))]
    assert code in {ExitCode.USAGE, ExitCode.UNAVAILABLE, ExitCode.UNREADABLE_IMAGE}
    assert (len(errors), printed) == (1, "")
    assert errors[0].startswith("error: ")
    assert answer in errors[0]
    assert "Traceback" not in said
    assert "defect" not in said


@pytest.mark.parametrize("name", list(COMMANDS))
def test_help_of_each_command_has_examples_and_exit_codes(capfd: pytest.CaptureFixture[str], name: str) -> None:
    assert run([name, "--help"]) == ExitCode.PASSED
    printed = capfd.readouterr().out
    assert all(example in printed for example in EXAMPLES.get(name, ()))
    assert name in EXAMPLES or name == "action"


@pytest.mark.parametrize("example", [each for examples in EXAMPLES.values() for each in examples])
def test_example_of_help_is_valid_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, example: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".npmrc").write_text("token")
    words = shlex.split(example.removeprefix('eval "$(').removesuffix(')"'))
    words = words[: words.index(">")] if ">" in words else words
    command = cli.get_command(cli.make_context("weighbridge", ["doctor"]), words[1])
    assert command is not None
    command.make_context(words[1], words[2:])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_names_program(capfd: pytest.CaptureFixture[str], shell: str) -> None:
    assert run(["completion", shell]) == ExitCode.PASSED
    assert "_WEIGHBRIDGE_COMPLETE" in capfd.readouterr().out


def test_configuration_file_at_another_place_is_named(repository: Path, capfd: pytest.CaptureFixture[str]) -> None:
    misplaced = repository / "weighbridge.yml"
    misplaced.write_text("version: 1\n")
    run(["diff", "main"])
    misplaced.unlink()
    said = " ".join(capfd.readouterr().out.split())
    assert "note: weighbridge.yml is not read. Move it to .github/weighbridge.yml" in said


def test_closed_pipe_keeps_exit_code_of_verdict(repository: Path) -> None:
    command = [sys.executable, "-m", "weighbridge", "diff", "main"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=60) == ExitCode.PASSED
