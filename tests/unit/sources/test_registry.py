"""A registry that misbehaves: every answer but the right one is an error that says what to do, and none takes for ever.

The contract itself is tested against a real docker-registry in tests/engine.
"""

import base64
import contextlib
import email.utils
import gzip
import json
import shutil
import stat
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from linear_time import assert_linear

from weighbridge.cli.main import run
from weighbridge.errors import EngineError, ExitCode, ImageError, RegistryError
from weighbridge.sources import registry as registry_module
from weighbridge.sources.credentials import RegistryCredentials, docker_credentials
from weighbridge.sources.onbuild import onbuild_instructions
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.reference import split_registry_name
from weighbridge.sources.registry import Registry, is_loopback
from weighbridge.sources.transports import parse_image_reference


class FakeRegistry:
    """Serves one image; `answers` by path win over it: a status, a status with headers, or a function."""

    def __init__(self, image):
        self.blobs, manifest = image.blobs(compress=gzip.compress)
        self.manifest = self.blobs[manifest["digest"]]
        self.manifest_type = manifest["mediaType"]
        self.answers = {}
        self.requests = []
        self.opened = []
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                registry.requests.append((self.path, self.headers.get("Authorization")))
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    registry.answer(self)

            def do_POST(self):
                self.body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self.do_GET()

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.closing = threading.Event()
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, handler):
        path = urlsplit(handler.path).path
        for part, answer in self.answers.items():
            if part in path:
                given = answer(handler) if callable(answer) else answer
                if given is not None:
                    status, headers, body = (given, {}, b"") if isinstance(given, int) else given
                    return send(handler, status, headers, body)
                return None
        if path == "/v2/app/manifests/1":
            return send(handler, 200, {"Content-Type": self.manifest_type}, self.manifest)
        digest = path.rpartition("/")[2]
        if digest in self.blobs:
            return send(handler, 200, {}, self.blobs[digest])
        return send(handler, 404, {}, b"")

    def read(self, reader):
        reference = parse_image_reference(f"registry:{self.host}/app:1")
        return reader.read([reference])[reference]

    def registry(self, *, credentials=None, **how):
        how = {"timeout_seconds": 20, "retry_after_seconds": (0.01, 0.01), **how}
        registry = Registry(split_registry_name(f"{self.host}/app:1"), credentials=lambda host: credentials, **how)
        self.opened.append(registry)
        return registry

    def close(self):
        self.server.closing.set()
        for registry in self.opened:
            registry.close()
        self.server.shutdown()
        self.server.server_close()


