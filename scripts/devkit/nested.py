"""A second engine for a user who may use Docker but is not root: Debian 13's engine in a privileged container.

Who may talk to Docker's socket can do this anyway. The inner engine's socket lies in the dev home, owned by the user.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

from devkit.command import DevkitError, run, run_visibly
from devkit.home import dev_home
from devkit.probe import EngineInfo, probe
from devkit.terminal import say

_IMAGE = "weighbridge-dev-engine:1"
_DOCKERFILE = """\
FROM debian:trixie
RUN apt-get update \\
 && apt-get install -y --no-install-recommends docker.io iptables iproute2 ca-certificates \\
 && rm -rf /var/lib/apt/lists/*
"""
_START_SECONDS = 60


def start(slot: str, outer: EngineInfo) -> EngineInfo:
    """Run the inner engine on the outer one and wait until it answers."""
    if not outer.docker_host.startswith("unix://"):
        raise DevkitError(
            f"tests need a second engine with the {slot} store; DOCKER_HOST is not on this machine, so it cannot be"
            " started there: run this as root, or where the engine runs"
        )
    stop(slot)
    folder = _folder(slot)
    (folder / "run").mkdir(parents=True, exist_ok=True)
    say(f"starting a second engine ({slot} store) in a container of the engine at {outer.docker_host}")
    with tempfile.TemporaryDirectory(prefix="nested-engine-") as context:
        (Path(context) / "Dockerfile").write_text(_DOCKERFILE)
        environment = {"DOCKER_HOST": outer.docker_host, "DOCKER_BUILDKIT": "1"}
        run_visibly(["docker", "build", "--tag", _IMAGE, context], env=environment, prefix=f"  │ {slot}: ")
    (folder / "run/daemon.json").write_text(json.dumps({"features": {"containerd-snapshotter": slot == "containerd"}}))
    container = f"weighbridge-dev-{slot}-{os.getuid()}"
    run(_run_command(folder, container), env={"DOCKER_HOST": outer.docker_host})
    (folder / "nested.json").write_text(json.dumps({"container": container, "outer": outer.docker_host}))
    return _wait(slot, container, outer)


def stop(slot: str) -> bool:
    """Remove the container, if this kit started one. Its volume stays for the next time."""
    state = _folder(slot) / "nested.json"
    if not state.exists():
        return False
    known = json.loads(state.read_text())
    try:
        run(["docker", "container", "rm", "--force", known["container"]], env={"DOCKER_HOST": known["outer"]})
    except DevkitError as error:
        if "No such container" not in str(error):
            raise
    state.unlink()
    return True


def _run_command(folder: Path, container: str) -> list[str]:
    return [
        *("docker", "run", "--detach", "--privileged", "--cgroupns=host", "--name", container),
        *("--volume", f"{container}:/var/lib/docker", "--volume", f"{folder}/run:/run/weighbridge"),
        *(_IMAGE, "dockerd", "--config-file=/run/weighbridge/daemon.json"),
        *("--host=unix:///run/weighbridge/docker.sock", f"--group={os.getgid()}"),
    ]


def _wait(slot: str, container: str, outer: EngineInfo) -> EngineInfo:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if info := probe(f"unix://{_folder(slot)}/run/docker.sock"):
            return info
        time.sleep(0.2)
    log = run(["docker", "logs", "--tail", "15", container], env={"DOCKER_HOST": outer.docker_host})
    stop(slot)
    raise DevkitError(f"the engine in the container {container} did not answer within {_START_SECONDS} s:\n{log}")


def _folder(slot: str) -> Path:
    return dev_home() / "engines" / f"{slot}-nested"
