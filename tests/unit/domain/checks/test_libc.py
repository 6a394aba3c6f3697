"""Checks around the C library, Java and Python that go beyond the loader."""

from __future__ import annotations

import io
import zipfile

import pytest

from weighbridge.domain.checks.check import check
from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.start.predict import Starts, predict_start

GLIBC, MUSL = "/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1"
ADDON = "/app/node_modules/sharp/build/sharp.node"


@pytest.fixture
def addons(images, glibc, musl, make_elf):
    """The add-on findings of an image with node on one C library."""

    def addons(libc, files):
        node = make_elf(interpreter=GLIBC if libc == "glibc" else MUSL, needed=("libc.so.6",))
        rootfs = images.rootfs({**(glibc if libc == "glibc" else musl), "/usr/bin/node": node, **files})
        found = check(images.config("node", "server.js"), rootfs).findings
        return [finding for finding in found if finding.code == "native-addon-mismatch"]

    return addons


def _gnu(make_elf, *needed):
    return make_elf(needed=("libc.so.6", *needed), needed_versions=(("libc.so.6", "GLIBC_2.2.5", False),))


def test_musl_addon_under_glibc(addons, make_elf):
    (found,) = addons("glibc", {ADDON: make_elf(needed=("libc.musl-x86_64.so.1",))})
    assert found.severity is Severity.WARNING
    assert found.predicts == ("libc.musl-x86_64.so.1: cannot open shared object file: No such file or directory")
    assert addons("glibc", {ADDON: _gnu(make_elf)}) == []


def test_glibc_addon_under_musl_fails_if_it_needs_more_than_libc(addons, make_elf):
    assert len(addons("musl", {ADDON: _gnu(make_elf, "ld-linux-x86-64.so.2")})) == 1
    assert addons("musl", {ADDON: _gnu(make_elf)}) == []
    assert addons("musl", {ADDON: make_elf(needed=("libc.musl-x86_64.so.1",))}) == []


def test_package_with_builds_for_both_gives_no_finding(addons, make_elf):
    prebuilds = "/app/node_modules/re2/prebuilds"
    both = {
        f"{prebuilds}/linux-x64/node.napi.musl.node": make_elf(needed=("libc.musl-x86_64.so.1",)),
        f"{prebuilds}/linux-x64/node.napi.glibc.node": _gnu(make_elf, "ld-linux-x86-64.so.2"),
        f"{prebuilds}/linux-arm64/node.napi.node": make_elf(machine=183, needed=("libc.so.6",)),
    }
    assert addons("musl", both) == []
    assert addons("glibc", both) == []


def test_platform_packages_count_as_one(addons, make_elf):
    both = {
        "/app/node_modules/@img/sharp-linux-x64/lib/sharp.node": _gnu(make_elf, "ld-linux-x86-64.so.2"),
        "/app/node_modules/@img/sharp-linuxmusl-x64/lib/sharp.node": make_elf(needed=("libc.musl-x86_64.so.1",)),
    }
    assert addons("musl", both) == []
    assert len(addons("musl", dict(list(both.items())[:1]))) == 1


def test_addon_for_another_machine(addons, make_elf):
    (found,) = addons("glibc", {ADDON: make_elf(machine=183, needed=("libc.so.6",))})
    assert "arm64" in found.evidence[0]


def test_static_glibc_program_with_name_lookups(images, make_elf):
    def codes(trailer, **elf):
        rootfs = images.rootfs({"/app": make_elf(type=2, dynamic=False, trailer=trailer, **elf)})
        return [found.code for found in check(images.config("/app"), rootfs).findings]

    assert "static-glibc-nss" in codes(b"libnss_%s.so.%d")
    assert "static-glibc-nss" not in codes(b"getaddrinfo")


