"""Builders that are not the engine's own, engines that are not on this machine's socket, and caches elsewhere.

The remote builder is the BuildKit of the second engine, reached over TCP through buildx's own ``remote`` driver. The
docker-container driver creates, starts and asks its container for real; a stand-in in it leads to the same BuildKit,
because the driver's own image is on Docker Hub. The kubernetes driver is not run: there is no cluster.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import docker.errors
import pytest
from git_commands import git
from loopback import running_registry, running_server
from relays import buildkit_on_tcp, certificates, engine_on_tls, server_context

from weighbridge.build.client import find_build_client
from weighbridge.build.driver import find_driver, watch_builder

DOCKERFILE = """FROM {base}
COPY data /data
RUN cat /data /data > /twice
CMD ["cat", "/data"]
"""
RELEASES = ("first", "second")


def repository(folder, images, base="busybox"):
    """A repository in which a branch makes every image grow by 10 kB, twice."""
    mark = secrets.token_hex(4)
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    for message, size in (("base", 20_000), ("head", 30_000)):
        for name in images:
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / "Dockerfile").write_text(DOCKERFILE.format(base=base))
            # Unlike any other run's, so that no builder knows it yet.
            line = f"{name} {mark}\n"
            (folder / name / "data").write_text(line * (size // len(line)))
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", message)
    return folder


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return repository(tmp_path_factory.mktemp("repo") / "shop", ["api", "services/web", "worker"])


@pytest.fixture
def weighbridge(tmp_path):
    """`weighbridge(environment, *arguments)` runs the program with an own cache and temporary folder."""

    def run(environment, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "weighbridge", *map(str, arguments)],
            env={**os.environ, **environment, "TMPDIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            cwd=tmp_path,
        )

    return run


@pytest.fixture(scope="module")
def buildx(containerd_engine):
    """The environment of a docker client with buildx, and nothing of the engine that it came with."""
    return {name: value for name, value in containerd_engine.environment.items() if name != "DOCKER_HOST"}


@pytest.fixture(scope="module")
def far(containerd_engine, buildx, need_images, tmp_path_factory):
    """An environment in which buildx knows the builder ``far``: the second engine's BuildKit, over TCP with TLS."""
    need_images(containerd_engine, "busybox")
    environment = buildx | {"BUILDX_CONFIG": str(tmp_path_factory.mktemp("buildx"))}
    keys = tmp_path_factory.mktemp("keys")
    certificates(keys)
    socket = containerd_engine.docker_host.removeprefix("unix://")
    options = f"cacert={keys}/ca.pem,cert={keys}/cert.pem,key={keys}/key.pem"
    with buildkit_on_tcp(socket, server_context(keys)) as address:
        command = [
            "docker",
            "buildx",
            "create",
            "--name",
            "far",
            "--driver",
            "remote",
            "--driver-opt",
            options,
            address,
        ]
        subprocess.run(command, env={**os.environ, **environment}, check=True, capture_output=True)
        yield environment


@pytest.fixture
def contained(containerd_engine, need_images, tmp_path):
    """An environment with the builder ``contained`` of the docker-container driver, as setup-buildx creates it.

    Its image has two scripts in place of BuildKit's programs: they lead to the BuildKit of the engine.
    """
    need_images(containerd_engine, "busybox")
    environment = containerd_engine.environment | {"BUILDX_CONFIG": str(tmp_path / "buildx")}
    image = f"weighbridge-test-buildkit:{secrets.token_hex(4)}"

    def docker_command(*arguments, **more):
        command = ["docker", *arguments]
        return subprocess.run(command, env={**os.environ, **environment}, check=True, capture_output=True, **more)

    with buildkit_on_tcp(containerd_engine.docker_host.removeprefix("unix://")) as address:
        port = address.rpartition(":")[2]
        folder = tmp_path / "buildkit"
        folder.mkdir()
        (folder / "buildctl").write_text(f'#!/bin/sh\n[ "$1" = dial-stdio ] || exit 0\nexec nc 127.0.0.1 {port}\n')
        (folder / "buildkitd").write_text("#!/bin/sh\ntrap exit TERM\nwhile sleep 1; do :; done\n")
        (folder / "Dockerfile").write_text(
            'FROM busybox\nCOPY --chmod=755 buildctl buildkitd /bin/\nENTRYPOINT ["buildkitd"]\n'
        )
        docker_command("buildx", "build", "--quiet", "--load", "--tag", image, str(folder))
        options = ("--driver-opt", f"image={image}", "--driver-opt", "network=host")
        docker_command("buildx", "create", "--name", "contained", "--driver", "docker-container", *options)
        try:
            yield environment
        finally:
            docker_command("buildx", "rm", "contained")
            docker_command("rmi", "--force", image)


