"""Checks of files that a running program needs: certificates, time zones, targets of symlinks."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.context import MAX_FINDINGS_PER_CODE, CheckContext, finding
from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.image.rootfs import LookupFailure, LookupReason, Node, Rootfs, provided_at_run_time

_MAX_PROGRAM_BYTES = 128 * 1024 * 1024
_CHUNK_BYTES = 4 * 1024 * 1024
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""The paths that Go, OpenSSL and rustls-native-certs search (Go's crypto/x509/root_linux.go)."""
_BUNDLE_DIRECTORIES = ("/etc/ssl/certs", "/etc/pki/tls/certs")
_GO_CLIENT = b"net/http.(*Client).do"
_GO_EMBEDDED_ROOTS = (b"golang.org/x/crypto/x509roots/fallback", b"github.com/breml/rootcerts", b"gwatts/rootcerts")
_RUST_NATIVE_ROOTS = (b"rustls-native-certs", b"openssl-probe", b"rustls_native_certs")
_GO_EMBEDDED_ZONES = b"time/tzdata"
_CLIENT_LIBRARIES = ("libcurl.so", "libcurl-gnutls.so")
_ZONE_NAME = re.compile(r"^:?[A-Z][A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+$")
_LINK_EXCEPTIONS = ("/etc/resolv.conf", "/etc/hosts", "/etc/mtab", "/etc/hostname")


def ca_missing(context: CheckContext) -> Iterator[Finding]:
    """``runtime-ca-missing``: a TLS client without certificates to trust."""
    if not context.start.programs:
        return
    rootfs, env = context.rootfs, context.config.env
    program = context.start.programs[-1]
    if certificate_bundle(rootfs) is not None:
        return
    reason = tls_client(rootfs, program.path, program.libraries)
    if reason is None:
        return
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        if env.get(name) and any(rootfs.exists(path) for path in env[name].split(":") if path):
            return
    yield finding(
        CheckCode.RUNTIME_CA_MISSING,
        Severity.WARNING,
        subject=Subject.ENTRYPOINT,
        path=program.path,
        predicts="x509: certificate signed by unknown authority" if reason.startswith("a Go") else None,
        evidence=(f"{program.path}: {reason}", "no CA bundle in the image, and SSL_CERT_FILE names none"),
        fix="COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/, or install ca-certificates.",
    )


def tzdata_missing(context: CheckContext) -> Iterator[Finding]:
    """``runtime-tzdata-missing``: Env names a time zone that the image does not have."""
    zone = context.config.env.get("TZ", "")
    if not _ZONE_NAME.match(zone):
        return
    name = zone.lstrip(":")
    roots = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"]
    if any(context.rootfs.exists(f"{root}/{name}") for root in roots) or context.config.env.get("ZONEINFO"):
        return
    programs = context.start.programs
    if programs and (
        posixpath.basename(programs[-1].path) == "java"
        or _contains(context.rootfs, programs[-1].path, (_GO_EMBEDDED_ZONES,))
    ):
        return
    yield finding(
        CheckCode.RUNTIME_TZDATA_MISSING,
        Severity.WARNING,
        subject=Subject.ENTRYPOINT,
        path=f"/usr/share/zoneinfo/{name}",
        predicts=f"unknown time zone {name}",
        evidence=(f"ENV TZ={zone}", f"/usr/share/zoneinfo/{name}: not in the image; most programs silently use UTC"),
        fix="Install tzdata in the final stage, or copy /usr/share/zoneinfo (Go: -tags timetzdata).",
    )


def dangling_symlinks(context: CheckContext) -> Iterator[Finding]:
    """``runtime-dangling-symlink``: a symlink of the final stage without a target."""
    reported = 0
    for node in context.rootfs.symlinks():
        if not context.is_own(node) or node.path in _LINK_EXCEPTIONS:
            continue
        target = context.rootfs.lookup(node.path)
        if not isinstance(target, LookupFailure) or target.at_run_time or provided_at_run_time(node.path):
            continue
        if target.reason is LookupReason.TOO_MANY_SYMLINKS:
            why = "leads to itself"
        elif f"{target.at}/".startswith(("/run/", "/var/run/", "/tmp/")):  # noqa: S108
            continue
        else:
            why = f"{target.at}: {'not in the image' if target.reason is LookupReason.NOT_FOUND else target.reason}"
        reported += 1
        if reported > MAX_FINDINGS_PER_CODE:
            return
        yield finding(
            CheckCode.RUNTIME_DANGLING_SYMLINK,
            Severity.INFO,
            path=node.path,
            evidence=(f"{node.path} is a symlink to {node.entry.link_target}", why),
            fix="Copy the target too, or remove the link.",
        )


def certificate_bundle(rootfs: Rootfs) -> str | None:
    """The certificates that programs trust: a file, or a folder of them; None if there are none."""
    for path in _BUNDLES:
        node = rootfs.lookup(path)
        if isinstance(node, Node) and node.is_file and node.size_bytes:
            return path
    for path in _BUNDLE_DIRECTORIES:
        directory = rootfs.lookup(path)
        if isinstance(directory, Node) and directory.is_directory:
            for child in rootfs.children(directory):
                # A link to a missing certificate does not count.
                target = rootfs.lookup(child.path)
                if isinstance(target, Node) and target.is_file and target.size_bytes:
                    return path
    return None


def tls_client(rootfs: Rootfs, path: str, libraries: tuple[str, ...]) -> str | None:
    """Why the program counts as a TLS client, or None."""
    for library in libraries:
        if posixpath.basename(library).startswith(_CLIENT_LIBRARIES):
            return f"uses {library}"
    marks = find_marks(rootfs, path, (_GO_CLIENT, *_GO_EMBEDDED_ROOTS, *_RUST_NATIVE_ROOTS))
    if _GO_CLIENT in marks and not marks & set(_GO_EMBEDDED_ROOTS):
        return "a Go program with an HTTP client (net/http.Client)"
    if marks & set(_RUST_NATIVE_ROOTS):
        return "a Rust program that uses the system's certificates"
    return None


def _contains(rootfs: Rootfs, path: str, marks: tuple[bytes, ...]) -> bool:
    return bool(find_marks(rootfs, path, marks))


def find_marks(rootfs: Rootfs, path: str, marks: tuple[bytes, ...]) -> frozenset[bytes]:
    """The `marks` in the first 128 MiB of a file; reads a file once per set of marks."""
    node = rootfs.lookup(path)
    if not isinstance(node, Node) or not node.is_file:
        return frozenset()
    key = ("marks", node.diff_id, node.stored_path, *(mark.hex() for mark in marks))
    known = rootfs.memo.get(key)
    if isinstance(known, frozenset):
        return known
    found: set[bytes] = set()
    overlap = max(map(len, marks))
    tail = b""
    for offset in range(0, min(node.size_bytes, _MAX_PROGRAM_BYTES), _CHUNK_BYTES):
        chunk = tail + rootfs.read_at(node, offset, _CHUNK_BYTES)
        found.update(mark for mark in marks if mark in chunk)
        tail = chunk[-overlap:]
    result = frozenset(found)
    rootfs.memo[key] = result
    return result


RULES = (ca_missing, tzdata_missing, dangling_symlinks)
"""The rules of this module, in the order in which `check` runs them."""
