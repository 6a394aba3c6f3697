"""The workflow of docs/scaling.md as it stands there, run by act: two parts, one report, and a part that dies.

The two actions that carry artifacts between jobs are not on this machine. Their stand-ins have the same inputs and keep
the files in a folder that all jobs see.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from github_events import pull_request_payload

ROOT = Path(__file__).parents[2]
UPLOAD = "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02"
DOWNLOAD = "actions/download-artifact@d3f86a106a0bac45b974a628896c90dbdf5c8093"
UPLOAD_ACTION = """
name: stand-in
description: keeps the artifact in the folder that all jobs see
inputs: {name: {required: true}, path: {required: true}}
runs:
  using: composite
  steps:
    - shell: bash
      env: {NAME: '${{ inputs.name }}', FILE: '${{ inputs.path }}'}
      run: test ! -e "$FILE" || { mkdir "/artifacts/$NAME" && cp "$FILE" "/artifacts/$NAME/"; }
"""
DOWNLOAD_ACTION = """
name: stand-in
description: gets artifacts out of the folder that all jobs see, each into a folder of its name
inputs: {pattern: {required: true}, path: {required: true}}
runs:
  using: composite
  steps:
    - shell: bash
      env: {PATTERN: '${{ inputs.pattern }}', FOLDER: '${{ inputs.path }}'}
      run: mkdir -p "$FOLDER" && find /artifacts -mindepth 1 -maxdepth 1 -name "$PATTERN" -exec cp -r {} "$FOLDER/" ';'
"""
IMAGES = ("api", "services/web")


def _workflow(**changes):
    document = (ROOT / "docs/scaling.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^`\.github/workflows/weigh\.yml`\n\n```yaml\n(.*?)```$", document, re.MULTILINE | re.DOTALL)
    workflow = yaml.safe_load(text)
    workflow["on"] = workflow.pop(True)  # YAML 1.1 reads the word as a truth value
    for name, change in changes.items():
        change(workflow["jobs"], name)
    return yaml.safe_dump(workflow)


def _add_single_run(jobs, name):
    """A job that weighs everything by itself, to compare with."""
    checkout, upload = jobs["weigh"]["steps"][0], jobs["merge"]["steps"][-1]
    weigh = {"uses": "OWNER/weighbridge@v1", "with": {"comment": "never", "check-run": "never"}}
    upload = {"uses": upload["uses"], "with": {"name": name, "path": "weighbridge-report/report.json"}}
    jobs[name] = {"runs-on": "ubuntu-latest", "steps": [checkout, weigh, upload]}


def _kill_second_part(jobs, name):
    """The job of the second part is killed before it has weighed."""
    step = {"name": name, "if": "matrix.number == 2", "run": "kill -9 $$"}
    jobs["weigh"]["steps"].insert(1, step)


@pytest.fixture
def fan_out(tmp_path, run_act, github):
    """`fan_out(name=change, …)` runs the workflow, changed so; gives act's run and the artifacts."""
    repo = tmp_path / "octo-repo"
    repo.mkdir()

    def git(*arguments):
        command = ["git", "-C", str(repo), "-c", "user.name=dev", "-c", "user.email=dev@example.test", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def commit(size, *images):
        for name in images:
            (repo / name).mkdir(parents=True, exist_ok=True)
            (repo / name / "Dockerfile").write_text('FROM busybox\nCOPY data /data\nCMD ["cat", "/data"]\n')
            (repo / name / "data").write_bytes(random.Random(name).randbytes(size + len(name)))
        git("add", "--all")
        git("commit", "--quiet", "--message", f"{size}")
        return git("rev-parse", "HEAD")

    def run(**changes):
        git("init", "--quiet", "--initial-branch=main")
        git("remote", "add", "origin", "https://github.com/octo-org/octo-repo.git")
        (repo / ".github/workflows").mkdir(parents=True)
        (repo / ".github/workflows/weigh.yml").write_text(_workflow(**changes))
        base = commit(20_000, *IMAGES, "left-alone")
        git("checkout", "--quiet", "-b", "feature")
        head = commit(30_000, *IMAGES)
        git("checkout", "--quiet", "--detach", base)
        git("merge", "--quiet", "--no-ff", "--message", "merge", head)
        artifacts = tmp_path / "artifacts"
        artifacts.mkdir()
        options = [f"--container-options=-v {artifacts}:/artifacts", "--concurrent-jobs=1"]
        for name, action in ((UPLOAD, UPLOAD_ACTION), (DOWNLOAD, DOWNLOAD_ACTION)):
            folder = tmp_path / name.partition("@")[0]
            folder.mkdir(parents=True)
            (folder / "action.yml").write_text(action)
            options.append(f"--local-repository={name}={folder}")
        github.fake.pulls[7]["head"]["sha"] = head
        payload = pull_request_payload(base, head)
        return run_act(repo, "weigh.yml", "pull_request", payload, api_url=github.url, options=options), artifacts

    return run


def _without_times(file):
    """A report's text with what says when and how long left out: whichever job comes second finds base measured."""
    report = json.loads(file.read_bytes())
    for image in report["images"]:
        image["build_seconds"] = None
        for side in (image["base"], image["head"]):
            if side is not None:
                side["measured_at"] = None
    return json.dumps(report, indent=2)


def test_merged_parts_equal_report_of_single_run(fan_out, github):
    run, artifacts = fan_out(single=_add_single_run)
    assert run.exit_code == 0, run.trouble
    parts = sorted(path.name for path in artifacts.glob("part-*"))
    assert parts == [f"part-{number}" for number in (1, 2)]
    shares = [json.loads((artifacts / name / "report.json").read_bytes())["images"] for name in parts]
    assert sorted(len(share) for share in shares) == [1, 2], "what is left alone costs no job"
    merged = _without_times(artifacts / "weighbridge-report/report.json")
    assert merged == _without_times(artifacts / "single/report.json")
    assert [(image["name"], image["status"]) for image in json.loads(merged)["images"]] == [
        ("api", "changed"),
        ("left-alone", "unchanged"),
        ("services/web", "changed"),
    ]
    (comment,) = github.fake.comments
    assert "+20.0\u00a0kB" in comment["body"]
    assert [check["conclusion"] for check in github.fake.checks] == ["success"]


def test_part_of_killed_job_is_named_and_fails_gate(fan_out, github):
    run, artifacts = fan_out(killed=_kill_second_part)
    assert run.exit_code != 0
    report = json.loads((artifacts / "weighbridge-report/report.json").read_bytes())
    assert report["verdict"]["passed"] is False
    assert [(one["image"], one["message"]) for one in report["verdict"]["reasons"]] == [
        ("services/web", "part 2/2 is missing")
    ]
    (comment,) = github.fake.comments
    assert "part 2/2 is missing" in comment["body"]
    assert [check["conclusion"] for check in github.fake.checks] == ["failure"]
