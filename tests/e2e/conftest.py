"""The whole Action: its own container, run by act on a real engine, against the fake GitHub of tests/github."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RUNNER_IMAGE = "node:20"  # a runner needs bash and node
ACTION = "OWNER/weighbridge@v1"
UPLOAD = "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02"
SECONDS = 900


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.engine)


_spec = importlib.util.spec_from_file_location("weighbridge_github_fixtures", ROOT / "tests/github/conftest.py")
assert _spec is not None
assert _spec.loader is not None
_fixtures = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _fixtures
_spec.loader.exec_module(_fixtures)
TOKEN: str = _fixtures.TOKEN
contract_folder = _fixtures.contract_folder
fake_api = _fixtures.fake_api
fake_server = _fixtures.fake_server
validating_proxy = _fixtures.validating_proxy
github = _fixtures.github
faulty_github = _fixtures.faulty_github


@dataclass(frozen=True, kw_only=True, slots=True)
class ActRun:
    """What a run left behind."""

    exit_code: int
    log: str
    outputs: dict[str, str]

    @property
    def trouble(self) -> str:
        """The lines before each failed step, of its own job, and the end of `log`: a whole log is cut in a report."""
        lines = self.log.splitlines()
        shown: list[str] = []
        for number, line in enumerate(lines):
            if "\u274c" in line:  # act's mark of a failed step
                job = line.partition("]")[0]
                shown += ["…", *[earlier for earlier in lines[: number + 1] if earlier.startswith(job)][-40:]]
        return "\n".join([*shown, "…", *lines[-5:]])


@pytest.fixture(scope="session")
def prebuilt_action(action_image: str, action_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Action with an image that is already there, as a release's: a run builds no image of the Action."""
    folder = tmp_path_factory.mktemp("prebuilt-action")
    action = (action_folder / "action.yml").read_text(encoding="utf-8")
    assert action.count("image: Dockerfile\n") == 1
    prebuilt = action.replace("image: Dockerfile\n", f"image: docker://{action_image}\n")
    (folder / "action.yml").write_text(prebuilt, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def upload_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stands in for actions/upload-artifact, which is not on this machine: leaves the files in the workspace."""
    folder = tmp_path_factory.mktemp("upload-artifact")
    (folder / "action.yml").write_text(
        "name: stand-in\ndescription: keeps the artifact in the workspace\n"
        "inputs:\n  name: {required: true}\n  path: {required: true}\n"
        "runs:\n  using: composite\n  steps:\n"
        '    - run: mkdir -p "artifacts/$NAME" && cp -r "$FILE" "artifacts/$NAME/"\n'
        "      shell: bash\n      env: {NAME: '${{ inputs.name }}', FILE: '${{ inputs.path }}'}\n"
    )
    return folder


@contextlib.contextmanager
def _only_run_of_act() -> Iterator[None]:
    """Wait until no other test process runs act: act names its containers by workflow and job, and removes old ones."""
    (ROOT / ".dev").mkdir(exist_ok=True)
    with (ROOT / ".dev/act.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def run_act(
    engine: Any,
    need_images: Callable[..., None],
    prebuilt_action: Path,
    upload_artifact: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., ActRun]:
    """`run_act(repository, workflow, event_name, payload, api_url=…)` runs one workflow of the repository for real.

    `action` is the folder of the Action. With the default, act builds no image of it.
    """
    need_images(engine, RUNNER_IMAGE, "debian:trixie-slim", "busybox")
    scratch = tmp_path_factory.mktemp("act")

    def run(
        repository: Path,
        workflow: str,
        event_name: str,
        payload: dict[str, Any],
        *,
        api_url: str,
        action: Path = prebuilt_action,
        options: tuple[str, ...] = ("--bind",),
    ) -> ActRun:
        event = scratch / "event.json"
        event.write_text(json.dumps(payload))
        outputs = repository / "outputs.json"
        outputs.unlink(missing_ok=True)
        command = [
            str(Path(sys.executable).parent / "act"),
            event_name,
            *("--eventpath", str(event)),
            *("--workflows", f".github/workflows/{workflow}"),
            *("--platform", f"ubuntu-latest={RUNNER_IMAGE}"),
            *("--container-daemon-socket", engine.docker_host),
            *("--local-repository", f"{ACTION}={action}"),
            *("--local-repository", f"{UPLOAD}={upload_artifact}"),
            *("--action-cache-path", str(scratch / "actions")),
            *("--env", f"GITHUB_API_URL={api_url}"),
            *("--secret", f"GITHUB_TOKEN={TOKEN}"),
            *("--pull=false", "--rm", "--no-cache-server"),
            *options,
        ]
        with _only_run_of_act():
            done = subprocess.run(
                command,
                cwd=repository,
                env={**os.environ, **engine.environment, "DOCKER_HOST": engine.docker_host},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=SECONDS,
                check=False,
            )
        return ActRun(
            exit_code=done.returncode,
            log=done.stdout.decode("utf-8", "replace"),
            outputs=json.loads(outputs.read_bytes()) if outputs.exists() else {},
        )

    return run