def send(handler, status, headers, body):
    handler.send_response(status)
    for key, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(key, value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def server(small_image):
    registry = FakeRegistry(small_image)
    yield registry
    registry.close()


def test_image_is_read_and_its_blobs_are_fetched_once(server, reader):
    image = server.read(reader)
    assert image.unpacked_bytes == 3130
    paths = [path for path, _ in server.requests]
    assert len(paths) == len(set(paths)) == 1 + 1 + 2 + 2, (
        "manifest, config, layers, and both ways to ask for referrers"
    )


@pytest.mark.parametrize("way", ["/referrers/sha256:", "/manifests/sha256-"])
def test_sbom_referring_to_image_is_read(server, reader, digest, way):
    manifest_type = "application/vnd.oci.image.manifest.v1+json"
    sbom = json.dumps({"bomFormat": "CycloneDX", "components": [{"purl": "pkg:deb/debian/libz@1"}]}).encode()
    subject = {"mediaType": manifest_type, "digest": digest(server.manifest), "size": len(server.manifest)}
    layer = {"mediaType": "application/vnd.cyclonedx+json", "digest": digest(sbom), "size": len(sbom)}
    referrer = json.dumps({"config": layer, "layers": [layer], "subject": subject}).encode()
    listed = {"mediaType": manifest_type, "digest": digest(referrer), "size": len(referrer)}
    server.blobs |= {digest(sbom): sbom, digest(referrer): referrer}
    server.answers[way] = (
        200,
        {},
        json.dumps({"manifests": [{**listed, "artifactType": layer["mediaType"]}]}).encode(),
    )
    assert [one.name for one in server.read(reader).attached.packages] == ["libz"]


@pytest.mark.parametrize("answer", [500, 401, (200, {}, b"<html>"), (200, {}, b'{"manifests": 1}')])
def test_registry_without_referrers_is_read(server, reader, answer):
    server.answers["/referrers/"] = answer
    assert server.read(reader).attached.packages is None


def no_engine():
    raise EngineError("no engine answers")


def test_onbuild_of_image_missing_in_engine_is_read_from_registry(server):
    assert onbuild_instructions(f"{server.host}/app:1", no_engine) == ("COPY . /app",)
    assert len(server.requests) == 2, "manifest and config"


@pytest.mark.parametrize("answer", [404, 401, (200, {}, b"not a manifest")])
def test_onbuild_of_an_image_that_cannot_be_read_is_unknown(server, answer):
    server.answers["/manifests/"] = answer
    assert onbuild_instructions(f"{server.host}/app:1", no_engine) is None
    assert onbuild_instructions("not a name", no_engine) is None


def test_progress_calls_image_of_registry_by_its_title(server, cache):
    named = []
    reference = parse_image_reference(f"registry:{server.host}/app:1")
    with LayerReader(cache=cache, progress=lambda reading: named.append(reading.what)) as reader:
        reader.read([reference], titles={reference: "shop head"})
    assert list(dict.fromkeys(named)) == ["shop head, layer 1 of 2", "shop head, layer 2 of 2"]


@pytest.mark.parametrize(
    ("status", "message", "tries"),
    [
        (401, "docker login 127", 1),
        (403, "docker login 127", 1),
        (404, "no such image", 1),
        (429, "too many requests", 3),
        (500, "internal error", 3),
        (503, "internal error", 3),
    ],
)
def test_refusal_names_remedy(server, status, message, tries):
    challenge = {"WWW-Authenticate": 'Basic realm="x"'} if status == 401 else {}
    server.answers["/manifests/"] = (status, challenge, b"")
    with pytest.raises(RegistryError, match=message) as caught:
        server.registry().image(None)
    assert server.host in str(caught.value)
    assert len(server.requests) == tries


def stall(handler):
    handler.server.closing.wait()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((401, {"WWW-Authenticate": 'Basic realm="x"'}, b""), "docker login 127.0.0.1"),
        (404, "no such image (HTTP 404"),
        ((429, {"Retry-After": "0"}, b""), "too many requests"),
        ((429, {"Retry-After": "900"}, b""), "which asks to wait 900 s"),
        ((500, {"Retry-After": "0"}, b""), "the registry has an internal error. Try later (HTTP 500"),
        (stall, "did not answer within 0.5 s"),
    ],
    ids=["401", "404", "429", "429 for long", "500", "stalls"],
)
@pytest.mark.parametrize("command", ["inspect", "compare"])
def test_command_line_registry_error_is_exit_code_4(
    server, answer, message, command, tmp_path, capsys, monkeypatch, small_image
):
    if answer is stall:
        monkeypatch.setitem(Registry.__init__.__kwdefaults__, "timeout_seconds", 0.5)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    server.answers["/manifests/"] = answer
    small_image.write_oci(tmp_path / "good")
    image = f"registry:{server.host}/app:1"
    images = [image] if command == "inspect" else [f"oci:{tmp_path / 'good'}", image]
    code = run([command, *images, "--cache-dir", str(tmp_path / "the-cache")])
    out, err = capsys.readouterr()
    assert (code, out) == (ExitCode.UNAVAILABLE, "")
    line = err.strip().splitlines()[-1]
    assert line.startswith(f"error: {image}: ")
    assert message in line


def test_registry_with_temporary_error_is_retried(server):
    failures = [503, 429]
    manifest = (200, {"Content-Type": server.manifest_type}, server.manifest)
    server.answers["/manifests/"] = lambda handler: failures.pop() if failures else manifest
    assert len(server.registry().image(None).layers) == 2


