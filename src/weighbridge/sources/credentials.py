"""Credentials for registries, from docker's own config file and its credential helpers.

Rules: docker CLI reference, "docker login", "Credential stores", "Credential helpers". Precedence for a host:
``credHelpers``, ``credsStore``, ``auths``.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import re
import signal
import threading
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from weighbridge.errors import RegistryError

HELPER_TIMEOUT_SECONDS = 30
HELPER_ANSWER_BYTES = 65_536
_HUB_KEY = "https://index.docker.io/v1/"
_HUB_HOSTS = ("registry-1.docker.io", "docker.io", "index.docker.io")
_HELPER_NAME = re.compile(r"[A-Za-z0-9._-]+\Z")
_IDENTITY_TOKEN_USER = "<token>"  # noqa: S105 - the user name that helpers return along with an identity token


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistryCredentials:
    """A user and a password, or an identity token. The secrets stay out of the representation."""

    user: str
    password: str = field(repr=False)
    identity_token: str | None = field(default=None, repr=False)

    def basic_header(self) -> str:
        """The value of an ``Authorization`` header."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


class _Auth(msgspec.Struct, rename="lower"):
    auth: str = ""
    username: str = ""
    password: str = ""
    identitytoken: str = ""


class _DockerConfig(msgspec.Struct):
    auths: dict[str, _Auth] = {}
    creds_store: str = msgspec.field(default="", name="credsStore")
    cred_helpers: dict[str, str] = msgspec.field(default_factory=dict, name="credHelpers")


class _HelperAnswer(msgspec.Struct):
    username: str = msgspec.field(default="", name="Username")
    secret: str = msgspec.field(default="", name="Secret")


def docker_credentials(host: str, *, config_folder: Path | None = None) -> RegistryCredentials | None:
    """The credentials for the registry `host`, ``None`` if there are none.

    `config_folder` defaults to ``$DOCKER_CONFIG`` or ``~/.docker``. Raises `RegistryError` if the config file is not
    valid or a helper fails.
    """
    folder = config_folder or Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    path = folder / "config.json"
    try:
        config = msgspec.json.decode(path.read_bytes(), type=_DockerConfig)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise RegistryError(f"{path}: docker's config cannot be read: {error}") from error
    keys = _keys(host)
    helper = next((config.cred_helpers[key] for key in keys if key in config.cred_helpers), config.creds_store)
    if helper:
        for key in keys[:1] if helper == config.creds_store else keys:
            credentials = _from_helper(helper, key)
            if credentials is not None:
                return credentials
    for key in keys:
        if key in config.auths:
            return _from_auth(config.auths[key], path, key)
    return None


def _keys(host: str) -> tuple[str, ...]:
    """The names under which docker keeps a registry's credentials."""
    if host in _HUB_HOSTS:
        return (_HUB_KEY, *_HUB_HOSTS)
    return (host, f"https://{host}", f"http://{host}", f"https://{host}/v1/", f"https://{host}/v2/")


def _from_auth(auth: _Auth, path: Path, key: str) -> RegistryCredentials | None:
    user, password = auth.username, auth.password
    if auth.auth:
        try:
            user, _, password = base64.b64decode(auth.auth, validate=True).decode().rstrip("\0").partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise RegistryError(f"{path}: the entry for {key} is not valid base64") from error
    if not user and not auth.identitytoken:
        return None
    return RegistryCredentials(user=user, password=password, identity_token=auth.identitytoken or None)


def _from_helper(helper: str, key: str) -> RegistryCredentials | None:
    if not _HELPER_NAME.match(helper):
        raise RegistryError(f"{helper!r} is not the name of a credential helper")
    command = f"docker-credential-{helper}"
    try:
        code, printed = _ask_helper(command, key)
    except FileNotFoundError as error:
        raise RegistryError(f"docker's config names the credential helper {command}, which is not on PATH") from error
    if code is None:
        raise RegistryError(f"{command} did not answer within {HELPER_TIMEOUT_SECONDS} s")
    if len(printed) > HELPER_ANSWER_BYTES:
        raise RegistryError(f"{command} answered more than {HELPER_ANSWER_BYTES} bytes")
    if code != 0:
        if b"credentials not found" in printed:
            return None
        raise RegistryError(f"{command} failed for {key} with exit status {code}")
    try:
        answer = msgspec.json.decode(printed, type=_HelperAnswer)
    except msgspec.MsgspecError as error:
        raise RegistryError(f"{command} gave an invalid answer") from error
    if answer.username == _IDENTITY_TOKEN_USER:
        return RegistryCredentials(user="", password="", identity_token=answer.secret)
    return RegistryCredentials(user=answer.username, password=answer.secret)


def _ask_helper(command: str, key: str) -> tuple[int | None, bytes]:
    """The exit code and the output of a helper, up to one byte more than is allowed; no exit code after the timeout."""
    import subprocess  # noqa: PLC0415 - most images need no credentials

    process = subprocess.Popen(
        [command, "get"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(HELPER_TIMEOUT_SECONDS, end)
    timer.start()
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
                stdin.write(key.encode())
            printed = process.stdout.read(HELPER_ANSWER_BYTES + 1)
            if len(printed) > HELPER_ANSWER_BYTES:
                process.kill()
            code = process.wait()
        finally:
            timer.cancel()
    return None if is_late.is_set() else code, printed
