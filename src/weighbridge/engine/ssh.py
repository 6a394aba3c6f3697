"""Connects to an engine on another machine over OpenSSH, as the docker command line does.

The docker SDK needs Paramiko, which ignores parts of the user's ``ssh`` configuration and agent. Here each connection
to a private Unix socket starts one ``ssh HOST docker system dial-stdio``. The connection is the input and output of
that process.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from weighbridge.errors import EngineError

_END_SECONDS = 10


_SOCKET_NAME = "docker.sock"
_MAXIMUM_SOCKET_PATH_BYTES = 103
"""Portable limit for the path of a Unix socket: ``sun_path`` has 104 bytes on macOS and 108 on Linux (unix(7))."""


def _socket_folder() -> Path:
    """A new private folder with a path that is short enough for a socket; below ``/tmp`` if ``TMPDIR`` is too long."""
    folder = Path(tempfile.mkdtemp(prefix="weighbridge-ssh-"))
    if len(os.fsencode(folder / _SOCKET_NAME)) <= _MAXIMUM_SOCKET_PATH_BYTES:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="weighbridge-ssh-", dir="/tmp"))


class SshTunnel:
    """A local Unix socket that forwards to the engine on `host`. Raises EngineError if `host` is not ``ssh://``."""

    def __init__(self, host: str, environment: Mapping[str, str]) -> None:
        self._command = _command(host, environment)
        self._environment = dict(environment)
        self._folder = _socket_folder()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(self._folder / _SOCKET_NAME))  # the folder is private to this user
        self._server.listen()
        threading.Thread(target=self._serve, name="ssh", daemon=True).start()

    @property
    def docker_host(self) -> str:
        """The address for the SDK."""
        return f"unix://{self._folder}/{_SOCKET_NAME}"

    def close(self) -> None:
        """End all connections."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                self._processes.append(
                    subprocess.Popen(
                        self._command,
                        env=self._environment,
                        stdin=connection.fileno(),
                        stdout=connection.fileno(),
                        start_new_session=True,  # Ctrl-C must not end ssh: the built images are removed through it
                    )
                )


def _command(host: str, environment: Mapping[str, str]) -> list[str]:
    parts = urlsplit(host)
    try:
        port = parts.port
    except ValueError as error:
        raise EngineError(f"DOCKER_HOST={host}: {error}") from error
    if parts.scheme != "ssh" or not parts.hostname or parts.password or parts.path.strip("/"):
        raise EngineError(f"DOCKER_HOST={host} is not an SSH address. Write ssh://USER@HOST:PORT")
    program = shutil.which("ssh", path=environment.get("PATH"))
    if program is None:
        raise EngineError(f"{host} needs OpenSSH's client. Install openssh-client.")
    user = ["-l", parts.username] if parts.username else []
    number = ["-p", str(port)] if port else []
    return [program, "-T", *user, *number, "--", parts.hostname, "docker", "system", "dial-stdio"]