def weighed(done):
    """The report, without what the clock said."""
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    for image in report["images"]:
        image["build_seconds"] = None
    return report


def without_downloads(part):
    """A part of a report without the sizes of transfers."""
    if isinstance(part, dict):
        return {
            key: without_downloads(value) for key, value in part.items() if not key.startswith(("download", "upgrade"))
        }
    return [without_downloads(each) for each in part] if isinstance(part, list) else part


# --- builders -----------------------------------------------------------------------------------------------------


def test_remote_builder_gives_same_report_without_engine(weighbridge, shop, far, containerd_engine, tmp_path):
    command = ("diff", "main~1", "main", "--repo", shop, "--format", "json")
    near = weighed(weighbridge(containerd_engine.environment, *command))
    nowhere = {"DOCKER_HOST": "unix:///nowhere.sock"}
    remote = weighbridge(far | nowhere, *command, "--builder", "far")
    # The base image was loaded without compression: the layout counts its blob as it is stored, the engine estimates.
    assert without_downloads(weighed(remote)) == without_downloads(near)
    assert [image["delta"]["unpacked_bytes"] for image in near["images"]] == [30_000] * 3 or near
    assert "building with far (remote); images go to a folder" in remote.stderr
    assert list(tmp_path.glob("weighbridge-*")) == []


def test_builder_in_container_is_started_and_gives_folders(weighbridge, shop, contained, tmp_path):
    command = ("diff", "main~1", "main", "--repo", shop, "--image", "api", "--format", "json", "--builder", "contained")
    done = weighbridge(contained, *command)
    (image,) = weighed(done)["images"]
    assert 29_900 < image["delta"]["unpacked_bytes"] <= 30_000
    assert not image["head"]["download_estimated"]
    assert "building with contained (docker-container); images go to a folder" in done.stderr
    assert list(tmp_path.glob("weighbridge-*")) == []


def test_image_of_remote_builder_is_loaded_for_start_and_removed(weighbridge, shop, far, overlay2_engine, tmp_path):
    other = {"DOCKER_HOST": overlay2_engine.docker_host}
    command = ("diff", "main~1", "main", "--repo", shop, "--image", "api", "--start", "--format", "json")
    (image,) = weighed(weighbridge(far | other, *command, "--builder", "far"))["images"]
    assert image["head"]["trial"]["outcome"] == "ended"
    assert image["head"]["trial"]["output"][0].startswith("api ")
    with pytest.raises(docker.errors.ImageNotFound):
        overlay2_engine.client.images.get(image["head"]["image_id"])
    assert list(tmp_path.glob("weighbridge-*")) == []


def test_current_builder_is_default(weighbridge, shop, far, tmp_path):
    environment = far | {"DOCKER_HOST": "unix:///nowhere.sock", "BUILDX_BUILDER": "far"}
    done = weighbridge(environment, "diff", "main~1", "main", "--repo", shop, "--image", "api", "--keep")
    assert done.returncode == 0, done.stderr
    kept = re.findall(r"kept: api (base|head) is (oci:\S+)", done.stderr)
    assert [side for side, _ in kept] == ["base", "head"]
    old, new = (reference for _, reference in kept)
    compared = weighbridge(environment, "compare", old, new, "--format", "json")
    assert weighed(compared)["images"][0]["delta"]["unpacked_bytes"] > 0
    shutil.rmtree(next(tmp_path.glob("weighbridge-images-*")))


