"""Precedence of configurations: head's for images, base's for the gate."""

from __future__ import annotations

import subprocess
from types import MappingProxyType

import pytest

from weighbridge.action.commits import Sides
from weighbridge.action.inputs import read_inputs
from weighbridge.action.settings import settings
from weighbridge.config import VerifyTips
from weighbridge.github.event import BranchEvent, MergeGroupEvent
from weighbridge.plan.git import open_repository
from weighbridge.report.model import Revision

GROUP = MergeGroupEvent(
    repository="o/r", action="checks_requested", base_ref="b", base_sha="1" * 40, head_ref="h", head_sha="2" * 40
)
BRANCH = BranchEvent(name="schedule", repository="o/r", ref="refs/heads/main", head_sha="2" * 40, default_branch="main")
BASE = """version: 1
limits: { max-increase: "+1MB" }
images:
  api: { dockerfile: api/Dockerfile, limits: { max-size: 50MB } }
"""
CHANGES = MappingProxyType(
    {
        "a higher limit": BASE.replace("+1MB", "+900MB"),
        "no limits of the image": BASE.replace(", limits: { max-size: 50MB }", ""),
        "the image under another name": BASE.replace("  api:", "  other:"),
        "an exclusion": BASE + 'discover: { exclude: ["**"] }\n',
        "no checks": BASE + "checks: { fail-on: never }\n",
        "an override label": BASE + "override: { label: mine }\n",
        "no configuration": "version: 1\n",
    }
)


@pytest.fixture
def settled(tmp_path):
    """`settled(head, event, **inputs)`: the settings of a repository with `BASE` and `head` as configuration."""

    def git(*arguments):
        command = ["git", "-c", "user.name=dev", "-c", "user.email=d@example.test", "-C", tmp_path, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(text):
        (tmp_path / ".github/weighbridge.yml").write_text(text)
        git("add", "--all")
        git("commit", "--quiet", "--allow-empty", "--message", "x")
        return git("rev-parse", "HEAD")

    def settle(head, event=GROUP, *, merge_base=None, **inputs):
        (tmp_path / ".github").mkdir()
        git("init", "--quiet")
        rules_sha, head_sha = commit(BASE), commit(head)
        base_sha = rules_sha if merge_base is None else commit(merge_base)
        revision = Revision(ref="x")
        sides = Sides(base=revision, base_sha=base_sha, rules_sha=rules_sha, head=revision, head_sha=head_sha)
        given = {f"INPUT_{name.upper().replace('_', '-')}": value for name, value in inputs.items()}
        chosen = settings(read_inputs(given), event, open_repository(tmp_path), sides)
        return chosen.config, chosen.notes

    return settle


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_limit_change_in_head_uses_base_limits_with_note(settled, change):
    config, notes = settled(change)
    assert str(config.limits_of("api").max_size.maximum_bytes) == "50000000"
    assert config.discover.exclude == ()
    assert config.checks.fail_on == "regression"
    assert config.override.label is None
    assert len(notes) == 1
    assert "allow-limit-changes" in notes[0]


def test_limit_change_allowed_uses_head_limits(settled):
    config, notes = settled(CHANGES["an override label"], allow_limit_changes="true")
    assert (config.override.label, notes) == ("mine", ())


def test_limit_change_merged_uses_new_limits(settled):
    config, notes = settled(CHANGES["an override label"], BRANCH)
    assert (config.override.label, notes) == ("mine", ())


def test_image_change_in_head_applies_at_once(settled):
    config, notes = settled(BASE.replace("api/Dockerfile", "services/Dockerfile"))
    assert (config.images["api"].dockerfile, notes) == ("services/Dockerfile", ())


def test_inputs_set_override_both_configurations(settled):
    config, _ = settled(BASE, override_label="yes", verify_tips="false", max_size="9MB")
    assert (config.override.label, config.tips.verify) == ("yes", VerifyTips.NEVER)
    assert config.limits_of("api").max_size.maximum_bytes == 9_000_000


@pytest.mark.parametrize("older", ["version: 1\n", "version: 1\nlimits: [broken\n"])
def test_branch_older_than_limits_has_limits_of_tip(settled, older):
    config, notes = settled("version: 1\n", merge_base=older)
    assert str(config.limits.max_increase) == "+1MB"
    assert "api" not in config.images
    assert notes == () or "allow-limit-changes" in notes[0]
