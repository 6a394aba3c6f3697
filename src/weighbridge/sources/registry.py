"""A registry client for reading, with `requests`. Source: OCI distribution spec.

Authentication: the token protocol of the distribution project ("Token Authentication Specification") and HTTP basic,
with the credentials of docker's config file and its helpers. They are sent only to their own registry and to the token
server that it names: `requests` drops them when a blob's request is redirected.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests

from weighbridge.domain.image.attached import NOTHING_ATTACHED
from weighbridge.errors import ImageError, RegistryError
from weighbridge.network_errors import network_words
from weighbridge.sources.attachments import read_attached
from weighbridge.sources.credentials import RegistryCredentials
from weighbridge.sources.deadline import Watch, watched_session
from weighbridge.sources.image_choice import ChosenImage, ImageChoice
from weighbridge.sources.layout import StoredImage, stored_image
from weighbridge.sources.manifest import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    MAX_DOCUMENT_BYTES,
    Descriptor,
    Index,
    checked_digest,
    decode,
    digest_of,
    media_type_of,
)
from weighbridge.sources.platforms import Platform
from weighbridge.sources.reference import RegistryName
from weighbridge.sources.tar import CHUNK_BYTES, Piece

CONNECT_TIMEOUT_SECONDS = 10
STALL_TIMEOUT_SECONDS = 30
MAX_RETRY_AFTER_SECONDS = 30
"""The maximum ``Retry-After`` to wait. A longer one is an error."""
MAX_REFERRERS_SECONDS = 5
"""For all requests that look for referrers together: no result depends on them."""
MAX_ATTACHED_SECONDS = 30
"""For all attached documents together, and the search for them."""
SLOWEST_BYTES_A_SECOND = 1000
"""Minimum speed of a blob after the stall timeout. A slower download is aborted: a slow drip never stalls."""
MAX_TOKEN_BYTES = 1 << 16

_REFERRERS = "application/vnd.oci.image.index.v1+json"
_ACCEPT = ", ".join(sorted(MANIFEST_TYPES) + sorted(INDEX_TYPES))
MAX_CHALLENGE_CHARACTERS = 8192
"""Maximum length of ``WWW-Authenticate`` that is read."""
_CHALLENGE = re.compile(r'([a-z_]{1,32})="([^"]*)"', re.IGNORECASE)
_RETRIED = frozenset({429, 500, 502, 503, 504})


class Registry:
    """One repository of a registry. Every failure of communication is a `RegistryError`, within a time limit."""

    def __init__(
        self,
        name: RegistryName,
        *,
        credentials: Callable[[str], RegistryCredentials | None],
        timeout_seconds: float = STALL_TIMEOUT_SECONDS,
        retry_after_seconds: tuple[float, ...] = (1, 4),
    ) -> None:
        """`retry_after_seconds` are the delays before each retry when the registry is overloaded or failing."""
        self._name = name
        self._credentials = credentials
        self._timeout = (min(CONNECT_TIMEOUT_SECONDS, timeout_seconds), timeout_seconds)
        self._ends: float | None = None
        """When several requests must have ended together; ``None`` without such a limit."""
        self._waits = retry_after_seconds
        self._session, self._connections = watched_session()
        self._session.auth = _no_netrc
        self._authorization: str | None = None
        self._manifests: dict[str, bytes] = {}
        scheme = "http" if is_loopback(name.host) else "https"
        self._base = f"{scheme}://{name.host}/v2/{name.repository}"

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    @property
    def what(self) -> str:
        """The name of the image in messages."""
        separator = "@" if self._name.version.startswith("sha256:") else ":"
        return f"registry:{self._name.host}/{self._name.repository}{separator}{self._name.version}"

    def digest(self) -> str:
        """The digest of the manifest or index that the name resolves to. One request that fetches neither."""
        with self._errors(), self._get(f"/manifests/{self._name.version}", accept=_ACCEPT, method="HEAD") as response:
            return checked_digest(response.headers.get("Docker-Content-Digest", ""))

    def image(self, platform: Platform | None, *, with_attached: bool = False) -> StoredImage:
        """The image's manifest and config, with the layers named by digest. Two or three small requests.

        `with_attached` also reads provenance and SBOMs: one to four more requests, and one for each document.
        """
        content = self._document(f"/manifests/{self._name.version}", accept=_ACCEPT)
        digest = digest_of(content)
        if self._name.version.startswith("sha256:") and digest != self._name.version:
            raise self._damaged("manifest", self._name.version)
        self._manifests[digest] = content
        descriptor = Descriptor(digest=digest, size=len(content), media_type=media_type_of(content, self.what))
        chosen = ImageChoice(self, platform).choose([descriptor])
        config = self.config_document(chosen.manifest.config)
        attached = NOTHING_ATTACHED
        if with_attached:
            with self._within(MAX_ATTACHED_SECONDS):
                attached = read_attached(self, chosen, self._referrers(chosen))
        return stored_image(
            chosen, config, what=self.what, platform=platform, attached=attached, has_blob=self._has_blob
        )

    def _has_blob(self, digest: str) -> bool:
        """True if the registry stores the blob `digest`. One request that fetches nothing."""
        try:
            with self._errors(), self._get(f"/blobs/{checked_digest(digest)}", accept="*/*", method="HEAD", waits=()):
                return True
        except RegistryError:
            return False

    def _referrers(self, chosen: ChosenImage) -> Sequence[Descriptor]:
        """The manifests that refer to the image, else to its index: by the referrers API, else by the fallback tag.

        A registry that has neither, or does not answer in time, has no referrers.
        """
        with self._within(MAX_REFERRERS_SECONDS):
            for digest in dict.fromkeys((chosen.descriptor.digest, chosen.root)):
                for path in (f"/referrers/{digest}", f"/manifests/{digest.replace(':', '-')}"):
                    with contextlib.suppress(ImageError, RegistryError):
                        content = self._document(path, accept=_REFERRERS, waits=())
                        manifests = decode(content, Index, f"{self.what}: {path}").manifests
                        if manifests:
                            return manifests
        return ()

    @contextlib.contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        """All requests within must end in `seconds` together; then each raises RegistryError."""
        earlier, ends = self._ends, time.monotonic() + seconds
        self._ends = ends if earlier is None else min(earlier, ends)
        try:
            yield
        finally:
            self._ends = earlier

    def _seconds_left(self) -> float:
        """The time for an answer, or for the next piece of it. Raises RegistryError if none is left."""
        if self._ends is None:
            return self._timeout[1]
        left = self._ends - time.monotonic()
        if left <= 0:
            raise self._too_late()
        return min(left, self._timeout[1])

    def attached_document(self, descriptor: Descriptor, *, limit_bytes: int) -> bytes:
        """The attached document `descriptor`; raises `ImageError` where it is too large or damaged."""
        digest = checked_digest(descriptor.digest)
        try:
            content = self._document(f"/blobs/{digest}", accept="*/*", limit_bytes=limit_bytes, waits=())
        except RegistryError as error:
            raise ImageError(str(error)) from error
        if digest_of(content) != digest:
            raise self._damaged("attached document", digest)
        return content

    def manifest_document(self, descriptor: Descriptor) -> bytes:
        """The manifest or index `descriptor`; raises `ImageError` if its content has another digest."""
        digest = checked_digest(descriptor.digest)
        content = self._manifests.get(digest)
        if content is None:
            content = self._document(f"/manifests/{digest}", accept=_ACCEPT)
            if digest_of(content) != digest:
                raise self._damaged("manifest", digest)
            self._manifests[digest] = content
        return content

    def blob(self, digest: str) -> Generator[Piece]:
        """The blob `digest` in chunks, as stored."""
        with self._errors(), self._get(f"/blobs/{checked_digest(digest)}", accept="*/*") as response:
            yield from self._body(response)

    def config_document(self, descriptor: Descriptor) -> bytes:
        """The config `descriptor`; raises `ImageError` if its content has another digest."""
        content = self._document(f"/blobs/{checked_digest(descriptor.digest)}", accept="*/*")
        if digest_of(content) != descriptor.digest:
            raise self._damaged("blob", descriptor.digest)
        return content

    def _damaged(self, kind: str, digest: str) -> ImageError:
        return ImageError(f"{self.what}: the {kind} {digest} has another digest; it was damaged or replaced")

    def _document(
        self,
        path: str,
        *,
        accept: str,
        limit_bytes: int = MAX_DOCUMENT_BYTES,
        waits: tuple[float, ...] | None = None,
    ) -> bytes:
        content = bytearray()
        with self._errors(), self._get(path, accept=accept, waits=waits) as response:
            for piece in self._body(response, decode_content=True):
                content += piece
                if len(content) > limit_bytes:
                    raise ImageError(f"{self.what}: {path} exceeds the limit of {limit_bytes} bytes")
        return bytes(content)

    def _body(self, response: requests.Response, *, decode_content: bool = False) -> Iterator[bytes]:
        """The body in pieces as they arrive. Raises `RegistryError` if they arrive too slowly."""
        started = time.monotonic()
        read_bytes = 0
        with self._watched() as watch:
            # Not read(): it returns only with all requested bytes, however slowly they arrive.
            while piece := response.raw.read1(CHUNK_BYTES, decode_content=decode_content):
                read_bytes += len(piece)
                seconds = time.monotonic() - started
                if seconds > self._timeout[1] and read_bytes < seconds * SLOWEST_BYTES_A_SECOND:
                    raise RegistryError(
                        f"{self.what}: the registry sent {read_bytes} bytes in {seconds:.0f} s; given up"
                    )
                self._seconds_left()
                with watch.paused():
                    yield piece

    @contextlib.contextmanager
    def _watched(self) -> Iterator[Watch]:
        """Cuts the connections if an answer or a piece of it takes too long; then raises RegistryError."""
        with Watch(self._connections, self._seconds_left()) as watch:
            try:
                yield watch
            except RegistryError:
                raise
            except Exception as error:
                if watch.expired:
                    raise self._too_late() from error
                raise
            if watch.expired:
                raise self._too_late()

    def _too_late(self) -> RegistryError:
        return RegistryError(f"{self.what}: the registry did not answer within {self._timeout[1]:g} s")

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except requests.Timeout as error:
            raise self._too_late() from error
        except (requests.RequestException, OSError) as error:
            raise RegistryError(
                f"{self.what}: the registry cannot be reached: {network_words(error)}."
                " Check the name of the registry and the network."
            ) from error
        except Exception as error:
            # A body that is read directly raises urllib3's own errors.
            if type(error).__module__.partition(".")[0] in ("urllib3", "http"):
                raise RegistryError(f"{self.what}: reading from the registry failed: {network_words(error)}") from error
            raise

    def _get(
        self, path: str, *, accept: str, method: str = "GET", waits: tuple[float, ...] | None = None
    ) -> requests.Response:
        """The answer to a request, its body not yet read; raises `RegistryError` for any status but 200.

        `waits` replaces the waits between attempts.
        """
        left = iter(self._waits if waits is None else waits)
        asked_for_credentials = False
        while True:
            headers = {"Accept": accept}
            if self._authorization is not None:
                headers["Authorization"] = self._authorization
            with self._watched():
                response = self._session.request(
                    method,
                    f"{self._base}{path}",
                    headers=headers,
                    stream=True,
                    timeout=self._timeout,
                    allow_redirects=True,
                )
            if response.status_code == 200:
                return response
            response.close()
            if response.status_code == 401 and not asked_for_credentials:
                asked_for_credentials = True
                self._authorize(response.headers.get("WWW-Authenticate", "")[:MAX_CHALLENGE_CHARACTERS])
                continue
            wait = next(left, None) if response.status_code in _RETRIED else None
            asked = _retry_after_seconds(response.headers.get("Retry-After"))
            if wait is None or (asked is not None and asked > MAX_RETRY_AFTER_SECONDS):
                raise self._refusal(response, path, asked)
            time.sleep(wait if asked is None else asked)

    def _refusal(self, response: requests.Response, path: str, retry_after_seconds: float | None) -> RegistryError:
        status = response.status_code
        if status in (401, 403):
            advice = f"the registry asks for credentials. Log in with: docker login {self._name.host}"
        elif status == 404:
            advice = "no such image" if path.startswith("/manifests/") else "a blob of the image is missing"
        elif status == 429:
            advice = "the registry reports too many requests. Log in, or try later"
        else:
            advice = "the registry has an internal error. Try later"
        when = "" if not retry_after_seconds else f", which asks to wait {retry_after_seconds:.0f} s"
        return RegistryError(f"{self.what}: {advice} (HTTP {status} for {path}{when})")

    def _authorize(self, challenge: str) -> None:
        scheme, _, rest = challenge.partition(" ")
        credentials = self._credentials(self._name.host)
        if scheme.lower() == "basic":
            if credentials is None:
                raise RegistryError(
                    f"{self.what}: the registry asks for credentials. Log in with: docker login {self._name.host}"
                )
            self._authorization = credentials.basic_header()
            return
        parameters = {key.lower(): value for key, value in _CHALLENGE.findall(rest)}
        realm = parameters.get("realm", "")
        if scheme.lower() != "bearer" or not self._is_acceptable_realm(realm):
            raise RegistryError(
                f"{self.what}: the registry asks for an unknown kind of authentication: {challenge[:200]!r}"
            )
        with self._watched():
            self._authorization = f"Bearer {self._token(realm, parameters, credentials)}"

    def _is_acceptable_realm(self, realm: str) -> bool:
        parts = urlsplit(realm)
        # The credentials are sent to this realm: in clear text only if the registry itself is on this machine.
        return parts.scheme == "https" or (parts.scheme == "http" and self._base.startswith("http:"))

    def _token(self, realm: str, parameters: dict[str, str], credentials: RegistryCredentials | None) -> str:
        scope = parameters.get("scope") or f"repository:{self._name.repository}:pull"
        service = {"service": parameters["service"]} if "service" in parameters else {}
        if credentials is not None and credentials.identity_token is not None:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": credentials.identity_token,
                "client_id": "weighbridge",
                "scope": scope,
                **service,
            }
            response = self._session.post(realm, data=form, stream=True, timeout=self._timeout)
        else:
            headers = {} if credentials is None else {"Authorization": credentials.basic_header()}
            query = {"scope": scope, **service}
            response = self._session.get(realm, params=query, headers=headers, stream=True, timeout=self._timeout)
        with response:
            if response.status_code != 200:
                raise RegistryError(
                    f"{self.what}: the token server {urlsplit(realm).netloc} refused (HTTP {response.status_code}). "
                    f"Log in with: docker login {self._name.host}"
                )
            content = bytes(response.raw.read(MAX_TOKEN_BYTES, decode_content=True))
        document = decode(content, dict[str, object], f"{self.what}: the token server's answer")
        token = document.get("token") or document.get("access_token")
        if not isinstance(token, str) or not token.isprintable():
            raise RegistryError(f"{self.what}: the token server {urlsplit(realm).netloc} gave no token")
        return token


def _retry_after_seconds(value: str | None) -> float | None:
    """The delay that ``Retry-After`` (RFC 9110, 10.2.3) requests, as seconds or a date; ``None`` if it is neither."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps `requests` from replacing the header with an entry of ``.netrc``."""
    return request


def is_loopback(host: str) -> bool:
    """True for a registry on this machine, which engines contact without TLS."""
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(name).is_loopback
    return False
