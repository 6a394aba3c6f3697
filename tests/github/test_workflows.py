"""Our own workflows and those that users copy: valid, without findings of zizmor, every action pinned."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = sorted((ROOT / ".github/workflows").glob("*.yml"))
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_USES = re.compile(r"^\s*(?:- )?uses: (\S+)(.*)$", re.MULTILINE)
_SHA = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
DIGEST = "ghcr.io/owner/weighbridge@sha256:" + "ab" * 32


def _workflows_of(document):
    """The workflows in a document: its YAML blocks that have jobs."""
    return [block for block in _BLOCK.findall(document.read_text(encoding="utf-8")) if "\njobs:" in block]


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository with our workflows, and beside them those that our documents hold."""
    folder = tmp_path_factory.mktemp("workflows")
    shutil.copytree(ROOT / ".github", folder / ".github")
    shutil.copyfile(ROOT / "action.yml", folder / "action.yml")
    for document in DOCUMENTS:
        for number, text in enumerate(_workflows_of(document)):
            # OWNER is whoever publishes the Action; what a user writes there is pinned or not as they like.
            pinned_text = text.replace("OWNER/weighbridge@v1", f"owner/weighbridge@{'1' * 40}")
            (folder / f".github/workflows/{document.stem}-{number}.yml").write_text(pinned_text, encoding="utf-8")
    return folder


def test_documents_contain_workflows():
    assert [len(_workflows_of(ROOT / name)) for name in ("README.md", "docs/forks.md")] == [1, 2]


def test_zizmor_has_no_finding(repository):
    command = [Path(sys.executable).parent / "zizmor", "--offline", "--format", "json", "."]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout) == [], done.stderr
    assert done.returncode == 0


def test_action_validator_has_no_error(repository, contract_folder):
    files = [repository / "action.yml", *(repository / ".github/workflows").glob("*.yml")]
    for file in files:
        # The program takes a workflow for one by its folder.
        command = ["node", contract_folder / "node_modules/@action-validator/cli/cli.mjs", file.relative_to(repository)]
        done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{file.name}: {done.stdout}{done.stderr}"


def test_action_validator_finds_errors(tmp_path, contract_folder):
    (tmp_path / "action.yml").write_text("name: x\nruns:\n  using: nonsense\n")
    command = ["node", contract_folder / "node_modules/@action-validator/cli/cli.mjs", "action.yml"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0


def test_every_action_is_pinned_by_commit_with_version():
    texts = [file.read_text(encoding="utf-8") for file in OURS]
    texts += [text for document in DOCUMENTS for text in _workflows_of(document)]
    used = [found for text in texts for found in _USES.findall(text)]
    assert len(used) > 10
    for name, rest in used:
        if name in {"./", "OWNER/weighbridge@v1"}:
            continue
        assert _SHA.fullmatch(name), name
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", rest), (name, rest)


def test_one_action_is_pinned_to_one_commit_everywhere():
    texts = [file.read_text(encoding="utf-8") for file in [*OURS, *DOCUMENTS]]
    found = {name for text in texts for name, _ in _USES.findall(text) if _SHA.fullmatch(name)}
    actions = [name.partition("@")[0] for name in found]
    assert len(actions) == len(set(actions)), sorted(found)


def _pin(folder, image, *, times=1):
    """`scripts/pin_action.py` on a copy of the action: its last run, and the file."""
    action = folder / "action.yml"
    shutil.copyfile(ROOT / "action.yml", action)
    command = [sys.executable, ROOT / "scripts/pin_action.py", action, image]
    runs = [subprocess.run(command, capture_output=True, text=True, check=False) for _ in range(times)]
    return runs[-1], action.read_text(encoding="utf-8")


def test_release_runs_published_image_by_its_digest(tmp_path):
    done, action = _pin(tmp_path, DIGEST)
    assert done.returncode == 0, done.stderr
    assert action.splitlines()[-1] == f"  image: docker://{DIGEST}"
    assert action.replace(f"docker://{DIGEST}", "Dockerfile") == (ROOT / "action.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("image", ["ghcr.io/owner/weighbridge:1", "ghcr.io/o/w@sha256:abc", f"{DIGEST}\n  args: x", ""])
def test_release_of_invalid_digest_is_refused(tmp_path, image):
    done, action = _pin(tmp_path, image)
    assert (done.returncode, "by its digest" in done.stderr) == (1, True)
    assert action == (ROOT / "action.yml").read_text(encoding="utf-8")


def test_release_of_pinned_action_is_refused(tmp_path):
    done, _ = _pin(tmp_path, DIGEST, times=2)
    assert (done.returncode, "`image: Dockerfile`" in done.stderr) == (1, True)
