"""The Action as a workflow runs it: comment, edit, closed gate; a comment that may not be; the fork pair."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from github_events import pull_request_payload
from loopback import running_registry
from tars import tar_of

ROOT = Path(__file__).parents[2]
INPUTS = """
        id: weigh
        with:
          max-increase: +100kB
          build-args: LEVEL=1
          secrets: PASSWORD=hunter2hunter2
"""
OUTPUTS = """
      - if: always()
        run: printf '%s' "$OUTPUTS" > outputs.json
        env:
          OUTPUTS: ${{ toJSON(steps.weigh.outputs) }}
"""
DOCKERFILE = """FROM busybox
ARG LEVEL
COPY data /data
RUN --mount=type=secret,id=PASSWORD test "$LEVEL" = 1 && test -s /run/secrets/PASSWORD \\
 && echo '::set-output name=verdict::hijacked' && echo '::error::from the build' && cat /run/secrets/PASSWORD
COPY app /app
CMD ["cat", "/data"]
"""


def _workflows_in(document):
    """The workflows that a page shows, by file name."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return dict(re.findall(r"^`\.github/workflows/(\S+)`\n\n```yaml\n(.*?)```$", text, re.MULTILINE | re.DOTALL))


def _workflow_of_readme():
    """README's workflow with inputs of this test, and a last step that keeps the outputs."""
    workflow = _workflows_in("README.md")["weigh.yml"]
    with_inputs, count = re.subn(r"\n        with: \{ max-increase: [^}\n]* \}\n", INPUTS, workflow)
    assert count == 1
    return with_inputs + OUTPUTS.lstrip("\n")


