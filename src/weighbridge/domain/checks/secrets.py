"""Finds files that look like secrets. The name selects a file, its content decides. Never shows a value."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.context import MAX_FINDINGS_PER_CODE, CheckContext, finding
from weighbridge.domain.checks.finding import Finding, Severity
from weighbridge.domain.image.rootfs import Node
from weighbridge.errors import ImageError

_MAX_FILE_BYTES = 256 * 1024
MAX_FILES_READ = 500

_PLACES_OF_PACKAGES = re.compile(
    r"/(?:node_modules|site-packages|dist-packages|vendor|testdata|gems)/|^/usr/(?:share|lib)/"
)
"""Packages contain keys for their own tests, which are public."""

_PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_PUBLIC_VALUE = re.compile(
    r"\$|<.*>|x{3,}|\*+|\.{3,}|(?:your|my|the|some|change|replace|insert|example|dummy|test|fake|todo|none|null|secret|password"
    r"|token|true|false|placeholder)(?:[-_ ]?.{0,16})?$",
    re.IGNORECASE,
)
"""Placeholders for values to be filled in."""
_SETTING = re.compile(
    r"^[ \t]*(?:export[ \t]+)?"
    r"(\w{0,64}(?:SECRET|TOKEN|PASSWORD|PASSWD|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|CREDENTIALS?)\w{0,64})[ \t]*=[ \t]*"
    r"[\"']?([^\s\"'#]{6,})",
    re.IGNORECASE | re.MULTILINE,
)
_EXAMPLE = re.compile(r"(?:^|[._-])(?:example|sample|template|dist|default|test|tmpl)(?:[._-]|$)", re.IGNORECASE)

_Reader = Callable[[bytes], str | None]
"""Describes the secret in a file's content, without any value; ``None`` if there is none."""


def _reads_private_key(content: bytes) -> str | None:
    return "holds a private key" if _PRIVATE_KEY.search(content) else None


def _reads_settings(content: bytes) -> str | None:
    names = [
        name for name, value in _SETTING.findall(content.decode("utf-8", "replace")) if not _PUBLIC_VALUE.match(value)
    ]
    shown = ", ".join(dict.fromkeys(names[:5]))
    return f"sets {shown}" + (f" and {len(names) - 5} more" if len(names) > 5 else "") if names else None


def _reads(pattern: str, what: str) -> _Reader:
    compiled = re.compile(pattern.encode(), re.MULTILINE)

    def read(content: bytes) -> str | None:
        match = compiled.search(content)
        return what if match and not _PUBLIC_VALUE.match(match[1].decode("utf-8", "replace")) else None

    return read


