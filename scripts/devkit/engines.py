"""The engines of the kit, and the client that can build on each.

Tests and demo use two slots, one for each image store. A slot is filled by an engine the machine offers if that one
uses the slot's store, otherwise by a private one. Two further slots hold Docker 28, always as private engines.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from devkit import daemon as private
from devkit import nested
from devkit.apt import find_program, install, need_programs
from devkit.command import DevkitError, run, succeeds
from devkit.daemon import Daemon
from devkit.debian_engine import DEBIAN_13, DEBIAN_SID, programs_folder, unpacked_programs
from devkit.home import dev_home, only_one
from devkit.probe import EngineInfo, offered_engines, probe
from devkit.terminal import say

SLOTS = ("overlay2", "containerd")
NEWER_SLOTS = ("docker28-overlay2", "docker28-containerd")
ALL_SLOTS = (*SLOTS, *NEWER_SLOTS)
_CONTAINERD_STORE_SINCE = (24, 0)
_CLIENT_PACKAGES = ("docker-cli", "docker-buildx")  # As Debian 13 splits them; older ones lack one or both.


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """A running engine and the client to use with it.

    `client_folder` holds one program, `docker`, that can build on this engine with BuildKit: put it first on PATH.
    `docker_config` is the client's DOCKER_CONFIG, or `None` for the user's own.
    """

    slot: str
    docker_host: str
    version: str
    store: str
    private: bool
    client_folder: str
    docker_config: str | None

    def environment(self) -> dict[str, str]:
        """The variables that make `docker` and Weighbridge talk to this engine."""
        path = os.environ.get("PATH", "/usr/bin:/bin").split(":")
        path = [self.client_folder, *(part for part in path if not part.startswith(str(dev_home() / "engines")))]
        config = {"DOCKER_CONFIG": self.docker_config} if self.docker_config else {}
        return {"DOCKER_HOST": self.docker_host, "PATH": ":".join(path), **config}


def start(slot: str) -> Engine:
    """Give the engine of this slot: one that is known and answers, one that is offered, otherwise a new private one."""
    with only_one("engine"):
        if engine := known(slot):
            return engine
        info, is_private = _offered_or_private(slot)
        engine = _with_client(slot, info, is_private=is_private)
        _state_file(slot).parent.mkdir(parents=True, exist_ok=True)
        _state_file(slot).write_text(json.dumps(asdict(engine), indent=1))
        whose = "a private engine" if is_private else "this machine's engine"
        say(f"{slot}: {whose}, version {engine.version}, {engine.store} store, at {engine.docker_host}")
        return engine


def known(slot: str) -> Engine | None:
    """The engine that an earlier `start` wrote down, if it still answers and is still the one to use."""
    try:
        engine = Engine(**json.loads(_state_file(slot).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    named = _named_engine()
    if named and named.store == slot and named.docker_host != engine.docker_host:
        return None
    info = probe(engine.docker_host)
    return engine if info and info.store == engine.store and Path(engine.client_folder, "docker").exists() else None


_TEST_IMAGE_LABEL = "dev.weighbridge.test"  # As in tests/conftest.py: images that test runs share.
_CLEARED_AWAY = (
    ("image", "prune", "--filter", "until=12h"),  # images without a name
    ("image", "prune", "--all", "--filter", f"label={_TEST_IMAGE_LABEL}", "--filter", "until=12h"),
    ("volume", "prune"),
    # A test run leaves some hundred entries that nobody reuses. With ten thousand, each build and each removal of an
    # image is slow. dockerd's own limit is a size, which these small entries never reach.
    ("builder", "prune", "--filter", "until=2h"),
)
_CLEAR_SECONDS = 120


def clear_away(engine: Engine) -> None:
    """Remove from a private engine what runs left, as far as time allows. Never touches an engine of the machine."""
    if engine.private:
        for command in _CLEARED_AWAY:
            succeeds(["docker", *command, "--force"], env=engine.environment(), timeout_seconds=_CLEAR_SECONDS)


def stop(slot: str) -> bool:
    """Stop the slot's engine if the kit started it. Never stops an engine of the machine."""
    with only_one("engine"):
        _state_file(slot).unlink(missing_ok=True)
        return any([private.stop(Daemon(slot=slot)), nested.stop(slot)])


def remove(slot: str) -> bool:
    """Stop a newer engine, and remove its images and build cache. The other engines are shared by all clones."""
    if slot not in NEWER_SLOTS:
        raise DevkitError(f"{slot}: its images stay for other clones; clean.py --all removes them")
    stopped = stop(slot)
    with only_one("engine"):
        shutil.rmtree(Daemon(slot=slot).folder, ignore_errors=True)
    return stopped


def _state_file(slot: str) -> Path:
    return dev_home() / "engines" / f"{slot}.json"


def _offered_or_private(slot: str) -> tuple[EngineInfo, bool]:
    if slot in NEWER_SLOTS:
        return _newer(slot), True
    if info := _offered(slot):
        return info, False
    if os.geteuid() != 0:
        return _nested(slot), True
    need_programs(
        {"dockerd": "docker.io", "ip": "iproute2", "iptables": "iptables"}, reason=f"an engine with the {slot} store"
    )
    if info := _offered(slot):  # On a machine with an init system the package has just started one.
        return info, False
    programs = None
    if slot == "containerd" and private.installed_version() < _CONTAINERD_STORE_SINCE:
        programs = unpacked_programs(DEBIAN_13)
    return private.start(Daemon(slot=slot), programs=programs), True


