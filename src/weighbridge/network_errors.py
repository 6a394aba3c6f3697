"""Says in plain words why a connection or an answer failed.

The libraries wrap one exception in another, up to five deep, and print them as Python objects. This module is the only
place that knows them: `requests`, `urllib3`, `http.client`, `ssl`, sockets and the SDK of docker.
"""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
from collections.abc import Callable, Iterator

import docker.errors
import requests
import urllib3.exceptions

from weighbridge.errors import WeighbridgeError

_MAXIMUM_DEPTH = 12
_MAXIMUM_CHARACTERS = 300
_NO_ANSWER = "no answer in time"
_NOT_HTTP = "the answer is not valid HTTP"
_BROKE_OFF = "the answer broke off"
_RESET = "the connection was reset"


def network_words(error: BaseException) -> str:
    """The cause of a failed connection or answer, as a short clause without full stop: ``the connection was refused``.

    `error` may be any exception: the text of one that no library of the network raised is kept, on one line.
    """
    if isinstance(error, WeighbridgeError):
        return str(error)
    chain = list(_chain(error))
    found = next((words for one in reversed(chain) if (words := _words(one))), "")
    if found and any(isinstance(one, urllib3.exceptions.ProxyError) for one in chain):
        found = f"the proxy: {found}"
    return found or " ".join(str(error).split())[:_MAXIMUM_CHARACTERS].rstrip(".") or type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """`error` and the exceptions inside of it, outermost first. Bounded: a chain may be a ring."""
    seen: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and len(seen) < _MAXIMUM_DEPTH and not any(one is other for other in seen):
        seen.append(one)
        yield one
        reason = getattr(one, "reason", None)
        inner = [reason, *one.args, one.__cause__, one.__context__]
        one = next((other for other in inner if isinstance(other, BaseException)), None)


def _words(error: BaseException) -> str:
    """The words for one exception; empty for one that says nothing about the cause."""
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words if isinstance(words, str) else words(error)
    return ""


def _tls_words(error: ssl.SSLError) -> str:
    reason = str(getattr(error, "reason", None) or "")  # an exception that Python code makes has none
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return "the server does not answer with TLS"
    said = reason.replace("_", " ").lower()
    return f"the TLS connection failed{': ' if said else ''}{said}"


def _name_words(error: socket.gaierror) -> str:
    if error.errno == socket.EAI_AGAIN:
        return "the name service does not answer for the host name"
    return "the host name is unknown"


def _system_words(error: OSError) -> str:
    if error.strerror is None:
        return ""
    if error.errno == errno.ENOTCONN:  # ssl asks for the peer of a connection that was reset just before
        return _RESET
    return f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror


def _engine_words(error: docker.errors.APIError) -> str:
    """The engine's own explanation, without the address of its API."""
    said = " ".join(str(error.explanation or getattr(error.response, "reason", None) or "").split())
    status = error.status_code
    return f"the engine answered {status}: {said}" if status and said else said or f"the engine answered {status}"


_WORDS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str | Callable[..., str]], ...] = (
    (ssl.SSLCertVerificationError, lambda error: f"the TLS certificate is not valid: {error.verify_message}"),
    ((ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError), "the TLS connection was closed early"),
    (ssl.SSLError, _tls_words),
    (socket.gaierror, _name_words),
    (http.client.RemoteDisconnected, "the connection was closed without an answer"),
    ((http.client.IncompleteRead, urllib3.exceptions.IncompleteRead), _BROKE_OFF),
    (http.client.HTTPException, _NOT_HTTP),
    (ConnectionRefusedError, "the connection was refused"),
    (ConnectionResetError, _RESET),
    ((BrokenPipeError, ConnectionAbortedError), "the connection broke off"),
    (urllib3.exceptions.NewConnectionError, "the connection cannot be made"),
    ((TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError), _NO_ANSWER),
    (docker.errors.APIError, _engine_words),
    ((requests.TooManyRedirects, urllib3.exceptions.ResponseError), "too many redirects"),
    (
        (
            requests.exceptions.InvalidURL,
            requests.exceptions.MissingSchema,
            requests.exceptions.InvalidSchema,
            urllib3.exceptions.LocationValueError,
        ),
        "the address is not valid",
    ),
    ((requests.exceptions.ContentDecodingError, urllib3.exceptions.DecodeError), "the answer cannot be decompressed"),
    ((requests.exceptions.ChunkedEncodingError, urllib3.exceptions.ProtocolError), _BROKE_OFF),
    (requests.exceptions.InvalidJSONError, "the answer is not JSON"),
    ((requests.exceptions.InvalidHeader, urllib3.exceptions.HeaderParsingError), _NOT_HTTP),
    ((requests.RequestException, urllib3.exceptions.HTTPError), "the connection failed"),
    (OSError, _system_words),
)
"""Exceptions and their words. The first row that fits an exception counts, and the innermost exception with words."""
