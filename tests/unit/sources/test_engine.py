"""An engine in trouble. The real ones are read in tests/engine; this one answers as they do, and then breaks off."""

import base64
import contextlib
import gzip
import hashlib
import io
import json
import socket
import socketserver
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import docker
import pytest

from weighbridge.errors import EngineError, ImageError
from weighbridge.sources.engine_storage import chain_ids
from weighbridge.sources.known_in_engine import engine_record
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.storage_helper_stream import ImageFailed, LayerProgress
from weighbridge.sources.transports import parse_image_reference


class FakeEngine:
    """The four calls that reading makes. `save` may be replaced: it gets the handler and the names.

    It listens at the Unix socket `socket`, else over TCP.
    """

    def __init__(self, images, tar, socket=None):
        self.images = images
        self.tar = tar
        self.saved = []
        engine = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    engine.answer(self)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler) if socket is None else UnixServer(socket, Handler)
        self.server.daemon_threads = True
        self.closing = threading.Event()
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        host = f"tcp://127.0.0.1:{self.server.server_address[1]}" if socket is None else f"unix://{socket}"
        self.path = socket
        self.client = docker.DockerClient(base_url=host, timeout=5)

    def close(self):
        self.closing.set()
        self.client.close()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, handler):
        url = urlsplit(handler.path)
        path = url.path.partition("/v1.41")[2] or url.path
        if path == "/version":
            return send(handler, 200, {"ApiVersion": "1.41"})
        if path == "/info":
            return send(handler, 200, {"DockerRootDir": "/nowhere"})
        if path == "/images/get":
            names = parse_qs(url.query)["names"]
            self.saved.append(names)
            return self.save(handler, names)
        name = unquote(path.removeprefix("/images/").removesuffix("/json"))
        if name not in self.images:
            return send(handler, 404, {"message": f"No such image: {name}"})
        image = self.images[name]
        diff_ids = json.loads(image.config_bytes())["rootfs"]["diff_ids"]
        document = {"Id": self.image_id(name), "Os": "linux", "Architecture": "amd64", "RootFS": {"Layers": diff_ids}}
        return send(handler, 200, document)

    def image_id(self, name):
        config = self.images[name].legacy_members()[-2][0].name
        return f"sha256:{config.removesuffix('.json')}"

    def archive(self, names):
        images = [image for name, image in self.images.items() if self.image_id(name) in names]
        members = [member for image in images for member in image.legacy_members()[:-1]]
        items = [json.loads(image.legacy_members()[-1][1])[0] for image in images]
        manifest = images[0].legacy_members()[-1][0]
        content = json.dumps(items).encode()
        manifest.size = len(content)
        return self.tar([*members, (manifest, content)])

    def save(self, handler, names):
        send(handler, 200, self.archive(names))


class UnixServer(socketserver.ThreadingUnixStreamServer):
    def get_request(self):
        connection, _ = super().get_request()
        return connection, ("unix", 0)  # the handler wants a host and a port


def send(handler, status, body, *, length=None):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture(params=["tcp", "unix"])
def engine(request, small_image, layout, tar, member, tmp_path):
    # Layer folders of a legacy archive are named by the image here, so that two images do not collide.
    other = layout(layers=[small_image.layers[0], small_image.layers[1], tar([member("x", content=b"1" * 7)])])
    socket = str(tmp_path / "engine.sock") if request.param == "unix" else None
    engine = FakeEngine({"one": small_image, "two": other}, tar, socket)
    yield engine
    engine.close()


def read(engine, cache, *names):
    references = [parse_image_reference(name) for name in names]
    with LayerReader(cache=cache, engine=lambda: engine.client) as reader:
        return list(reader.read(references).values())


def never():
    raise AssertionError("the SDK of docker is not needed")


@pytest.mark.parametrize("engine", ["unix"], indirect=True)
def test_known_image_at_unix_socket_is_read_without_client(engine, cache):
    (expected,) = read(engine, cache, "one")
    with LayerReader(cache=cache, engine=never, engine_socket=lambda: engine.path) as reader:
        reference = parse_image_reference("one")
        image = reader.read([reference])[reference]
    assert image == expected
    assert len(engine.saved) == 1


