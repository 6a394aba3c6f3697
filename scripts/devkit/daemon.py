"""One private engine: its own containerd and dockerd, with data, sockets, network and log in one folder.

It outlives the `make` that started it, and `stop` ends exactly the two processes that `start` began: the ones whose
pid and start time are written down in the folder.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from devkit import network
from devkit.apt import find_program
from devkit.command import DevkitError, succeeds
from devkit.home import dev_home
from devkit.network import Network
from devkit.probe import EngineInfo, probe
from devkit.terminal import say

_START_SECONDS = 60
_STOP_SECONDS = 20
_KEPT_BUILD_CACHE = "8GB"  # BuildKit removes more than that by itself, while nothing is built
_CONTAINERD_CONFIG = """\
version = 2
root = "{folder}/data/containerd"
state = "{folder}/exec/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{folder}/exec/containerd.sock"
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Daemon:
    """A private engine by its slot's name, which ends in the store that it is to use (`overlay2`, `containerd`)."""

    slot: str

    @property
    def store(self) -> str:
        """The image store."""
        return self.slot.rpartition("-")[2]

    @property
    def folder(self) -> Path:
        """Everything this engine owns."""
        return dev_home() / "engines" / self.slot

    @property
    def docker_host(self) -> str:
        """The address clients use."""
        return f"unix://{self.folder}/docker.sock"

    @property
    def log(self) -> Path:
        """What dockerd printed since its last start."""
        return self.folder / "dockerd.log"


def start(daemon: Daemon, *, programs: Path | None) -> EngineInfo:
    """Start the engine and wait until it answers. `programs` goes first on its PATH (`None`: the installed ones)."""
    stop(daemon)
    folder = daemon.folder
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "exec", ignore_errors=True)  # Sockets and shims of a machine that was switched off.
    (folder / "exec").mkdir()
    own_network = _network(daemon)
    network.create(own_network)
    path = f"{programs}:" if programs else ""
    path += "/usr/local/sbin:/usr/sbin:/sbin:" + os.environ.get("PATH", "/usr/bin:/bin")
    _launch(daemon, "containerd", path, [f"--config={_containerd_config(folder)}"])
    _wait_for_socket(daemon, folder / "exec/containerd.sock")
    say(f"starting a private engine ({daemon.slot}); log: {daemon.log}")
    _launch(daemon, "dockerd", path, _dockerd_options(daemon, own_network))
    return _wait_until_it_answers(daemon)


def stop(daemon: Daemon) -> bool:
    """End the engine if this kit started it, and take its network away. Says whether anything ran."""
    stopped = [_end(daemon, program) for program in ("dockerd", "containerd")]
    _unmount_left_over(daemon.folder)
    state = daemon.folder / "network.json"
    if state.exists():
        network.remove(Network(**json.loads(state.read_text())))
        state.unlink()
    return any(stopped)


def _network(daemon: Daemon) -> Network:
    short = daemon.slot.replace("docker", "d").replace("-", "")[:5]
    bridge = f"wb{short}{dev_home().stat().st_ino % 10_000}"  # IFNAMSIZ leaves 15 characters.
    own_network = Network(bridge=bridge, subnet=network.free_subnet())
    (daemon.folder / "network.json").write_text(json.dumps(asdict(own_network)))
    return own_network


def _containerd_config(folder: Path) -> Path:
    config = folder / "containerd.toml"
    config.write_text(_CONTAINERD_CONFIG.format(folder=folder))
    return config