@pytest.mark.parametrize("date", [False, True], ids=["seconds", "date"])
def test_retry_after_replaces_own_wait(server, date, monkeypatch):
    clock = SimpleNamespace(time=lambda: 1_700_000_000.0, monotonic=time.monotonic, sleep=(waits := []).append)
    monkeypatch.setattr(registry_module, "time", clock)
    manifest = (200, {"Content-Type": server.manifest_type}, server.manifest)
    after = email.utils.formatdate(clock.time() + 7, usegmt=True) if date else "7"
    answers = [manifest, (429, {"Retry-After": after}, b"")]
    server.answers["/manifests/"] = lambda handler: answers.pop()
    assert server.registry(retry_after_seconds=(60,)).image(None).layers
    assert waits == [7]


def test_registry_with_long_retry_after_fails_without_waiting(server):
    server.answers["/manifests/"] = (503, {"Retry-After": "3600"}, b"")
    with pytest.raises(RegistryError, match=r"internal error.*which asks to wait 3600 s"):
        server.registry().image(None)
    assert len(server.requests) == 1


def drip_headers(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not handler.server.closing.wait(0.1):
        handler.wfile.write(b"X-A: b\r\n")


def continue_without_end(handler):
    while not handler.server.closing.wait(0.01):
        handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def drip_chunk_size(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
    while not handler.server.closing.wait(0.1):
        handler.wfile.write(b"0")


def drip_body(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
    while not handler.server.closing.wait(0.1):
        handler.wfile.write(b" ")


@pytest.mark.parametrize("answer", [drip_headers, continue_without_end, drip_chunk_size, drip_body])
@pytest.mark.parametrize("path", ["/manifests/", "/blobs/", "/token"])
def test_registry_too_slow_raises_error_in_time(server, answer, path):
    if path == "/token":
        challenge = f'Bearer realm="http://{server.host}/token"'
        server.answers["/manifests/"] = (401, {"WWW-Authenticate": challenge}, b"")
    server.answers[path] = answer
    with pytest.raises(RegistryError, match=r"did not answer within 0.5 s|given up"):
        server.registry(timeout_seconds=0.5).image(None)


@pytest.mark.parametrize("answer", [drip_headers, drip_body])
def test_registry_too_slow_with_referrers_is_given_up_after_one_deadline(server, monkeypatch, answer):
    monkeypatch.setattr("weighbridge.sources.registry.MAX_REFERRERS_SECONDS", 0.5)
    server.answers["/referrers/"] = server.answers["/manifests/sha256-"] = answer
    found = server.registry(timeout_seconds=60).image(None, with_attached=True)
    assert found.attached.packages is None
    asked = [path for path, _ in server.requests if "/referrers/" in path or "/manifests/sha256-" in path]
    assert len(asked) == 1, "the deadline is that of all requests together"


def test_challenge_of_one_long_word_is_read_in_linear_time(server):
    def ask(size):
        server.answers["/manifests/"] = (401, {"WWW-Authenticate": "Bearer " + "a" * size}, b"")
        with pytest.raises(RegistryError, match="unknown kind"):
            server.registry().image(None)

    assert_linear(ask, largest=60_000)


def test_blob_too_slow_raises_error(server):
    def drip(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not handler.server.closing.wait(0.1):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    server.answers["/blobs/"] = drip
    with pytest.raises(RegistryError, match="given up"):
        list(server.registry(timeout_seconds=0.5).blob(next(iter(server.blobs))))


def test_registry_without_answer_fails_in_time(server):
    server.answers["/manifests/"] = stall
    with pytest.raises(RegistryError, match="did not answer within"):
        server.registry(timeout_seconds=0.5).image(None)


def test_stalled_blob_fails_in_time(server):
    def begin_and_stall(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        handler.wfile.write(b"x")
        handler.wfile.flush()
        stall(handler)

    server.answers["/blobs/"] = begin_and_stall
    with pytest.raises(RegistryError, match=r"no answer in time|did not answer"):
        list(server.registry(timeout_seconds=0.5).blob(next(iter(server.blobs))))


def test_interrupted_blob_is_refused(server, reader):
    def cut(handler):
        digest = handler.path.rpartition("/")[2]
        if server.blobs[digest][:1] == b"{":
            return 200, {}, server.blobs[digest]
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(server.blobs[digest])))
        handler.end_headers()
        handler.wfile.write(server.blobs[digest][:50])
        handler.close_connection = True
        return None

    server.answers["/blobs/"] = cut
    outcome = server.read(reader)
    assert isinstance(outcome, (RegistryError, ImageError))
    assert "broke off" in str(outcome) or "truncated" in str(outcome)


def test_blob_with_other_content_is_refused(server, reader):
    for digest, content in list(server.blobs.items()):
        if content[:2] == b"\x1f\x8b":
            server.blobs[digest] = content[:4] + b"\1\2\3\4" + content[8:]
    outcome = server.read(reader)
    assert isinstance(outcome, ImageError)
    assert "damaged or replaced" in str(outcome)


def test_endless_blob_is_cut_off(server, reader):
    def endless(handler):
        digest = handler.path.rpartition("/")[2]
        content = server.blobs[digest]
        return 200, {}, content if content[:1] == b"{" else content + bytes(5_000_000)

    server.answers["/blobs/"] = endless
    outcome = server.read(reader)
    assert isinstance(outcome, ImageError)
    assert "more than its" in str(outcome)


def test_manifest_over_limit_is_refused(server):
    server.answers["/manifests/"] = (200, {}, b" " * (9 << 20))
    with pytest.raises(ImageError, match="exceeds the limit"):
        server.registry(timeout_seconds=20).image(None)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"mediaType": "text/plain"}', b'{"config": 1, "layers": []}'])
def test_answer_not_manifest_is_refused(server, body):
    server.answers["/manifests/"] = (200, {}, body)
    with pytest.raises(ImageError, match=r"is not valid|not a container image"):
        server.registry().image(None)


def test_registry_unreachable_is_unavailable():
    registry = Registry(split_registry_name("127.0.0.1:1/app:1"), credentials=lambda host: None)
    with pytest.raises(RegistryError, match="cannot be reached"):
        registry.image(None)


# Authentication


def with_tokens(server, *, wants=None):
    """Tokens as the distribution project describes them."""

    def guarded(handler):
        if handler.headers.get("Authorization") == "Bearer good":
            return 200, {"Content-Type": server.manifest_type}, server.manifest
        realm = f'Bearer realm="http://{server.host}/token",service="srv",scope="repository:app:pull"'
        return 401, {"WWW-Authenticate": realm}, b""

    def token(handler):
        query = parse_qs(urlsplit(handler.path).query) or parse_qs(handler.body)
        assert (query["service"], query["scope"]) == (["srv"], ["repository:app:pull"])
        if wants and handler.headers.get("Authorization") != wants and query.get("refresh_token") != [wants]:
            return 401, {}, b""
        return 200, {}, json.dumps({"token": "good"}).encode()

    server.answers = {"/token": token, "/manifests/": guarded}


def test_anonymous_token_is_fetched(server):
    with_tokens(server)
    assert len(server.registry().image(None).layers) == 2


def test_token_is_fetched_with_password(server):
    with_tokens(server, wants="Basic " + base64.b64encode(b"me:secret").decode())
    assert server.registry(credentials=RegistryCredentials(user="me", password="secret")).image(None)
    with pytest.raises(RegistryError, match=r"token server 127.*refused.*docker login"):
        server.registry().image(None)


def test_token_is_fetched_with_identity_token(server):
    with_tokens(server, wants="identity")
    credentials = RegistryCredentials(user="", password="", identity_token="identity")
    assert server.registry(credentials=credentials).image(None)


def test_basic_credentials_are_sent_only_on_challenge(server):
    expected = "Basic " + base64.b64encode(b"me:secret").decode()

    def guarded(handler):
        if handler.headers.get("Authorization") == expected:
            return 200, {"Content-Type": server.manifest_type}, server.manifest
        return 401, {"WWW-Authenticate": 'Basic realm="x"'}, b""

    server.answers["/manifests/"] = guarded
    server.registry(credentials=RegistryCredentials(user="me", password="secret")).image(None)
    assert [authorization for _, authorization in server.requests] == [None, expected, expected]


def test_credentials_do_not_follow_redirect_to_another_host(server, small_image):
    other = FakeRegistry(small_image)
    try:
        server.answers["/blobs/"] = lambda handler: (
            307,
            {"Location": f"http://localhost:{other.host.rpartition(':')[2]}{handler.path}"},
            b"",
        )
        registry = server.registry()
        registry._authorization = "Bearer secret"
        digest = next(iter(server.blobs))
        assert b"".join(registry.blob(digest)) == server.blobs[digest]
        assert [authorization for _, authorization in other.requests] == [None]
    finally:
        other.close()


@pytest.mark.parametrize("realm", ["ftp://x/token", "", "//x"])
def test_invalid_realm_is_refused(server, realm):
    server.answers["/manifests/"] = (401, {"WWW-Authenticate": f'Bearer realm="{realm}"'}, b"")
    with pytest.raises(RegistryError, match="unknown kind of authentication"):
        server.registry().image(None)


def test_only_this_machine_is_contacted_without_tls():
    assert [is_loopback(host) for host in ("localhost:5000", "127.0.0.1", "127.9.9.9:1", "[::1]:5000")] == [True] * 4
    assert [is_loopback(host) for host in ("localhost.example", "10.0.0.1:5000", "quay.io")] == [False] * 3


# docker's config


@pytest.fixture
def config(tmp_path):
    def write(document):
        (tmp_path / "config.json").write_text(document if isinstance(document, str) else json.dumps(document))
        return tmp_path

    return write


@pytest.fixture
def helper(tmp_path, monkeypatch):
    """A credential helper on PATH that answers with what it is given."""

    def make(answer, *, exit_status=0):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        path = folder / "docker-credential-test"
        (tmp_path / "answer").write_text(answer)
        path.write_text(
            f"#!/bin/sh\n[ \"$1\" = get ] || exit 9\ncat >> '{tmp_path}/asked'\n"
            f"cat '{tmp_path}/answer'\nexit {exit_status}\n"
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        return tmp_path

    return make


def test_missing_config_gives_no_credentials(tmp_path):
    assert docker_credentials("quay.io", config_folder=tmp_path) is None


def test_auths_apply_to_their_host_only(config):
    folder = config({"auths": {"quay.io": {"auth": base64.b64encode(b"me:se:cret").decode()}}})
    assert docker_credentials("quay.io", config_folder=folder) == RegistryCredentials(user="me", password="se:cret")
    assert docker_credentials("ghcr.io", config_folder=folder) is None


def test_docker_hub_is_found_under_its_old_name(config):
    folder = config({"auths": {"https://index.docker.io/v1/": {"auth": base64.b64encode(b"me:x").decode()}}})
    assert docker_credentials("registry-1.docker.io", config_folder=folder).user == "me"


def test_helper_for_host_overrides_store(config, helper):
    folder = helper('{"Username": "me", "Secret": "from helper"}')
    config({"credHelpers": {"quay.io": "test"}, "credsStore": "other", "auths": {"quay.io": {}}})
    assert docker_credentials("quay.io", config_folder=folder) == RegistryCredentials(user="me", password="from helper")
    assert (folder / "asked").read_text() == "quay.io"


def test_credential_store_is_used_for_every_host(config, helper):
    folder = helper('{"Username": "<token>", "Secret": "abc"}')
    config({"credsStore": "test"})
    assert docker_credentials("ghcr.io", config_folder=folder).identity_token == "abc"


def test_credential_store_without_entry_is_no_error(config, helper):
    folder = helper("credentials not found in native keychain", exit_status=1)
    config({"credsStore": "test"})
    assert docker_credentials("ghcr.io", config_folder=folder) is None


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "cannot be read"),
        ({"auths": {"quay.io": {"auth": "%%%"}}}, "not valid base64"),
        ({"credsStore": "../../bin/sh"}, "not the name of a credential helper"),
        ({"credsStore": "is-not-there"}, "not on PATH"),
    ],
)
def test_invalid_config_is_refused(config, document, message):
    with pytest.raises(RegistryError, match=message):
        docker_credentials("quay.io", config_folder=config(document))