_BY_NAME: Mapping[str, _Reader] = {
    ".npmrc": _reads(
        r"^[ \t]*\S*(?:_authToken|_auth|_password)\s*=\s*\"?([^\s\"]{6,})", "holds a token for a registry"
    ),
    ".yarnrc.yml": _reads(r"^[ \t]*npmAuth(?:Token|Ident):\s*\"?([^\s\"]{6,})", "holds a token for a registry"),
    ".pypirc": _reads(r"^[ \t]*password\s*[:=]\s*(\S{6,})", "holds a password for a package index"),
    ".netrc": _reads(r"\bpassword\s+(\S{4,})", "holds a password"),
    ".git-credentials": _reads(r"^https?://[^:/\s]+:([^@\s]{4,})@", "holds a password for git"),
    ".pgpass": _reads(r"^(?:[^:\n]*:){4}(\S+)", "holds a password for a database"),
    ".htpasswd": _reads(r"^[^:\n]+:(\S{8,})", "holds password hashes"),
}
_BY_PATH: Mapping[str, _Reader] = {
    "/.aws/credentials": _reads(r"^[ \t]*aws_secret_access_key\s*=\s*(\S{16,})", "holds an access key"),
    "/.docker/config.json": _reads(r"\"(?:auth|identitytoken)\"\s*:\s*\"([^\"]{8,})\"", "holds a login for a registry"),
    "/.kube/config": _reads(r"^[ \t]*(?:client-key-data|token|password):\s*(\S{8,})", "holds a login for a cluster"),
    "/.git/config": _reads(r"^[ \t]*url\s*=\s*https?://[^:/\s]+:([^@\s]{4,})@", "holds a password for git"),
    "/.cargo/credentials.toml": _reads(r"^[ \t]*token\s*=\s*\"([^\"]{8,})", "holds a token for a registry"),
    "/.config/gcloud/application_default_credentials.json": _reads(
        r"\"(?:refresh_token|private_key)\"\s*:\s*\"([^\"]{8,})", "holds a login"
    ),
}
_NAMES = frozenset(_BY_NAME) | {path.rpartition("/")[2] for path in _BY_PATH}
_KEY_BEGINNINGS = ("id_", "ssh_host_")
_KEY_ENDINGS = (".pem", ".key", ".p8", ".ppk")
_TEXTS_OF_NAMES = (
    ".env",
    *(f"/{beginning}" for beginning in _KEY_BEGINNINGS),
    *(f"{ending}/" for ending in _KEY_ENDINGS),
)
"""Each name for which `_may_be_secret` is true is one of `_NAMES` or has one of these; a slash is its begin or end."""
_KEY_NAME = re.compile(r"id_(?:rsa|dsa|ecdsa|ed25519)(?:_\w+)?|ssh_host_\w+_key|.*\.(?:pem|key|p8|ppk)")
_SETTINGS_NAME = re.compile(r"\.env(?:\.[\w.-]+)?|[\w.-]+\.env")


def secret_in_image(context: CheckContext) -> Iterator[Finding]:
    """``secret-in-image``: a private key, a login or settings with values, in one of the Dockerfile's layers."""
    found = read = 0
    for node in context.files_named(_may_be_secret, _TEXTS_OF_NAMES, names=_NAMES):
        reader = _reader_for(node.path) if context.is_own(node) else None
        if reader is None or not 0 < node.size_bytes <= _MAX_FILE_BYTES:
            continue
        read += 1
        if found >= MAX_FINDINGS_PER_CODE or read > MAX_FILES_READ:
            return
        reveals = _revealed(context, node, reader)
        if reveals is not None:
            found += 1
            yield finding(
                CheckCode.SECRET_IN_IMAGE,
                Severity.WARNING,
                path=node.path,
                evidence=(f"{node.path} {reveals}",),
                fix=(
                    "Anyone who can pull the image can read it, even if a later layer removes it. Exclude it from the"
                    " build context (.dockerignore), pass it to a RUN with --mount=type=secret, and pass it to the"
                    " container at its start. Replace every secret that was published."
                ),
            )


def _may_be_secret(name: str) -> bool:
    """False for most names, at the cost of a few look-ups: `_reader_for` decides on the others."""
    return name in _NAMES or ".env" in name or name.endswith(_KEY_ENDINGS) or name.startswith(_KEY_BEGINNINGS)


def _reader_for(path: str) -> _Reader | None:
    name = posixpath.basename(path)
    reader = _BY_NAME.get(name)
    if reader is None and _SETTINGS_NAME.fullmatch(name) and not _EXAMPLE.search(name):
        reader = _reads_settings
    if reader is None and _KEY_NAME.fullmatch(name):
        reader = _reads_private_key
    if reader is None:
        reader = next((one for ending, one in _BY_PATH.items() if path.endswith(ending)), None)
    return None if reader is None or _PLACES_OF_PACKAGES.search(path) else reader


def _revealed(context: CheckContext, node: Node, reader: _Reader) -> str | None:
    try:
        return reader(context.rootfs.read(node, limit_bytes=_MAX_FILE_BYTES))
    except ImageError:
        return None


RULES = (secret_in_image,)
"""The rules of this module, in the order in which `check` runs them."""
