"""File capabilities, and what they do to the start of a program."""

from __future__ import annotations

import struct

import pytest

from weighbridge.domain.start.capabilities import FileCapabilities, parse_file_capabilities
from weighbridge.domain.start.predict import Starts, predict_start

NET_BIND_SERVICE = 1 << 10
IPC_LOCK = 1 << 14
SYS_ADMIN = 1 << 21


def value(permitted, *, effective=True, revision=2, root_uid=0, inheritable=0):
    """The attribute as setcap and the kernel write it."""
    words = [
        each for part in range(2) for each in ((permitted >> 32 * part) % 2**32, (inheritable >> 32 * part) % 2**32)
    ]
    words = words[:2] if revision == 1 else words
    tail = struct.pack("<I", root_uid) if revision == 3 else b""
    return struct.pack(f"<I{len(words)}I", revision << 24 | effective, *words) + tail


@pytest.mark.parametrize("revision", [1, 2, 3])
def test_value_of_each_revision_is_read(revision):
    read = parse_file_capabilities(value(IPC_LOCK, inheritable=SYS_ADMIN, revision=revision, root_uid=7))
    assert read == FileCapabilities(permitted=IPC_LOCK, is_effective=True, root_uid=7 if revision == 3 else 0)


def test_upper_word_of_value_is_read():
    # What setcap cap_checkpoint_restore=+ep writes.
    read = parse_file_capabilities(bytes.fromhex("0100000200000000000000000001000000000000"))
    assert read is not None
    assert read.beyond_bounding_set == ("checkpoint_restore",)


@pytest.mark.parametrize(
    "broken", [b"", b"\0\0\0\2", value(1)[:-1], value(1) + b"\0", value(1, revision=4), b"\1" * 24]
)
def test_value_of_wrong_length_or_revision_is_malformed(broken):
    assert parse_file_capabilities(broken) is None


@pytest.fixture
def run(images, make_elf):
    """Predicts the start of ``/app``, a static program with capabilities."""

    def run(capabilities, **config):
        file = images.File(content=make_elf(type=2, dynamic=False), capabilities=capabilities)
        return predict_start(images.config("/app", **config), images.rootfs({"/app": file}))

    return run


@pytest.mark.parametrize("user", ["", "1000"])
@pytest.mark.parametrize("revision", [1, 2, 3])
def test_effective_capability_outside_bounding_set_is_not_permitted(run, user, revision):
    prediction = run(value(IPC_LOCK | NET_BIND_SERVICE, revision=revision), user=user)
    assert (prediction.starts, prediction.findings[-1].code) == (Starts.NO, "privilege-missing")
    assert prediction.findings[-1].predicts == "exec /app: operation not permitted"
    assert "--cap-add IPC_LOCK." in (prediction.findings[-1].fix or "")


@pytest.mark.parametrize(
    "capabilities",
    [
        None,
        value(NET_BIND_SERVICE),
        value(SYS_ADMIN, effective=False),
        value(0, inheritable=SYS_ADMIN),
        # Of the root of another user namespace: the kernel ignores them.
        value(SYS_ADMIN, revision=3, root_uid=1000),
    ],
)
def test_capability_granted_or_ignored_lets_program_run(run, capabilities):
    assert run(capabilities).starts is Starts.YES
    assert run(capabilities, user="1000").starts is Starts.YES


def test_malformed_capabilities_are_not_checked(run):
    prediction = run(b"x" * 20)
    assert prediction.starts is Starts.NOT_CHECKED
    assert prediction.not_checked == ("/app: its file capabilities are malformed",)


@pytest.fixture
def run_glibc(images, make_elf, glibc):
    """Predicts the start of ``/opt/bin/app``, which needs a library in ``/opt/lib``."""

    def run(*, user="1000", capabilities=None, mode=0o755, uid=0, runpath=None, **env):
        loader = "/lib64/ld-linux-x86-64.so.2"
        program = make_elf(interpreter=loader, needed=("libown.so", "libc.so.6"), runpath=runpath)
        app = images.File(content=program, capabilities=capabilities, mode=mode, uid=uid)
        files = {**glibc, "/opt/bin/app": app, "/opt/lib/libown.so": make_elf(soname="libown.so")}
        return predict_start(images.config("/opt/bin/app", user=user, env=env), images.rootfs(files))

    return run


ORIGIN = {"runpath": "$ORIGIN/../lib"}
LIBRARY_PATH = {"LD_LIBRARY_PATH": "/opt/lib"}
SETUID = {"mode": 0o4755}
GRANTED = {"capabilities": value(NET_BIND_SERVICE)}


@pytest.mark.parametrize("way", [ORIGIN, LIBRARY_PATH, {"runpath": "/opt/lib"}])
def test_program_without_privilege_finds_library_by_every_way(run_glibc, way):
    assert run_glibc(**way).starts is Starts.YES


@pytest.mark.parametrize("privilege", [SETUID, GRANTED, {"capabilities": value(NET_BIND_SERVICE, effective=False)}])
@pytest.mark.parametrize("way", [ORIGIN, LIBRARY_PATH])
def test_privileged_program_ignores_origin_and_library_path(run_glibc, privilege, way):
    prediction = run_glibc(**privilege, **way)
    assert (prediction.starts, prediction.findings[-1].code) == (Starts.NO, "libc-needed-missing")
    # Root gains nothing, and a fixed path is trusted.
    assert run_glibc(user="", **privilege, **way).starts is Starts.YES
    assert run_glibc(**privilege, runpath="/opt/lib").starts is Starts.YES