def test_unusable_builder_is_named(weighbridge, shop, far, buildx, overlay2_engine, tmp_path):
    command = ("diff", "main~1", "main", "--repo", shop, "--image", "api")
    unknown = weighbridge(far, *command, "--builder", "nobody")
    assert (unknown.returncode, unknown.stderr.splitlines()[-1]) == (
        4,
        'error: the buildx builder nobody cannot be used: no builder "nobody" found',
    )
    environment = far | {"DOCKER_CONFIG": str(tmp_path / "docker")}
    shutil.copytree(far["DOCKER_CONFIG"], environment["DOCKER_CONFIG"], symlinks=True)
    (tmp_path / "docker/config.json").write_text("{}")
    host = f"host={overlay2_engine.docker_host}"
    subprocess.run(
        ["docker", "context", "create", "elsewhere", "--docker", host],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
    )
    other = weighbridge(environment | {"DOCKER_HOST": "unix:///nowhere.sock"}, *command, "--builder", "elsewhere")
    assert other.returncode == 4, other.stderr
    assert "the builder elsewhere belongs to another engine" in other.stderr
    through_context = weighbridge(
        environment | {"DOCKER_CONTEXT": "elsewhere"}, *command, "--cache-to", "type=local,dest=x"
    )
    assert "the builder cannot export a cache" in through_context.stdout, through_context.stderr
    missing = weighbridge(environment | {"DOCKER_CONTEXT": "nowhere"}, *command)
    assert (missing.returncode, "docker has no context nowhere" in missing.stderr) == (4, True), missing.stderr


def test_hanging_builder_is_lost_and_silent_builder_is_kept(buildx, containerd_engine, need_images, tmp_path):
    need_images(containerd_engine, "busybox")
    environment = {**os.environ, **buildx, "BUILDX_CONFIG": str(tmp_path / "buildx")}
    (tmp_path / "Dockerfile").write_text(f"FROM busybox\nRUN echo {tmp_path} && sleep 300\n")
    stalled = threading.Event()
    with buildkit_on_tcp(containerd_engine.docker_host.removeprefix("unix://"), stalled=stalled) as address:
        create = ["docker", "buildx", "create", "--name", "far", "--driver", "remote", address]
        subprocess.run(create, env=environment, check=True, capture_output=True)
        builds = [*create[:2], "build", "--builder", "far", "--output", "type=cacheonly", str(tmp_path)]
        client = find_build_client(environment)
        driver = find_driver(client, environment, "far")
        with subprocess.Popen(builds, env=environment, stderr=subprocess.DEVNULL) as build:
            watch = watch_builder(client, environment, driver, ping_seconds=10, lost_after_seconds=2)
            time.sleep(4)
            assert (build.poll(), watch.is_lost) == (None, False)
            stalled.set()
            ends_at = time.monotonic() + 120
            while not watch.is_lost and time.monotonic() < ends_at:
                time.sleep(0.1)
            assert (build.poll(), watch.is_lost) == (None, True)
            watch.stop()
            build.kill()
            stalled.clear()


def test_client_without_buildx_named_builder_raises_error(weighbridge, shop, overlay2_engine, tmp_path):
    environment = overlay2_engine.environment | {"DOCKER_CONFIG": str(tmp_path)}  # Docker 28 has buildx as a plugin
    for option in ("--builder=far", "--cache-from=type=registry,ref=x/y"):
        done = weighbridge(environment, "diff", "main~1", "main", "--repo", shop, option)
        assert (done.returncode, "needs buildx" in done.stderr or "need buildx" in done.stderr) == (4, True)


# --- side by side -------------------------------------------------------------------------------------------------