class Repo:
    """A repository with a main branch, a feature branch, and a merge commit of both checked out."""

    def __init__(self, path, *, workflows, dockerfile):
        self.path = path
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.email", "dev@example.test")
        self.git("config", "user.name", "::error::a developer")
        self.git("remote", "add", "origin", "https://github.com/octo-org/octo-repo.git")
        (path / ".gitignore").write_text("outputs.json\nweighbridge-report\nartifacts\n")
        (path / ".github/workflows").mkdir(parents=True)
        for name, text in workflows.items():
            (path / ".github/workflows" / name).write_text(text)
        (path / "Dockerfile").write_text(dockerfile)
        (path / "app/.vscode").mkdir(parents=True)
        (path / "app/.vscode/cache").write_bytes(random.Random(1).randbytes(40_000))
        (path / "app/run").write_text("cat /data\n")
        self.grow_to(20_000)
        self.base = self.commit("base")

    def git(self, *arguments):
        done = subprocess.run(["git", "-C", str(self.path), *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def grow_to(self, size):
        (self.path / "data").write_bytes(random.Random(size).randbytes(size))

    def commit(self, message):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def push(self, size):
        """A commit on the feature branch, merged as GitHub merges it for the run."""
        self.git("checkout", "--quiet", "-B", "feature", self.base)
        self.grow_to(size)
        head = self.commit("::set-output name=verdict::passed")
        self.git("checkout", "--quiet", "--detach", self.base)
        self.git("merge", "--quiet", "--no-ff", "--message", "merge", head)
        return head, self.git("rev-parse", "HEAD")


@pytest.fixture
def repo(tmp_path):
    folder = tmp_path / "octo-repo"
    folder.mkdir()
    return Repo(folder, workflows={"weigh.yml": _workflow_of_readme()}, dockerfile=DOCKERFILE)


def _changed(run):
    return [(image["name"], image["status"], image["delta_bytes"]) for image in json.loads(run.outputs["changed"])]


def test_first_run_comments_second_edits_third_fails(github, repo, run_act, action_folder, prebuilt_action):
    fake = github.fake

    def push(size, action=prebuilt_action):
        head, merge = repo.push(size)
        fake.pulls[7]["head"]["sha"] = head
        payload = pull_request_payload(repo.base, head)
        run = run_act(repo.path, "weigh.yml", "pull_request", payload, api_url=github.url, action=action)
        assert "hunter2hunter2" not in run.log
        assert _fixtures_token_is_absent(run.log)
        assert (run.outputs.get("base-sha"), run.outputs.get("head-sha")) == (repo.base, merge), run.log
        return run, head

    first, _ = push(50_000, action_folder)
    assert first.exit_code == 0, first.log
    assert "docker build -t" in first.log, "the Action's own Dockerfile makes its image"
    assert first.outputs["verdict"] == "passed"
    assert first.outputs["delta-bytes"] == "30000"
    assert _changed(first) == [("octo-repo", "changed", 30_000)]
    assert [comment["html_url"] for comment in fake.comments] == [first.outputs["comment-url"]]
    assert fake.comments[0]["body"].startswith("<!-- weighbridge:v1:default -->\n### ")
    assert "+30.0\u00a0kB" in fake.comments[0]["body"]
    assert json.loads((repo.path / first.outputs["report"]).read_bytes())["verdict"]["passed"] is True
    uploaded = repo.path / "artifacts/weighbridge-report/weighbridge-report"
    assert {path.name for path in uploaded.iterdir()} >= {"report.json", "report.html"}
    assert (repo.path / first.outputs["report-html"]).read_text().startswith("<!DOCTYPE html>")
    assert "could not be removed" not in first.log
    tips = [line for line in fake.comments[0]["body"].splitlines() if "`ignored-files`" in line]
    assert any("40.0\u00a0kB" in line for line in tips)
    assert "built and measured" in fake.comments[0]["body"]
    assert "docker save" not in first.log, "a helper container reads the storage"
    assert ", layer 1 of " in first.log

    second, _ = push(60_000)
    assert second.exit_code == 0, second.log
    assert second.outputs["comment-url"] == first.outputs["comment-url"]
    assert len(fake.comments) == 1
    assert "+40.0\u00a0kB" in fake.comments[0]["body"]

    third, head = push(500_000)
    assert third.exit_code != 0
    assert third.outputs["verdict"] == "failed"
    assert third.outputs["delta-bytes"] == "480000"
    assert len(fake.comments) == 1
    assert "❌" in fake.comments[0]["body"]
    assert "+480.0\u00a0kB" in re.split(r"Summary - ", third.log)[1], "the job summary says it too"
    check = fake.checks[-1]
    assert (check["conclusion"], check["head_sha"]) == ("failure", head)
    # The limit is broken by the repository's file `data`: the annotation stands there.
    assert {(one["path"], one["start_line"]) for one in check["sent"][0]["annotations"]} == {("data", 1)}
    assert [check["conclusion"] for check in fake.checks] == ["success", "success", "failure"]


def _fixtures_token_is_absent(log):
    return "ghs_notARealTokenButShapedLikeOne" not in log


def test_refused_comment_keeps_verdict_and_outputs(faulty_github, repo, run_act):
    fake = faulty_github.fake
    fake.permissions = set()
    head, _ = repo.push(50_000)
    fake.pulls[7]["head"]["sha"] = head
    run = run_act(
        repo.path, "weigh.yml", "pull_request", pull_request_payload(repo.base, head), api_url=faulty_github.url
    )
    assert run.exit_code == 0, run.trouble
    assert fake.count("POST", r"/issues/7/comments$") == 1
    assert fake.comments == []
    assert run.outputs["verdict"] == "passed"
    assert run.outputs["delta-bytes"] == "30000"
    assert run.outputs["comment-url"] == ""
    assert "::warning" in run.log
    assert "pull-requests: write" in run.log


def test_fork_pair_weighs_without_rights_and_posts_without_code(faulty_github, tmp_path, run_act):
    workflows = _workflows_in("docs/forks.md")
    assert list(workflows) == ["weigh.yml", "weigh-post.yml"]
    folder = tmp_path / "octo-repo"
    folder.mkdir()
    repo = Repo(folder, workflows=workflows, dockerfile="FROM busybox\nCOPY data /data\n")
    fake = faulty_github.fake
    head, merge = repo.push(70_000)
    fake.pulls[7]["head"] |= {
        "sha": head,
        "repo": fake.repository("contributor"),
        "label": "contributor:feature",
    }
    fake.commits[merge] = [repo.base, head]

    fake.permissions = set()
    payload = pull_request_payload(repo.base, head, head_repository="contributor/octo-repo")
    first = run_act(folder, "weigh.yml", "pull_request", payload, api_url=faulty_github.url)
    assert first.exit_code == 0, first.log
    assert fake.comments == []

    fake.permissions = {"pull-requests", "actions", "contents"}
    _keep_as_artifact(fake, folder / "artifacts/weighbridge-report/report.json", head)
    event = _run_completed(head, head_repository="contributor/octo-repo")
    repo.git("checkout", "--quiet", "main")
    second = run_act(folder, "weigh-post.yml", "workflow_run", event, api_url=faulty_github.url)
    assert second.exit_code == 0, second.log
    assert "docker build" not in "".join(re.findall(r"\[.*?\]   \| .*", second.log))
    assert len(fake.comments) == 1
    assert "+50.0\u00a0kB" in fake.comments[0]["body"]


def _keep_as_artifact(fake, report, head):
    """`report` as the artifact of the run 5, which weighed `head`."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("report.json", report.read_bytes())
    fake.add_run(5, head_sha=head)
    fake.add_artifact("weighbridge-report", archive.getvalue())


def _run_completed(head, *, head_repository):
    """The event that starts the second workflow of a pair."""
    repository = {"full_name": "octo-org/octo-repo", "default_branch": "main"}
    return {
        "action": "completed",
        "repository": repository,
        "workflow_run": {
            "id": 5,
            "event": "pull_request",
            "head_sha": head,
            "head_branch": "feature",
            "repository": repository,
            "head_repository": {"full_name": head_repository},
            "conclusion": "success",
            "pull_requests": [],
        },
    }


READY = """
on: pull_request
permissions: {contents: read, pull-requests: write, checks: write}
jobs:
  compare:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v5
      - id: weigh
        uses: OWNER/weighbridge@v1
        with:
          mode: compare
          max-increase: +100kB
          head-image: |
            api=oci-archive:out/api.tar
            tool=docker-archive:out/tool.tar
            tagged=docker-archive:out/tool.tar
            pinned=docker-archive:out/tool.tar
          base-image: |
            api=oci-archive:base/api.tar
            tool=docker-archive:base/tool.tar
            tagged=registry:REGISTRY/tool:main
            pinned=registry:REGISTRY/tool@DIGEST
      - if: always()
        run: printf '%s' "$OUTPUTS" > outputs.json
        env:
          OUTPUTS: ${{ toJSON(steps.weigh.outputs) }}
"""


@pytest.fixture
def registry(tmp_path):
    with running_registry(tmp_path / "registry") as running:
        yield running.address


def test_images_of_other_builders_are_compared_commented_and_gated(github, repo, run_act, containerd_engine, registry):
    """`api` is buildx's OCI archive, as docker/build-push-action writes; `tool` has no Dockerfile and no history.

    Baselines are files, as from an artifact of the default branch's run, and a tag and a digest in a registry.
    """
    fake = github.fake
    (repo.path / ".gitignore").write_text("outputs.json\nweighbridge-report\nout\nbase\n")
    (repo.path / "base").mkdir()
    (repo.path / "base/tool.tar").write_bytes(_saved_without_history(2_000))
    digest = _push(repo.path / "base/tool.tar", f"{registry}/tool:main")
    ready = READY.replace("REGISTRY", registry).replace("DIGEST", digest)
    (repo.path / ".github/workflows/ready.yml").write_text(ready)
    (repo.path / "Dockerfile").write_text('FROM busybox\nCOPY data /data\nCMD ["cat", "/data"]\n')
    repo.base = repo.commit("images are built elsewhere")
    head, _ = repo.push(50_000)
    fake.pulls[7]["head"]["sha"] = head
    for folder, size in (("base", 20_000), ("out", 320_000)):
        (repo.path / folder).mkdir(exist_ok=True)
        repo.grow_to(size)
        output = f"type=oci,dest={repo.path}/{folder}/api.tar"
        done = containerd_engine.docker("buildx", "build", "--provenance=true", "--output", output, repo.path)
        assert done.returncode == 0, done.stderr
    (repo.path / "out/tool.tar").write_bytes(_saved_without_history(32_000))
    repo.grow_to(50_000)
    run = run_act(repo.path, "ready.yml", "pull_request", pull_request_payload(repo.base, head), api_url=github.url)
    assert run.exit_code != 0, run.log
    assert run.outputs.get("verdict") == "failed", run.log
    assert sorted(_changed(run)) == [
        ("api", "changed", 300_000),
        *((name, "changed", 30_000) for name in ("pinned", "tagged", "tool")),
    ]
    (comment,) = fake.comments
    assert "+300.0\u00a0kB" in comment["body"]
    assert [check["conclusion"] for check in fake.checks] == ["failure"]
    report = json.loads((repo.path / run.outputs["report"]).read_bytes())
    images = {image["name"]: image for image in report["images"]}
    api, tool = images["api"], images["tool"]
    assert api["layers"][-1]["instruction"] == "COPY data /data"
    assert [layer["instruction"] for layer in tool["layers"]] == [None]
    assert [reason["image"] for reason in report["verdict"]["reasons"]] == ["api"]


SETUP = """
on: [pull_request, push, workflow_run]
permissions: {contents: read, pull-requests: write, checks: write}
jobs:
  record:
    if: github.event_name == 'push'
    runs-on: macos-latest
    steps:
      - uses: actions/checkout@v5
      - uses: OWNER/weighbridge/setup@v1
      - run: weighbridge action
        env: {INPUT_MODE: compare, INPUT_HEAD_IMAGE: "kept=docker-archive:base/tool.tar", INPUT_CACHE_DIR: sizes}
  post:
    if: github.event_name == 'workflow_run'
    runs-on: macos-latest
    steps:
      - uses: OWNER/weighbridge/setup@v1
      - run: weighbridge action
        env: {INPUT_MODE: post, INPUT_TOKEN: "${{ secrets.GITHUB_TOKEN }}"}
  compare:
    if: github.event_name == 'pull_request'
    runs-on: macos-latest
    steps:
      - uses: actions/checkout@v5
      - id: setup
        uses: OWNER/weighbridge/setup@v1
      - run: |
          weighbridge lint
          weighbridge plan "$BASE" HEAD --all
          weighbridge inspect docker-archive:out/tool.tar --quiet
        env: {BASE: "${{ github.event.pull_request.base.sha }}"}
      - id: weigh
        run: weighbridge action
        env:
          INPUT_MODE: compare
          INPUT_TOKEN: ${{ secrets.GITHUB_TOKEN }}
          INPUT_HEAD_IMAGE: |
            tool=docker-archive:out/tool.tar
            kept=docker-archive:out/tool.tar
          INPUT_BASE_IMAGE: tool=docker-archive:base/tool.tar
          INPUT_MAX_INCREASE: +100kB
          INPUT_CACHE_DIR: sizes
      - run: test "$VERDICT" = passed && test -s "$REPORT"
        env: {VERDICT: "${{ steps.weigh.outputs.verdict }}", REPORT: "${{ steps.weigh.outputs.report }}"}
      - id: plan
        run: weighbridge action
        env: {INPUT_MODE: plan}
      - id: merge
        run: weighbridge action
        env: {INPUT_MODE: merge, INPUT_PARTS: parts, INPUT_TOKEN: "${{ secrets.GITHUB_TOKEN }}"}
      - run: test "$VERDICT" = passed && echo "matrix $MATRIX"
        env: {VERDICT: "${{ steps.merge.outputs.verdict }}", MATRIX: "${{ steps.plan.outputs.matrix }}"}
"""


def test_setup_runs_every_mode_on_runner_without_containers(faulty_github, repo, run_act, engine, action_folder):
    """The jobs run on the machine itself, as on runners without docker: lint, plan, inspect, compare, merge, post.

    `merge` joins a part that another machine has weighed. `kept` has no base image: a push of main recorded its size.
    """
    # Without the validating proxy, which cannot pass the zip file of an artifact on.
    fake = faulty_github.fake
    (repo.path / ".gitignore").write_text("weighbridge-report\nout\nbase\nparts\nsizes\n")
    (repo.path / ".github/workflows/setup.yml").write_text(SETUP)
    ratchet = "version: 1\nimages: {kept: {limits: {ratchet: {since: v1.0, max-increase: +50kB}}}}\n"
    (repo.path / ".github/weighbridge.yml").write_text(ratchet)
    (repo.path / "Dockerfile").write_text('FROM busybox\nCOPY data /data\nCMD ["cat", "/data"]\n')
    repo.base = repo.commit("images are built elsewhere")
    repo.git("tag", "v1.0")
    for folder, size in (("base", 20_000), ("out", 50_000)):
        (repo.path / folder).mkdir()
        (repo.path / folder / "tool.tar").write_bytes(_saved_without_history(size))

    def run_on_machine(event, payload):
        on_machine = ("--platform", "macos-latest=-self-hosted", "--env", "DOCKER_HOST=unix:///nowhere")
        options = (*on_machine, "--use-gitignore=false")
        where = {"api_url": faulty_github.url, "action": action_folder, "options": options}
        run = run_act(repo.path, "setup.yml", event, payload, **where)
        assert run.exit_code == 0, run.trouble
        return run

    repository = {"full_name": "octo-org/octo-repo", "default_branch": "main"}
    pushed = {"ref": "refs/heads/main", "before": repo.base, "after": repo.base, "repository": repository}
    run_on_machine("push", pushed)

    head, merge = repo.push(50_000)
    fake.pulls[7]["head"]["sha"] = head
    part = repo.path / "parts/part-1/report.json"
    part.parent.mkdir(parents=True)
    weigh = [sys.executable, "-m", "weighbridge", "diff", repo.base, "HEAD", "--repo", str(repo.path), "--part", "1/1"]
    weigh += ["--format", "json", "--output", str(part)]
    subprocess.run(weigh, env={**os.environ, **engine.environment}, check=True, capture_output=True)
    run = run_on_machine("pull_request", pull_request_payload(repo.base, head))
    assert "1 Dockerfile: nothing found" in run.log
    assert "since v1.0" in run.log
    assert re.search(r'matrix \{"include":.*"octo-repo"', run.log), run.log
    (comment,) = fake.comments
    assert "octo-repo" in comment["body"]
    assert "+30.0\u00a0kB" in comment["body"]

    fake.comments.clear()
    fake.commits[merge] = [repo.base, head]
    fake.pulls[7]["head"] |= {"repo": fake.repository("contributor"), "label": "contributor:feature"}
    _keep_as_artifact(fake, part, head)
    run_on_machine("workflow_run", _run_completed(head, head_repository="contributor/octo-repo"))
    (comment,) = fake.comments
    assert "+30.0\u00a0kB" in comment["body"]


def _push(archive, name):
    """Push a saved image to a loopback registry with skopeo. Returns the digest of its manifest."""
    file = archive.parent / "digest"
    command = ["skopeo", "copy", "--quiet", "--dest-tls-verify=false", "--digestfile", str(file)]
    subprocess.run([*command, f"docker-archive:{archive}", f"docker://{name}"], check=True, capture_output=True)
    return file.read_text().strip()


def _saved_without_history(size):
    """An image as tools without a Dockerfile save it: one layer, no history, no tag."""
    layer = tar_of({"bin/tool": random.Random(size).randbytes(size)})
    diff_id = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [diff_id]}}
    manifest = [{"Config": "config.json", "RepoTags": None, "Layers": ["layer.tar"]}]
    return tar_of(
        {
            "config.json": json.dumps(config).encode(),
            "layer.tar": layer,
            "manifest.json": json.dumps(manifest).encode(),
        }
    )


def test_released_action_runs_its_prebuilt_image_from_registry(
    github, repo, run_act, engine, action_folder, action_image, tmp_path
):
    """The action.yml of a release names the image by digest: the run builds no image of the Action."""
    head, _ = repo.push(50_000)
    github.fake.pulls[7]["head"]["sha"] = head
    released = tmp_path / "released"
    released.mkdir()
    shutil.copyfile(action_folder / "action.yml", released / "action.yml")
    with running_registry(tmp_path / "registry") as registry:
        name = f"{registry.address}/octo-org/weighbridge"
        digest = ""
        try:
            for command in (("tag", action_image, f"{name}:1"), ("push", "--quiet", f"{name}:1")):
                done = engine.docker(*command)
                assert done.returncode == 0, done.stderr
            digests = engine.client.images.get(f"{name}:1").attrs["RepoDigests"]
            # A killed run leaves the name of its registry to the shared image.
            (digest,) = (one for one in digests if one.startswith(f"{name}@"))
            pin = [sys.executable, ROOT / "scripts/pin_action.py", released / "action.yml", digest]
            subprocess.run(pin, check=True)
            assert engine.docker("image", "rm", f"{name}:1").returncode == 0
            assert engine.docker("image", "inspect", digest).returncode != 0, "only the registry has that name"
            payload = pull_request_payload(repo.base, head)
            run = run_act(repo.path, "weigh.yml", "pull_request", payload, api_url=github.url, action=released)
        finally:
            engine.docker("image", "rm", "--force", f"{name}:1", *([digest] if digest else []))
    assert run.exit_code == 0, run.trouble
    assert run.outputs["delta-bytes"] == "30000"
    assert f"docker pull image={digest}" in run.log
    assert "docker build -t" not in run.log
