"""`weighbridge init`: a workflow and a configuration that are valid and fit the repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from weighbridge.cli.main import run
from weighbridge.config import load_config
from weighbridge.domain.gate.limits import parse_limit
from weighbridge.errors import ExitCode


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "services/api").mkdir(parents=True)
    (tmp_path / "services/api/Dockerfile").write_text("FROM busybox\nCOPY app /app\n")
    (tmp_path / "services/api/app").write_text("1")
    identity = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "one"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    return tmp_path


def test_init_writes_valid_files_and_names_images(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "--repo", str(repository), "--max-increase", "+5MB"]) is ExitCode.PASSED
    printed = capsys.readouterr().out
    assert "1 image found:" in printed
    assert "services/api  (services/api)" in printed
    assert "replace OWNER" in printed
    workflow = yaml.safe_load((repository / ".github/workflows/weigh.yml").read_text())
    assert [step["uses"].split("@")[0] for step in workflow["jobs"]["weigh"]["steps"]] == [
        "actions/checkout",
        "OWNER/weighbridge",
        "actions/upload-artifact",
    ]
    assert load_config(repository, None).limits.max_increase == parse_limit("+5MB")


def test_init_keeps_existing_files_without_force(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / ".github").mkdir()
    (repository / ".github/weighbridge.yml").write_text("version: 1\n")
    assert run(["init", "--repo", str(repository)]) is ExitCode.USAGE
    assert ".github/weighbridge.yml exists. Use --force to overwrite it." in capsys.readouterr().err
    assert not (repository / ".github/workflows").exists()
    assert run(["init", "--repo", str(repository), "--force"]) is ExitCode.PASSED


def test_init_refuses_ambiguous_limit(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "--repo", str(repository), "--max-increase", "10%"]) is ExitCode.USAGE
    assert "--max-increase" in capsys.readouterr().err
    assert not (repository / ".github").exists()


def test_init_carries_over_limit_of_dive(repository: Path) -> None:
    (repository / ".dive-ci").write_text(
        "rules:\n  lowestEfficiency: 0.95\n  highestWastedBytes: 20MB\n  highestUserWastedPercent: disabled\n"
    )
    assert run(["init", "--repo", str(repository)]) is ExitCode.PASSED
    waste = load_config(repository, None).limits.max_wasted
    assert waste is not None
    assert waste.maximum.maximum_bytes == 20_000_000
    text = (repository / ".github/weighbridge.yml").read_text()
    assert '# .dive-ci has "lowestEfficiency: 0.95": Weighbridge has no such limit.' in text
    assert "highestUserWastedPercent" not in text


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("highestWastedBytes: many", '.dive-ci:2: rules.highestWastedBytes: "many" is not a size'),
        ("lowestEficiency: 1", '.dive-ci:2: unknown key "lowestEficiency" in rules (did you mean "lowestEfficiency"?)'),
        ("lowestEfficiency: [1]", ".dive-ci:2: rules.lowestEfficiency"),
    ],
)
def test_init_names_invalid_rule_of_dive(
    repository: Path, capsys: pytest.CaptureFixture[str], rules: str, message: str
) -> None:
    (repository / ".dive-ci").write_text(f"rules:\n  {rules}\n")
    assert run(["init", "--repo", str(repository)]) is ExitCode.USAGE
    assert message in capsys.readouterr().err
    assert not (repository / ".github").exists()


def test_init_without_active_rules_of_dive_sets_no_waste_limit(repository: Path) -> None:
    (repository / ".dive-ci").write_text("rules:\n  highestWastedBytes: 'disabled'\n")
    assert run(["init", "--repo", str(repository)]) is ExitCode.PASSED
    assert load_config(repository, None).limits.max_wasted is None