def test_shared_stage_is_built_once_and_user_tags_stay(weighbridge, any_engine, need_images, tmp_path):
    need_images(any_engine, "busybox")
    mark = secrets.token_hex(4)
    shared = f"FROM busybox AS shared\nRUN echo {mark} && sleep 2 && cat /proc/sys/kernel/random/uuid > /once\n"
    repo = repository(tmp_path / "shop", ["old"])
    for name in ("one", "two"):
        (repo / name).mkdir()
        (repo / name / "Dockerfile").write_text(f"{shared}FROM shared\nRUN echo {name} > /name\n")
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message", "two images with one stage")

    # What the user has: an image that the run makes too, under a name of the user's own.
    own = f"weighbridge-test:{mark}"
    assert any_engine.docker("build", "--tag", own, repo / "old").returncode == 0
    try:
        done = weighbridge(
            any_engine.environment,
            *("diff", "main~1", "main", "--repo", repo, "--all", "--jobs", "2", "--no-verify-tips", "--format", "json"),
        )
        images = {image["name"]: image["head"] for image in weighed(done)["images"]}
        layers = [[layer["diff_id"] for layer in images[name]["layers"]] for name in ("one", "two")]
        assert layers[0][:2] == layers[1][:2], "a random number was drawn once"
        assert layers[0][2] != layers[1][2]
        assert any_engine.docker("image", "inspect", own).returncode == 0
        again = any_engine.docker("build", "--progress=plain", repo / "old")
        cached = r"^#\d+ \[3/3\] RUN .*\n(#\d+ sha256:.*\n)?#\d+ CACHED$"
        assert re.search(cached, again.stderr, re.MULTILINE), again.stderr
    finally:
        any_engine.docker("image", "rm", own)


# --- caches -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """A real docker-registry on loopback: its address, and the folder of its repositories."""
    with running_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running.address, running.repositories


def test_registry_cache_saves_build_in_another_engine_and_only_base_writes(
    weighbridge, registry, far, buildx, overlay2_engine, containerd_engine, need_images, tmp_path
):
    need_images(overlay2_engine, "busybox")
    address, kept = registry
    base_image = f"{address}/busybox:1"
    overlay2_engine.docker("tag", "busybox", base_image)
    assert overlay2_engine.docker("push", base_image).returncode == 0
    overlay2_engine.docker("image", "rm", base_image)
    repo = repository(tmp_path / "shop", ["api", "services/web"], base=base_image)
    command = ("diff", "main~1", "main", "--repo", repo, "--verbose", "--format", "json")

    place = f"type=registry,ref={address}/cache:{{image}},mode=max"
    # BuildKit's export is best effort: it may lose a blob while other tests remove images from the same store.
    for _ in range(3):
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
        written = weighbridge(far, *command, "--jobs", "1", "--builder", "far", "--cache-to", place)
        first = weighed(written)
        cache_tags = sorted(path.name for path in (kept / "cache/_manifests/tags").iterdir())
        if len(cache_tags) == 2:
            break
    assert [re.sub(r"-[0-9a-f]{8}$", "-#", tag) for tag in cache_tags] == ["api", "services-web-#"], written.stderr
    exporting = re.findall(r"\[(\S+ \S+)\] #\d+ exporting cache to registry$", written.stderr, re.MULTILINE)
    assert sorted(exporting) == ["api base", "services/web base"]

    read = weighbridge(
        buildx | {"DOCKER_HOST": overlay2_engine.docker_host},
        *command,
        *("--cache-from", f"type=registry,ref={address}/cache:{{image}}"),
    )
    second = weighed(read)
    for image in ("api", "services/web"):
        lines = [line for line in read.stderr.splitlines() if line.startswith(f"  [{image} base]")]
        (step,) = {found[1] for line in lines if (found := re.search(r"#(\d+) \[2/3\] COPY", line))}
        assert any(line.endswith(f"#{step} CACHED") for line in lines), lines
    assert [image["delta"]["unpacked_bytes"] for image in second["images"]] == [
        image["delta"]["unpacked_bytes"] for image in first["images"]
    ]


