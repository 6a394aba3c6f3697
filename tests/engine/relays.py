"""Ways to an engine other than its socket: TCP in front of its BuildKit, TLS in front of all of it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

_GRPC = b"POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n"


@contextlib.contextmanager
def buildkit_on_tcp(
    engine_socket: str, context: ssl.SSLContext | None = None, *, stalled: threading.Event | None = None
) -> Iterator[str]:
    """The address of a ``buildkitd`` as buildx's remote driver wants it: the BuildKit within the engine.

    The engine uses BuildKit's own protocol on a connection that was upgraded, which is how buildx's docker driver
    reaches it; this does the upgrade and passes the bytes on. With `context` it is behind TLS. While `stalled` is set,
    no byte passes and no connection ends.
    """

    def upgraded() -> socket.socket:
        connection = _unix(engine_socket)
        connection.sendall(_GRPC)
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            piece = connection.recv(1)
            if not piece:
                raise ConnectionError(answer)
            answer += piece
        return connection

    with _listening(upgraded, context, stalled or threading.Event()) as port:
        yield f"tcp://127.0.0.1:{port}"


@contextlib.contextmanager
def engine_on_tls(engine_socket: str, context: ssl.SSLContext) -> Iterator[str]:
    """The address of the engine behind TLS."""
    with _listening(lambda: _unix(engine_socket), context, threading.Event()) as port:
        yield f"tcp://127.0.0.1:{port}"


def _unix(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    return connection


@contextlib.contextmanager
def _listening(connect, context: ssl.SSLContext | None, stalled: threading.Event) -> Iterator[int]:  # type: ignore[no-untyped-def]
    server = socket.create_server(("127.0.0.1", 0))
    closing = threading.Event()

    def serve() -> None:
        while not closing.is_set():
            try:
                client, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=_relay, args=(client, connect, context, stalled), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        closing.set()
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(timeout=10)


def _relay(client: socket.socket, connect, context: ssl.SSLContext | None, stalled: threading.Event) -> None:  # type: ignore[no-untyped-def]
    try:
        near = context.wrap_socket(client, server_side=True) if context else client
    except OSError:
        client.close()
        return
    with near, connect() as far:
        back = threading.Thread(target=_pump, args=(far, near, stalled), daemon=True)
        back.start()
        _pump(near, far, stalled)
        back.join()


def _pump(source: socket.socket, target: socket.socket, stalled: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(1 << 16):
            while stalled.is_set():
                time.sleep(0.05)
            target.sendall(piece)
    with contextlib.suppress(OSError):
        if isinstance(target, ssl.SSLSocket):
            target.unwrap()
        else:
            target.shutdown(socket.SHUT_WR)


def certificates(folder: Path) -> None:
    """A certificate authority, and for each side of TLS a key and a certificate, under the names docker looks for."""
    import subprocess

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    openssl("req", "-x509", *new, "-subj", "/CN=ca", "-keyout", "ca-key.pem", "-out", "ca.pem")
    sign = ("-CA", "ca.pem", "-CAkey", "ca-key.pem")
    server = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    openssl("req", "-x509", *new, *sign, *server, "-keyout", "server-key.pem", "-out", "server.pem")
    openssl("req", "-x509", *new, *sign, "-subj", "/CN=client", "-keyout", "key.pem", "-out", "cert.pem")


def server_context(folder: Path) -> ssl.SSLContext:
    """TLS that only lets clients in whose certificate comes from `folder`'s authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server-key.pem")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context