def test_failing_helper_is_named(config, helper):
    folder = helper("boom", exit_status=3)
    config({"credsStore": "test"})
    with pytest.raises(RegistryError, match="docker-credential-test failed"):
        docker_credentials("quay.io", config_folder=folder)


def test_secrets_are_not_in_representation():
    assert "secret" not in repr(RegistryCredentials(user="me", password="secret", identity_token="secret"))


def read_with_base_image(server, path, cache, **how):
    reference = parse_image_reference(f"docker-archive:{path}")
    with LayerReader(cache=cache) as reader:
        return reader.read([reference], base_images={reference: f"{server.host}/app:1"}, **how)[reference]


@pytest.fixture
def archive_without_blobs(small_image, write_archive, member, tar):
    """The served image with a layer more, stored without compressed blobs."""
    small_image.layers.append(tar([member("own", content=b"1" * 5000)]))
    return write_archive(small_image.legacy_members())


def test_layers_of_base_image_have_sizes_of_manifest(server, archive_without_blobs, cache):
    image = read_with_base_image(server, archive_without_blobs, cache)
    in_manifest = [layer["size"] for layer in json.loads(server.manifest)["layers"]]
    assert [layer.download_bytes for layer in image.layers[:2]] == in_manifest
    assert [layer.download_estimated for layer in image.layers] == [False, False, True]
    assert len(server.requests) == 2, "manifest and config"