def test_unusable_cache_fails_no_run_and_hides_password(weighbridge, shop, far):
    done = weighbridge(
        far,
        *("diff", "main~1", "main", "--repo", shop, "--image", "api", "--builder", "far", "--verbose"),
        *("--cache-from", "type=gha"),
        *("--cache-from", "type=registry,ref=127.0.0.1:9/cache"),
        *(
            "--cache-to",
            "type=s3,region=eu,bucket=b,endpoint_url=http://u:hunter2@127.0.0.1:9,secret_access_key=s3cr3t",
        ),
    )
    assert done.returncode == 0, done.stderr
    assert "skipped the cache type=gha: it works in GitHub Actions only" in done.stderr
    assert "hunter2" not in done.stderr
    assert "s3cr3t" not in done.stderr


# --- engines elsewhere --------------------------------------------------------------------------------------------


def test_engine_with_tls_is_used_by_variables_and_context(weighbridge, shop, buildx, overlay2_engine, tmp_path):
    command = ("diff", "main~1", "main", "--repo", shop, "--image", "api", "--quiet", "--format", "json")
    keys = tmp_path / "keys"
    keys.mkdir()
    certificates(keys)
    with engine_on_tls(overlay2_engine.docker_host.removeprefix("unix://"), server_context(keys)) as address:
        variables = {"DOCKER_HOST": address, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(keys)}
        by_variables = weighed(weighbridge(buildx | variables, *command))
        environment = buildx | {"DOCKER_CONFIG": str(tmp_path / "docker"), "DOCKER_CONTEXT": "far"}
        shutil.copytree(buildx["DOCKER_CONFIG"], environment["DOCKER_CONFIG"], symlinks=True)
        (tmp_path / "docker/config.json").write_text("{}")
        files = ",".join(f"{name}={keys / name}.pem" for name in ("ca", "cert", "key"))
        subprocess.run(
            ["docker", "context", "create", "far", "--docker", f"host={address},{files}"],
            env={**os.environ, **environment, "DOCKER_CONTEXT": ""},
            check=True,
            capture_output=True,
        )
        assert weighed(weighbridge(environment, *command)) == by_variables
        stranger = weighbridge(buildx | {"DOCKER_HOST": address}, *command)
        assert stranger.returncode == 4, stranger.stderr


def test_engine_is_reached_over_ssh(weighbridge, shop, buildx, overlay2_engine, tmp_path):
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / name], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    socket_path = overlay2_engine.docker_host.removeprefix("unix://")
    # The command that the account may run: what docker asks for, on this engine's socket.
    command = f"DOCKER_HOST=unix://{socket_path} docker system dial-stdio"
    (keys / "authorized").write_text(f'command="{command}" {(keys / "user.pub").read_text()}')
    (keys / "sshd").write_text(
        f"HostKey {keys}/host\nAuthorizedKeysFile {keys}/authorized\nPidFile {keys}/pid\nStrictModes no\n"
        f"UsePAM no\nListenAddress 127.0.0.1\nPort {port}\nPasswordAuthentication no\n"
    )
    (keys / "client").write_text(
        f"IdentityFile {keys}/user\nUserKnownHostsFile {keys}/known\nStrictHostKeyChecking accept-new\n"
    )
    # OpenSSH reads its configuration from the account's home, whatever HOME says: the test's own comes by a wrapper.
    wrapper = tmp_path / "bin/ssh"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {keys}/client "$@"\n')
    wrapper.chmod(0o755)
    Path("/run/sshd").mkdir(exist_ok=True)
    environment = buildx | {
        "DOCKER_HOST": f"ssh://{getpass.getuser()}@127.0.0.1:{port}",
        "PATH": f"{wrapper.parent}:{buildx['PATH']}",
    }
    sshd = ["/usr/sbin/sshd", "-D", "-e", "-f", keys / "sshd"]
    with running_server(sshd, log=keys / "log", address=f"127.0.0.1:{port}"):
        done = weighbridge(environment, "diff", "main~1", "main", "--repo", shop, "--image", "api", "--format", "json")
    assert weighed(done)["images"][0]["delta"]["unpacked_bytes"] > 0, (keys / "log").read_text()