def _jar(major: int, minor: int = 0, start: int | None = None) -> bytes:
    def java_class(version: int) -> bytes:
        return b"\xca\xfe\xba\xbe" + minor.to_bytes(2, "big") + version.to_bytes(2, "big") + bytes(8)

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as jar:
        lines = "Manifest-Version: 1.0\r\nMain-Class: org.example.Main\r\n"
        lines += "Start-Class: org.example.App\r\n" if start else ""
        files = {"META-INF/MANIFEST.MF": lines.encode(), "org/example/Main.class": java_class(major)}
        if start:
            files["BOOT-INF/classes/org/example/App.class"] = java_class(start)
        for name, data in files.items():  # a ZipInfo has a fixed time, so that the names of tests are the same each run
            jar.writestr(zipfile.ZipInfo(name), data, compress_type=zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


@pytest.fixture
def java(images, make_elf):
    """Predicts ``java -jar /app.jar`` on Java 17."""

    def java(jar, *command):
        files = {"/opt/java/bin/java": make_elf(type=2, dynamic=False), "/opt/java/release": b'JAVA_VERSION="17.0.9"\n'}
        rootfs = images.rootfs({**files, "/app.jar": jar})
        return predict_start(images.config(*(command or ("/opt/java/bin/java", "-Xmx1g", "-jar", "/app.jar"))), rootfs)

    return java


def test_jar_for_newer_java(java):
    prediction = java(_jar(65))
    assert (prediction.starts, prediction.findings[0].code) == (Starts.NO, "java-class-version")
    assert "class file version 65.0" in prediction.findings[0].predicts
    assert "recognizes class file versions up to 61.0" in prediction.findings[0].predicts


def test_jar_with_start_class_newer_than_launcher(java):
    assert java(_jar(52, start=65)).findings[0].code == "java-class-version"
    assert java(_jar(52, start=61)).findings == ()


@pytest.mark.parametrize("jar", [_jar(61), _jar(52), _jar(65, minor=0xFFFF)], ids=["17", "8", "21 preview"])
def test_jar_for_this_java_gives_no_finding(java, jar):
    assert java(jar).findings == ()


def test_class_version_from_class_path_is_not_checked(java):
    assert java(_jar(65), "/opt/java/bin/java", "-cp", "/app.jar", "org.example.Main").findings == ()


@pytest.fixture
def venv(images, make_elf):
    """Predicts a script of a virtual environment in ``/app/.venv`` that has `files`."""

    def venv(files, *command):
        static = make_elf(type=2, dynamic=False)
        base = {"/app/.venv/pyvenv.cfg": b"home = /usr/bin\n", "/usr/bin/python3.11": static, "/bin/sh": static}
        base |= {f"/usr/lib/python3.11/{name}.py": b"" for name in ("os", "encodings/__init__")}
        rootfs = images.rootfs({**base, **files})
        return check(images.config(*(command or ("/app/.venv/bin/uvicorn",))), rootfs)

    return venv


def test_script_of_moved_environment(venv):
    result = venv({"/app/.venv/bin/uvicorn": b"#!/build/.venv/bin/python\n"})
    (found,) = (finding for finding in result.findings if finding.severity is Severity.ERROR)
    assert (found.code, found.predicts) == (
        "copied-venv-broken",
        "exec /app/.venv/bin/uvicorn: no such file or directory",
    )


def test_virtual_environment_with_missing_python_is_broken(venv):
    files = {"/app/.venv/bin/uvicorn": b"#!/app/.venv/bin/python\n", "/app/.venv/bin/python": "/usr/local/bin/python3"}
    assert venv(files).start.findings[0].code == "copied-venv-broken"
    direct = venv(files, "/app/.venv/bin/python", "-m", "x").start.findings[0]
    assert (direct.code, direct.predicts) == (
        "copied-venv-broken",
        'exec: "/app/.venv/bin/python": stat /app/.venv/bin/python: no such file or directory',
    )


def test_environment_of_another_python_release(venv):
    files = {
        "/app/.venv/bin/uvicorn": b"#!/app/.venv/bin/python\n",
        "/app/.venv/bin/python": "/usr/bin/python3.11",
        "/app/.venv/lib/python3.12/site-packages/x.py": b"",
    }
    assert venv(files).start.findings[0].code == "copied-venv-broken"


def test_virtual_environment_in_place_gives_no_finding(venv):
    files = {
        "/app/.venv/bin/uvicorn": b"#!/app/.venv/bin/python\n",
        "/app/.venv/bin/python": "/usr/bin/python3.11",
        "/app/.venv/lib/python3.11/site-packages/x.py": b"",
    }
    assert venv(files).start.starts is Starts.YES
    assert venv(files).start.findings == ()