def test_unknown_image_at_unix_socket_is_read_with_client(engine, cache):
    read(engine, cache, "one")
    references = [parse_image_reference(name) for name in ("one", "two", "missing")]
    with LayerReader(cache=cache, engine=lambda: engine.client, engine_socket=lambda: engine.path) as reader:
        one, two, missing = reader.read(references).values()
    assert (one.unpacked_bytes, two.unpacked_bytes) == (3130, 3137)
    assert engine.saved == [[engine.image_id("one")], [engine.image_id("two")]]
    assert "no such image in the engine" in str(missing)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n[]",
        b'HTTP/1.0 200 OK\r\n\r\n{"Id": "sha256:',
        b'HTTP/1.0 500 Error\r\n\r\n{"message": "broken"}',
        b"HTTP/1.0 200 OK\r\n\r\n" + b" " * (5 << 20),
    ],
)
def test_record_with_invalid_answer_is_none(tmp_path, answer):
    path = str(tmp_path / "engine.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(1000)
                connection.sendall(answer)

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        assert engine_record(path, "app:1") is None
        server.join(5)


def test_record_without_engine_is_none(tmp_path):
    assert engine_record(str(tmp_path / "engine.sock"), "app:1") is None


def test_all_images_come_in_one_save(engine, cache):
    one, two = read(engine, cache, "one", "two")
    assert (one.unpacked_bytes, two.unpacked_bytes) == (3130, 3137)
    assert engine.saved == [[engine.image_id("one"), engine.image_id("two")]]
    assert read(engine, cache, "one", "two") == [one, two]
    assert len(engine.saved) == 1


def test_two_names_of_one_image_are_saved_once(engine, cache, small_image):
    engine.images["same"] = small_image
    one, same = read(engine, cache, "one", "same")
    assert one == same
    assert engine.saved == [[engine.image_id("one")]]


def test_image_not_saved_does_not_affect_others(engine, cache):
    def save(handler, names):
        if engine.image_id("two") in names:
            return send(handler, 500, {"message": "content digest: not found"})
        return send(handler, 200, engine.archive(names))

    engine.save = save
    one, two = read(engine, cache, "one", "two")
    assert one.unpacked_bytes == 3130
    assert isinstance(two, EngineError)
    assert "the engine answered 500" in str(two)
    assert "content digest: not found" in str(two)


@pytest.mark.parametrize("kept", [0, 700, 9000])
def test_interrupted_save_is_error(engine, cache, kept):
    def save(handler, names):
        content = engine.archive(names)
        send(handler, 200, content[:kept], length=len(content))
        handler.close_connection = True

    engine.save = save
    (outcome,) = read(engine, cache, "one")
    assert isinstance(outcome, (EngineError, ImageError))
    assert "broke" in str(outcome) or "truncated" in str(outcome)


@pytest.mark.parametrize("kept", [0, 700, 9000])
def test_short_save_without_length_is_error(engine, cache, kept):
    def save(handler, names):
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(engine.archive(names)[:kept])
        handler.close_connection = True

    engine.save = save
    (outcome,) = read(engine, cache, "one")
    assert isinstance(outcome, ImageError)
    assert str(outcome).startswith("docker save: the tar is truncated")


def test_only_save_at_unix_socket_is_unchunked(engine, cache):
    versions = {}
    answer = engine.answer

    def recorded(handler):
        versions.setdefault(urlsplit(handler.path).path.rpartition("/")[2], set()).add(handler.request_version)
        answer(handler)

    engine.answer = recorded
    read(engine, cache, "one")
    at_socket = str(engine.client.api.base_url).startswith("http+docker")
    assert versions == {"info": {"HTTP/1.1"}, "json": {"HTTP/1.1"}, "get": {"HTTP/1.0" if at_socket else "HTTP/1.1"}}


def test_save_without_output_times_out(engine, cache, monkeypatch):
    monkeypatch.setattr("weighbridge.sources.engine_images.STALL_TIMEOUT_SECONDS", 0.3)
    engine.save = lambda handler, names: engine.closing.wait()
    (outcome,) = read(engine, cache, "one")
    assert isinstance(outcome, EngineError)


def test_save_of_something_else_is_error(engine, cache):
    two = engine.image_id("two")
    engine.save = lambda handler, names: send(handler, 200, engine.archive([two]))
    (outcome,) = read(engine, cache, "one")
    assert isinstance(outcome, ImageError)
    assert "not in what the engine sent" in str(outcome)


def test_engine_missing_is_unavailable(cache):
    def engine():
        return docker.DockerClient(base_url="tcp://127.0.0.1:1", version="1.41", timeout=2)

    reference = parse_image_reference("one")
    with LayerReader(cache=cache, engine=engine) as reader:
        outcome = reader.read([reference])[reference]
    assert isinstance(outcome, EngineError)


TITLES = {parse_image_reference("one"): "shop base", parse_image_reference("two"): "shop head"}


def read_with_titles(engine, cache, **how):
    """What progress named while both images were read, each thing once."""
    named = []
    with LayerReader(
        cache=cache, engine=lambda: engine.client, progress=lambda reading: named.append(reading.what), **how
    ) as reader:
        images = reader.read(list(TITLES), titles=TITLES)
    assert [image.unpacked_bytes for image in images.values()] == [3130, 3137]
    return list(dict.fromkeys(named))


def test_progress_of_save_names_images_by_title(engine, cache):
    assert read_with_titles(engine, cache) == ["shop base, shop head (docker save)"]


def test_progress_of_helper_names_image_by_its_title(engine, cache):
    class Helper:
        """Says what the real one says of one image that it begins with, and of one that it cannot read."""

        def messages(self, request):
            first, second = (image.image_id for image in request.images)
            yield LayerProgress(image_id=first, layer=2, layers=5, done_bytes=1)
            yield ImageFailed(image_id=second, why="it is not in the storage")

    said = []
    named = read_with_titles(engine, cache, helper=lambda client: Helper(), say=said.append)
    assert named == ["shop base, layer 2 of 5", "shop base, shop head (docker save)"]
    assert said[0] == "shop head: the storage helper cannot read it: it is not in the storage; so docker save does it"


def write_overlay(root, image):
    """An image as the overlay2 store has it: each layer in two halves, its files and the bytes between them."""
    config, below = image.config_bytes(), []
    documents = root / "image/overlay2/imagedb/content/sha256"
    documents.mkdir(parents=True, exist_ok=True)
    (documents / hashlib.sha256(config).hexdigest()).write_bytes(config)
    for number, layer in enumerate(image.layers):
        below.append(f"sha256:{hashlib.sha256(layer).hexdigest()}")
        database = root / "image/overlay2/layerdb" / chain_ids(below)[-1].replace(":", "/")
        files = root / "overlay2" / f"{number}{database.name[:8]}" / "diff"
        database.mkdir(parents=True, exist_ok=True)
        files.mkdir(parents=True, exist_ok=True)
        (database / "cache-id").write_text(files.parent.name)
        lines, at = [], 0
        with tarfile.open(fileobj=io.BytesIO(layer)) as members:
            held = members.getmembers()
        for member in held:
            lines.append({"type": 2, "payload": base64.b64encode(layer[at : member.offset_data]).decode()})
            at = member.offset_data + (member.size if member.isreg() else 0)
            lines.append({"type": 1, "name": member.name, "size": at - member.offset_data})
            if member.isreg():
                (files / member.name).parent.mkdir(exist_ok=True)
                (files / member.name).write_bytes(layer[member.offset_data : at])
        lines.append({"type": 2, "payload": base64.b64encode(layer[at:]).decode()})
        content = "".join(json.dumps(line) + "\n" for line in lines).encode()
        (database / "tar-split.json.gz").write_bytes(gzip.compress(content))


@pytest.mark.parametrize("store", ["containerd", "overlay2"])
def test_progress_in_engines_own_storage_names_image_by_its_title(engine, cache, tmp_path, store):
    blobs = tmp_path / "containerd/io.containerd.content.v1.content"
    if store == "containerd":
        engine.image_id = {name: image.write_oci(blobs)["digest"] for name, image in engine.images.items()}.get
    else:
        for image in engine.images.values():
            write_overlay(tmp_path, image)
    answer = engine.answer

    def with_root(handler):
        if handler.path.endswith("/info"):
            return send(handler, 200, {"DockerRootDir": str(tmp_path)})
        return answer(handler)

    engine.answer = with_root
    named = read_with_titles(engine, cache)
    told_of = (3,) if store == "containerd" else (1, 2, 3)
    assert named == [
        *(f"shop base, layer {number} of 2" for number in (1, 2)),
        *(f"shop head, layer {number} of 3" for number in told_of),
    ]
    assert not engine.saved


def test_error_names_image_by_reference_and_not_title(engine, cache):
    reference = parse_image_reference("three")
    with LayerReader(cache=cache, engine=lambda: engine.client) as reader:
        outcome = reader.read([reference], titles={reference: "shop head"})[reference]
    assert str(outcome) == "three: no such image in the engine. Build or pull it first"
