"""Checks of files that a program opens while it runs."""

from __future__ import annotations

import pytest

from weighbridge.domain.checks.check import check
from weighbridge.domain.checks.finding import Severity

CLIENT = b"\0net/http.(*Client).do\0"


@pytest.fixture
def codes(images, make_elf):
    """The findings of one code for an image with a static program that contains `trailer`."""

    def codes(code, files=(), trailer=b"", own=None, **config):
        program = make_elf(type=2, dynamic=False, trailer=trailer)
        rootfs = images.rootfs({"/app": program, "/bin/sh": program}, dict(files))
        found = check(images.config("/app", **config), rootfs, own_diff_ids=own).findings
        return [finding for finding in found if finding.code == code]

    return codes


def test_go_client_without_certificates(codes):
    (found,) = codes("runtime-ca-missing", trailer=CLIENT)
    assert (found.severity, found.predicts) == (Severity.WARNING, "x509: certificate signed by unknown authority")


@pytest.mark.parametrize(
    "files",
    [
        {"/etc/ssl/certs/ca-certificates.crt": b"PEM"},
        {"/etc/ssl/cert.pem": b"PEM"},
        {"/etc/pki/tls/certs/x.pem": b"PEM"},
        {"/etc/ssl/certs/a.pem": "/usr/share/ca/a.crt", "/usr/share/ca/a.crt": b"PEM"},
    ],
)
def test_any_bundle_suffices(codes, files):
    assert codes("runtime-ca-missing", files, trailer=CLIENT) == []


def test_certificates_as_dangling_links_do_not_count(codes):
    assert len(codes("runtime-ca-missing", {"/etc/ssl/certs/a.pem": "/gone"}, trailer=CLIENT)) == 1


def test_certificates_elsewhere_or_built_in_are_no_finding(codes):
    elsewhere = {"/opt/ca.pem": b"PEM"}
    assert codes("runtime-ca-missing", elsewhere, trailer=CLIENT, env={"SSL_CERT_FILE": "/opt/ca.pem"}) == []
    assert len(codes("runtime-ca-missing", trailer=CLIENT, env={"SSL_CERT_FILE": "/opt/ca.pem"})) == 1
    assert codes("runtime-ca-missing", trailer=CLIENT + b"golang.org/x/crypto/x509roots/fallback") == []


def test_rust_client_without_certificates_has_no_predicted_error(codes):
    (found,) = codes("runtime-ca-missing", trailer=b"\0rustls_native_certs\0")
    assert (found.predicts, found.evidence[0]) == (None, "/app: a Rust program that uses the system's certificates")


def test_program_with_curl_library_and_without_certificates_gives_finding(images, glibc, make_elf):
    loader = "/lib64/ld-linux-x86-64.so.2"
    files = {
        **glibc,
        "/app": make_elf(interpreter=loader, needed=("libcurl.so.4", "libc.so.6")),
        "/lib/x86_64-linux-gnu/libcurl.so.4": make_elf(soname="libcurl.so.4"),
    }
    findings = check(images.config("/app"), images.rootfs(files)).findings
    (found,) = [one for one in findings if one.code == "runtime-ca-missing"]
    assert found.evidence[0] == "/app: uses /lib/x86_64-linux-gnu/libcurl.so.4"


def test_many_dangling_links_give_first_findings(codes):
    links = {f"/opt/{number:02}": "/nowhere" for number in range(25)}
    assert [found.path for found in codes("runtime-dangling-symlink", links)] == sorted(links)[:20]


def test_server_without_client_gives_no_finding(codes):
    assert codes("runtime-ca-missing", trailer=b"net/http.(*Server).Serve") == []


def test_time_zone_missing_gives_finding(codes):
    (found,) = codes("runtime-tzdata-missing", env={"TZ": "Europe/Paris"})
    assert (found.severity, found.predicts) == (Severity.WARNING, "unknown time zone Europe/Paris")


@pytest.mark.parametrize("zone", ["", "UTC", "CET-1CEST,M3.5.0,M10.5.0/3", "UTC0"])
def test_zones_without_file(codes, zone):
    assert codes("runtime-tzdata-missing", env={"TZ": zone}) == []


def test_time_zone_existing_or_builtin_gives_no_finding(codes):
    env = {"TZ": "Europe/Paris"}
    assert codes("runtime-tzdata-missing", {"/usr/share/zoneinfo/Europe/Paris": b"TZif"}, env=env) == []
    assert codes("runtime-tzdata-missing", trailer=b"time/tzdata", env=env) == []


def test_dangling_link_of_final_stage(codes, images):
    (found,) = codes("runtime-dangling-symlink", {"/usr/bin/tool": "../lib/tool"})
    assert (found.severity, found.path) == (Severity.INFO, "/usr/bin/tool")
    assert codes("runtime-dangling-symlink", {"/usr/bin/tool": "../lib/tool"}, own=frozenset()) == []


@pytest.mark.parametrize(
    "files",
    [
        {"/etc/mtab": "/proc/mounts"},
        {"/etc/resolv.conf": "/run/systemd/resolv.conf"},
        {"/log": "/dev/stdout"},
        {"/a": "b", "/b": b""},
        {"/var/lock": "/run/lock"},
    ],
)
def test_links_with_target_at_run_time(codes, files):
    assert codes("runtime-dangling-symlink", files) == []


def test_link_to_itself(codes):
    assert len(codes("runtime-dangling-symlink", {"/loop": "loop"})) == 1
