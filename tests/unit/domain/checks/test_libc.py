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
    assert found.evidence[0] == f"{ADDON}: built for arm64"
    assert found.predicts is None


@pytest.mark.parametrize("libc", ["glibc", "musl"])
def test_addon_that_may_fit_gives_no_finding(addons, make_elf, libc):
    fit = {
        "damaged": b"\x7fELF" + b"x" * 100,
        "static": make_elf(dynamic=False),
        "without-libc": make_elf(needed=("libm.so",)),
    }
    assert addons(libc, {f"/app/node_modules/{name}/a.node": data for name, data in fit.items()}) == []
    assert addons(libc, {"/opt/outside.node": make_elf(machine=183)}) == []


def test_addon_over_limit_is_taken_to_fit(addons, make_elf, monkeypatch):
    monkeypatch.setattr("weighbridge.domain.checks.libc.MAX_ADDONS", 1)
    arm = make_elf(machine=183)
    assert len(addons("glibc", {"/app/node_modules/a/a.node": arm, "/app/node_modules/b/b.node": arm})) == 1
    assert addons("glibc", {"/app/node_modules/a/a.node": arm, "/app/node_modules/a/b.node": arm}) == []


def test_addons_of_many_packages_give_first_findings(addons, make_elf):
    files = {f"/app/node_modules/p{number:02}/a.node": make_elf(machine=183) for number in range(25)}
    assert [found.path for found in addons("glibc", files)] == sorted(files)[:20]


def test_glibc_addon_under_musl_of_rare_machine_has_no_predicted_error(images, make_elf):
    loader = "/lib/ld-musl-s390x.so.1"
    elf = {"machine": 22, "big_endian": True}
    addon = make_elf(needed=("libc.so.6", "ld64.so.1"), needed_versions=(("libc.so.6", "GLIBC_2.2", False),), **elf)
    node = make_elf(interpreter=loader, needed=("libc.so",), **elf)
    files = {loader: make_elf(exports=("__dls3", "__libc_start_main"), **elf), "/usr/bin/node": node, ADDON: addon}
    config = images.config("node", "server.js", architecture="s390x")
    found = [one for one in check(config, images.rootfs(files)).findings if one.code == "native-addon-mismatch"]
    assert [(one.evidence[0], one.predicts) for one in found] == [(f"{ADDON}: built for glibc", None)]


def test_windows_image_is_not_checked(images, make_elf):
    rootfs = images.rootfs({"/app": make_elf(type=2, dynamic=False), "/etc/dangling": "/nowhere"})
    assert "runtime-dangling-symlink" in [one.code for one in check(images.config("/app"), rootfs).findings]
    assert check(images.config("/app", os="windows"), rootfs).findings == ()


def test_static_glibc_program_with_name_lookups(images, make_elf):
    def codes(trailer, **elf):
        rootfs = images.rootfs({"/app": make_elf(type=2, dynamic=False, trailer=trailer, **elf)})
        return [found.code for found in check(images.config("/app"), rootfs).findings]

    assert "static-glibc-nss" in codes(b"libnss_%s.so.%d")
    assert "static-glibc-nss" not in codes(b"getaddrinfo")


def test_dynamic_program_without_loader_has_no_finding_on_name_lookups(images, make_elf):
    app = make_elf(needed=("libc.so.6",), trailer=b"libnss_%s.so.%d")
    found = check(images.config("/app"), images.rootfs({"/app": app})).findings
    assert "static-glibc-nss" not in [one.code for one in found]


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