def test_sizes_of_base_image_known_from_an_earlier_run_need_no_request(server, archive_without_blobs, cache):
    before = read_with_base_image(server, archive_without_blobs, cache)
    server.requests.clear()
    assert read_with_base_image(server, archive_without_blobs, cache) == before
    assert server.requests == []


def test_head_of_the_same_run_has_the_same_sizes_and_asks_no_registry(server, archive_without_blobs, cache):
    copied = shutil.copyfile(archive_without_blobs, archive_without_blobs.with_name("head.tar"))
    base, head = (parse_image_reference(f"docker-archive:{path}") for path in (archive_without_blobs, copied))
    with LayerReader(cache=cache) as reader:
        images = reader.read([base, head], base_images={base: f"{server.host}/app:1"})
    assert [layer.download_bytes for layer in images[base].layers] == [
        layer.download_bytes for layer in images[head].layers
    ]
    assert len(server.requests) == 2


@pytest.mark.parametrize("answer", [404, 500, 401, (200, {}, b"no manifest")])
def test_registry_without_an_answer_leaves_sizes_of_base_image_estimated(server, archive_without_blobs, cache, answer):
    server.answers["/manifests/"] = answer
    image = read_with_base_image(server, archive_without_blobs, cache)
    assert all(layer.download_estimated and layer.download_bytes for layer in image.layers)


def test_registry_that_hangs_is_waited_for_once_in_a_run(server, archive_without_blobs, cache, monkeypatch):
    for module in ("registry_sizes", "reader"):
        monkeypatch.setattr(f"weighbridge.sources.{module}.MAX_SIZES_SECONDS", 0.3)
    asked = []

    def hang(handler):
        asked.append(handler.path)
        stall(handler)

    server.answers["/manifests/"] = hang
    reference = parse_image_reference(f"docker-archive:{archive_without_blobs}")
    with LayerReader(cache=cache) as reader:
        for version in ("1", "2", "3"):
            image = reader.read([reference], base_images={reference: f"{server.host}/app:{version}"})[reference]
    assert asked == ["/v2/app/manifests/1"]
    assert image.layers[0].download_estimated
