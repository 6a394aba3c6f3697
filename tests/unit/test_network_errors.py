"""Failures of connections and answers are said in words, never as Python objects. Real sockets make most of them."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading

import docker
import docker.errors
import pytest
import requests
import urllib3.exceptions

from weighbridge.errors import EngineError
from weighbridge.network_errors import network_words


def answering(answer: bytes | None) -> int:
    """The port of a server that reads a request, sends `answer` and closes; with ``None`` it never answers."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with server:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                if answer is None:
                    connection.settimeout(5)
                    while connection.recv(1):
                        pass
                else:
                    connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return int(server.getsockname()[1])


def failure(url: str, **options: object) -> Exception:
    with pytest.raises(requests.RequestException) as caught:
        requests.get(url, timeout=options.pop("timeout", 5), **options)  # type: ignore[arg-type]
    return caught.value


def refusing() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"", "the connection was closed without an answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the answer is not valid HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nabc", "the answer broke off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "the answer broke off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "the answer broke off"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000 + b"\r\n\r\n", "the answer is not valid HTTP"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
            "the answer cannot be decompressed",
        ),
    ],
)
def test_broken_answer_is_said_in_words(answer, expected):
    assert network_words(failure(f"http://127.0.0.1:{answering(answer)}/")) == expected


def test_failed_connection_is_said_in_words():
    assert network_words(failure(f"http://127.0.0.1:{refusing()}/")) == "the connection was refused"
    assert network_words(failure(f"http://127.0.0.1:{answering(None)}/", timeout=0.2)) == "no answer in time"
    plain = f"https://127.0.0.1:{answering(b'HTTP/1.1 400 Bad Request')}/"
    assert network_words(failure(plain)) == "the server does not answer with TLS"
    # What the system reports of a server that closes depends on who was faster.
    closed = network_words(failure(f"https://127.0.0.1:{answering(b'')}/"))
    assert closed in ("the TLS connection was closed early", "the TLS connection failed", "the connection was reset")
    proxy = {"http": f"http://127.0.0.1:{refusing()}"}
    assert network_words(failure("http://x.invalid/", proxies=proxy)) == "the proxy: the connection was refused"


def test_unknown_host_is_said_in_words():
    words = network_words(failure("http://host.invalid/"))
    assert words in ("the host name is unknown", "the name service does not answer for the host name")


def test_failed_connection_to_engine_is_said_in_words():
    with pytest.raises(docker.errors.DockerException) as caught:
        docker.DockerClient(base_url=f"tcp://127.0.0.1:{refusing()}", version="auto")
    assert network_words(caught.value) == "the connection was refused"
    client = docker.DockerClient(base_url=f"tcp://127.0.0.1:{answering(b'')}", version="1.41")
    with contextlib.closing(client), pytest.raises(requests.RequestException) as closed:
        client.ping()
    assert network_words(closed.value) == "the connection was closed without an answer"


def untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


def response(status: int, reason: str) -> requests.Response:
    made = requests.Response()
    made.status_code, made.reason = status, reason
    return made


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            requests.exceptions.SSLError(urllib3.exceptions.MaxRetryError(None, "/", untrusted())),  # type: ignore[arg-type]
            "the TLS certificate is not valid: self-signed certificate",
        ),
        (ssl.SSLError(1, "bad record"), "the TLS connection failed"),
        (ConnectionResetError(104, "Connection reset by peer"), "the connection was reset"),
        (ssl.SSLSyscallError(5, "Some I/O error occurred"), "the TLS connection was closed early"),
        (OSError(107, "Transport endpoint is not connected"), "the connection was reset"),
        (BrokenPipeError(32, "Broken pipe"), "the connection broke off"),
        (OSError(28, "No space left on device", "/cache/x"), "/cache/x: No space left on device"),
        (OSError(113, "No route to host"), "No route to host"),
        (OSError("only a text."), "only a text"),
        (
            requests.ConnectionError(
                urllib3.exceptions.ProtocolError("Connection aborted.", FileNotFoundError(2, "No file"))
            ),
            "No file",
        ),
        (requests.TooManyRedirects("Exceeded 30 redirects."), "too many redirects"),
        (requests.exceptions.InvalidURL("x"), "the address is not valid"),
        (requests.ConnectionError(), "the connection failed"),
        (
            docker.errors.APIError("x", response(500, "Internal Server Error"), "no space\nleft"),
            "the engine answered 500: no space left",
        ),
        (docker.errors.APIError("x", response(503, "Busy")), "the engine answered 503: Busy"),
        (docker.errors.DockerException("the CA file\nis missing."), "the CA file is missing"),
        (EngineError("the engine stopped"), "the engine stopped"),
        (KeyError(), "KeyError"),
    ],
)
def test_exception_is_said_in_words(error, expected):
    assert network_words(error) == expected


def test_exceptions_in_ring_end():
    first, second = OSError(), OSError()
    first.__cause__, second.__cause__ = second, first
    assert network_words(first) == "OSError"


def test_words_have_no_python_objects():
    for kind in (requests.ConnectionError, urllib3.exceptions.ProtocolError):
        words = network_words(kind("('Connection aborted.', RemoteDisconnected('x'))", ConnectionResetError(104, "x")))
        assert not re.search(r"[(<{]|0x", words)