def _dockerd_options(daemon: Daemon, own_network: Network) -> list[str]:
    folder = daemon.folder
    config = folder / "daemon.json"
    settings = {
        "features": {"containerd-snapshotter": daemon.store == "containerd"},
        "builder": {"gc": {"enabled": True, "defaultKeepStorage": _KEPT_BUILD_CACHE}},
    }
    config.write_text(json.dumps(settings))
    options = {
        "--config-file": config,
        "--data-root": folder / "data",
        "--exec-root": folder / "exec",
        "--pidfile": folder / "exec/docker.pid",
        "--host": daemon.docker_host,
        "--containerd": folder / "exec/containerd.sock",
        "--bridge": own_network.bridge,
        "--default-address-pool": own_network.address_pool,
        "--iptables": "false",
        "--ip6tables": "false",
    }
    return [f"{name}={value}" for name, value in options.items()]


def _launch(daemon: Daemon, program: str, path: str, options: list[str]) -> None:
    executable = shutil.which(program, path=path)
    if executable is None:
        raise DevkitError(f"{program} is not installed: run `sudo apt-get install docker.io`")
    with (daemon.folder / f"{program}.log").open("wb") as log:
        process = subprocess.Popen(
            [executable, *options],
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
        )
    _pidfile(daemon, program).write_text(_identity(process.pid))


def _wait_for_socket(daemon: Daemon, path: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not path.exists():
        if time.monotonic() > deadline or not _live_pid(daemon, "containerd"):
            raise DevkitError(f"containerd did not start:\n{_tail(daemon.folder / 'containerd.log')}")
        time.sleep(0.05)


def _wait_until_it_answers(daemon: Daemon) -> EngineInfo:
    deadline = time.monotonic() + _START_SECONDS
    while _live_pid(daemon, "dockerd"):
        if info := probe(daemon.docker_host):
            if info.store != daemon.store:
                stop(daemon)
                raise DevkitError(
                    f"the engine came up with the {info.store} store, not {daemon.store}: can {daemon.folder} hold an"
                    " overlay mount? Set WEIGHBRIDGE_DEV_HOME to a folder on ext4 or xfs"
                )
            return info
        if time.monotonic() > deadline:
            stop(daemon)
            raise DevkitError(f"dockerd did not answer within {_START_SECONDS} s:\n{_tail(daemon.log)}")
        time.sleep(0.1)
    stop(daemon)
    raise DevkitError(f"dockerd ended while starting:\n{_tail(daemon.log)}")


def _pidfile(daemon: Daemon, program: str) -> Path:
    return daemon.folder / f"{program}.pid"


def _live_pid(daemon: Daemon, program: str) -> int | None:
    """The pid in the pidfile, if that very process still runs."""
    try:
        identity = _pidfile(daemon, program).read_text()
        pid = int(identity.split()[0])
        return pid if _identity(pid) == identity else None
    except (OSError, ValueError, IndexError):
        return None


def _identity(pid: int) -> str:
    """The pid with the process's start time and the boot it belongs to: never the same for two processes."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()  # proc(5); the name may hold blanks
    state, start_ticks = fields[0], fields[19]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{pid} {start_ticks} {boot} {'ended' if state == 'Z' else 'runs'}"


def _end(daemon: Daemon, program: str) -> bool:
    pid = _live_pid(daemon, program)
    if pid is None:
        _pidfile(daemon, program).unlink(missing_ok=True)
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while _live_pid(daemon, program):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    _pidfile(daemon, program).unlink(missing_ok=True)
    return True


def _unmount_left_over(folder: Path) -> None:
    """Unmount the mounts that a stopped engine left below its folder (its network namespace, killed containers)."""
    for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        mount_point = line.split()[4].replace("\\040", " ")  # proc(5): blanks are written in octal
        if mount_point.startswith(f"{folder}/"):
            succeeds(["umount", "--lazy", mount_point])


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else ["(no log)"]
    return "\n".join(lines[-15:])


def installed_version() -> tuple[int, ...]:
    """The version of the installed dockerd, `(0,)` when none is installed."""
    program = find_program("dockerd")
    if program is None:
        return (0,)
    text = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    digits = text.partition("version ")[2].split(".")
    return tuple(int(part) for part in digits[:2] if part.isdigit()) or (0,)