def _newer(slot: str) -> EngineInfo:
    if os.geteuid() != 0:
        raise DevkitError(f"the {slot} engine needs root: run this as root")
    need_programs({"runc": "runc", "ip": "iproute2", "iptables": "iptables"}, reason=f"the {slot} engine")
    return private.start(Daemon(slot=slot), programs=unpacked_programs(DEBIAN_SID))


def _nested(slot: str) -> EngineInfo:
    outer = next(_foreign_engines(), None)
    if outer is None:
        raise DevkitError(
            "no engine answers for this user: run `sudo apt-get install docker.io` and"
            " `sudo usermod -aG docker $USER`, log in again; or run this as root, which starts a private engine"
        )
    return nested.start(slot, outer)


def _offered(slot: str) -> EngineInfo | None:
    return next((info for info in _foreign_engines() if info.store == slot), None)


def _foreign_engines() -> Iterator[EngineInfo]:
    """The engines of the machine, without the kit's own engines, which DOCKER_HOST may name after `engine.py env`."""
    return (info for info in offered_engines() if not _is_ours(info.docker_host))


def _named_engine() -> EngineInfo | None:
    """The foreign engine that DOCKER_HOST names. Raises `DevkitError` when it does not answer."""
    named = os.environ.get("DOCKER_HOST")
    if not named or _is_ours(named):
        return None
    if info := probe(named):
        return info
    raise DevkitError(f"no engine answers at DOCKER_HOST={named}: start it, or unset the variable")


def _is_ours(docker_host: str) -> bool:
    return docker_host in {Daemon(slot=slot).docker_host for slot in ALL_SLOTS}


def _with_client(slot: str, info: EngineInfo, *, is_private: bool) -> Engine:
    engine = _find_client(slot, info, is_private=is_private)
    packages = [] if engine else [name for name in _CLIENT_PACKAGES if succeeds(["apt-cache", "show", name])]
    if packages:
        install(packages, reason="a docker client that can build")
        engine = _find_client(slot, info, is_private=is_private)
    if engine is None and find_program("apt-get"):
        unpacked_programs(DEBIAN_13)
        engine = _find_client(slot, info, is_private=is_private)
    if engine is None:
        raise DevkitError(
            "no docker client here can build with BuildKit: install buildx, Docker's build plugin"
            " (`docker buildx version` then prints its version)"
        )
    return engine


def _find_client(slot: str, info: EngineInfo, *, is_private: bool) -> Engine | None:
    folder = dev_home() / "engines" / f"{slot}-client"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "bin").mkdir(parents=True)
    needs_buildx = info.store == "containerd"
    for client, plugin in _clients(slot):
        config = _own_config(folder, plugin) if plugin else None
        if _can_build(client, info, config, needs_buildx=needs_buildx):
            (folder / "bin/docker").symlink_to(client)
            return Engine(
                slot=slot,
                docker_host=info.docker_host,
                version=info.version,
                store=info.store,
                private=is_private,
                client_folder=str(folder / "bin"),
                docker_config=str(config) if config else None,
            )
    return None


def _clients(slot: str) -> list[tuple[str, Path | None]]:
    """Clients to try, each with the buildx plugin to give it; first those that need nothing."""
    if slot in NEWER_SLOTS:
        return [_unpacked_client(programs_folder(DEBIAN_SID))]
    folders = [*os.environ.get("PATH", "").split(":"), "/usr/local/bin", "/usr/bin"]
    engines = str(dev_home() / "engines")
    found = {f"{folder}/docker" for folder in folders if not folder.startswith(engines)}
    installed: list[tuple[str, Path | None]] = [
        (path, None)
        for path in sorted(found, key=lambda path: folders.index(str(Path(path).parent)))
        if Path(path).exists()
    ]
    unpacked = programs_folder(DEBIAN_13)
    if unpacked.exists():
        installed.append(_unpacked_client(unpacked))
    return installed


def _unpacked_client(programs: Path) -> tuple[str, Path]:
    return str(programs / "docker"), programs / "docker-buildx"


def _own_config(folder: Path, plugin: Path) -> Path:
    config = folder / "config"
    (config / "cli-plugins").mkdir(parents=True, exist_ok=True)
    link = config / "cli-plugins/docker-buildx"
    link.unlink(missing_ok=True)
    link.symlink_to(plugin)
    return config


def _can_build(client: str, info: EngineInfo, config: Path | None, *, needs_buildx: bool) -> bool:
    environment = {"DOCKER_HOST": info.docker_host, **({"DOCKER_CONFIG": str(config)} if config else {})}
    if succeeds([client, "buildx", "version"], env=environment):
        return True
    try:
        version = run([client, "version", "--format", "{{.Client.Version}}"], env=environment)
    except DevkitError:
        return False
    return not needs_buildx and int(version.split(".")[0]) < 23  # From 23 on `docker build` needs buildx.
